"""Tests of the page's modules against Python, number by number."""

from __future__ import annotations

import colorsys
import math
from typing import Any

import numpy as np
import pytest

import monet
from monet.grasp import FEATURES, Grasp
from tests import node
from tests.test_grasp import GROUND, SIDE, ellipse

COMPOSE = """(compose, cases) => cases.map(([attention, logits]) => {
    const decoded = logits.map((slot) => Float32Array.from(slot.flatMap((logit) => [0, 0, 0, logit])));
    const softmax = compose.softmaxMasks(decoded, logits.map(() => true));
    const masks = compose.composeMasks(attention.map((mask) => mask && Float32Array.from(mask)), softmax);
    return masks.map((mask) => [...mask]);
})"""


def test_page_and_python_compose_the_same() -> None:
    rng = np.random.default_rng(3)
    given: list[Any] = []
    here: list[np.ndarray] = []
    for deleted in (False, True):
        for edited in ([], [1], [0, 3], [1, 2, 3], [0, 1, 2, 3]):
            logits = (40 * rng.standard_normal((4, 2, 50))).astype(np.float32)[deleted:]
            attention = rng.dirichlet([0.05] * 4, (2, 50)).transpose(2, 0, 1).astype(np.float32)[deleted:]
            which = np.isin(np.arange(4), edited)[deleted:]
            here.append(monet.compose_masks(attention, logits, which).reshape(len(which), -1))
            masks = [None if e else mask.ravel().tolist() for e, mask in zip(which, attention, strict=True)]
            given.append([masks, logits.reshape(len(logits), -1).tolist()])
    there = node.evaluate(COMPOSE, ["scene/compose.js"], given)
    for found, expected in zip(there, here, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
        np.testing.assert_allclose(np.sum(found, 0), 1, atol=1e-5)


GRASP = """async ({ Grasp }, { latents, decodings, ground, targets, size }) => {
    // Every decoding that Python asked for, in the same order.
    let asked = 0;
    const decode = async (some) => some.map(() => Float32Array.from(decodings[asked++]));
    const others = [Float32Array.from(ground)];
    const grasp = await Grasp.of({ decode, latent: Float32Array.from(latents), others, size });
    const told = [];
    for (const target of targets) {
        const { latent, features, settled } = await grasp.toward(target);
        told.push({ latent: [...latent], features: Object.values(features), settled });
    }
    return { start: Object.values(grasp.start), told, asked };
}"""


def test_the_hand_of_the_page_takes_the_steps_of_pythons() -> None:
    decodings: list[list[float]] = []

    def decode(latents: np.ndarray) -> np.ndarray:
        pixels = ellipse(latents)
        decodings.extend(pixel.ravel().tolist() for pixel in pixels)
        return pixels

    latent = np.zeros(8)
    grasp = Grasp(decode, latent, GROUND)
    targets = [(grasp.start + np.array([d, -d / 2, 0.2 * d, 0.05, 0, 0, 0, 0, 0]), 0.0) for d in (1, 2, 4, 6, 6, 6)]
    targets += [(targets[-1][0], angle) for angle in (0.1, 0.3, 0.5, 0.5, 0.5)]
    here = [grasp.toward(*target) for target in targets]
    given = {
        "latents": latent.tolist(), "decodings": decodings, "ground": GROUND.ravel().tolist(), "size": SIDE,
        "targets": [dict(zip(FEATURES, t.tolist(), strict=True)) | {"angle": angle} for t, angle in targets],
    }  # fmt: skip
    there = node.evaluate(GRASP, ["scene/grasp.js"], given)
    assert there["asked"] == len(decodings)
    for told, reached in zip(there["told"], here, strict=True):
        np.testing.assert_allclose(told["latent"], reached.latent, atol=1e-5)
        np.testing.assert_allclose(told["features"][:-1], reached.features, atol=1e-6)
        assert told["settled"] == reached.settled


TINTED = """({ tinted, lit }, hues) => {
    const of = ({ red, green, blue }) => [red, green, blue];
    const object = { red: 0.8, green: 0.3, blue: 0.2 };
    return [hues.map((hue) => of(tinted(object, hue))), of(lit(object, -0.3))];
}"""


def test_another_hue_and_brightness_leave_the_rest_of_a_colour() -> None:
    hues = [0.0, 0.1, 0.35, 0.5, 0.8]
    tinted, lit = node.evaluate(TINTED, ["stage/color.js"], hues)
    _, saturation, value = colorsys.rgb_to_hsv(0.8, 0.3, 0.2)
    np.testing.assert_allclose(tinted, [colorsys.hsv_to_rgb(hue, saturation, value) for hue in hues], atol=1e-6)
    np.testing.assert_allclose(lit, np.array([0.8, 0.3, 0.2]) * 0.5 / 0.8, atol=1e-6)


def mulberry32(seed: int, count: int) -> list[float]:
    """Returns uniform numbers by the generator's published definition, with Python's integers."""
    found = []
    for _ in range(count):
        seed = (seed + 0x6D2B79F5) % 2**32
        t = (seed ^ seed >> 15) * (seed | 1) % 2**32
        t ^= (t + (t ^ t >> 7) * (t | 61)) % 2**32
        found.append((t ^ t >> 14) / 2**32)
    return found


def test_seeded_numbers_are_mulberry32s_through_box_and_muller() -> None:
    draws = node.evaluate("({ normal }) => Array.from({ length: 50 }, normal(4711))", ["scene/random.js"])
    uniform = mulberry32(4711, 100)
    pairs = zip(uniform[::2], uniform[1::2], strict=True)
    expected = [math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v) for u, v in pairs]
    assert draws == pytest.approx(expected, abs=1e-6)

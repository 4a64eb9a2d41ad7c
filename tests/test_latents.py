"""Tests of the latents' measures, on decoders and scenes whose answers are known beforehand."""

from __future__ import annotations

import colorsys
import json
import runpy
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from monet import checkpoints
from monet.checkpoints import CheckpointError
from monet.data import Scene, batches
from monet.latents import FEATURES, FILE, Effect, Latent, Latents, card, fingerprint
from monet.latents.effects import effects, longest_run
from monet.latents.features import difference, measure, outline
from monet.latents.knowledge import knowledge
from monet.latents.slots import Slots, collect, match
from monet.model import MONetConfig

SIDE, COUNT = 64, 40


class Ellipses(nn.Module):
    """A decoder whose latents 0 to 4 are place, size, hue and angle of an ellipse; 5 makes it vanish from 1.5 on; 6
    moves it right or left, as the sign of 7 says; the others do nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.config = MONetConfig()
        self.parameter = nn.Parameter(torch.zeros(1))

    def decode(self, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        z = latents.double().numpy()
        down, right = np.mgrid[:SIDE, :SIDE]
        x = 31.5 + 5 * z[:, 0] + 6 * z[:, 6] * np.sign(z[:, 7])
        dx, dy = right - x[:, None, None], down - (31.5 + 4 * z[:, 1])[:, None, None]
        angle, size = np.radians(30 * z[:, 4])[:, None, None], (8 * 2 ** (z[:, 2] / 8))[:, None, None]
        along, across = np.cos(angle) * dx + np.sin(angle) * dy, np.cos(angle) * dy - np.sin(angle) * dx
        logits = 40 * (1 - np.hypot(along / size, across / size * 2)) - 1000 * (z[:, 5] > 1.5)[:, None, None]
        color = np.array([colorsys.hsv_to_rgb(h % 1, 0.8, 0.7) for h in 0.5 + 40 / 360 * z[:, 3]])
        components = np.broadcast_to(color[:, :, None, None], (len(z), 3, SIDE, SIDE))
        return torch.from_numpy(components.copy()), torch.from_numpy(logits)


def slots(latents: np.ndarray, scenes: list[Scene] | None = None) -> Slots:
    """Returns slots with these latents, each in a scene with one object, beside a slot with logits 0."""
    count = len(latents)
    kl = np.ones_like(latents)
    kl[:, 8:] = 0
    rivals = np.zeros((count, SIDE, SIDE))
    return Slots(latents, kl, rivals, np.arange(count), np.ones(count, int), scenes or [], count)


@pytest.fixture(scope="module")
def measured() -> Latents:
    latents = np.random.default_rng(0).normal(0, 0.3, (COUNT, 16))
    return effects(Ellipses(), slots(latents), "multi_dsprites", "0" * 64)  # type: ignore[arg-type]


@pytest.mark.slow
def test_latents_are_called_what_they_do(measured: Latents) -> None:
    names = [measured.name(latent) for latent in measured.latents]
    # The sweep ends before the last value where the ellipse vanishes; nothing else happens on the way there.
    assert names[:6] == ["moves across", "moves up and down", "size", "hue", "turns", "no visible effect"]
    assert names[6:] == ["mixed", "mixed", *["unused"] * 8]


@pytest.mark.parametrize(
    "z, feature, change", [(0, "x", 20), (1, "y", 16), (2, "area", 1), (3, "hue", 160), (4, "angle", 120)]
)
def test_effects_have_the_size_that_they_were_given(measured: Latents, z: int, feature: str, change: float) -> None:
    latent = measured.latents[z]
    assert latent.effects[feature].change == pytest.approx(change, rel=0.02)
    assert latent.effects[feature].consistent == latent.effects[feature].of == latent.survived == COUNT
    along = {"hue": ("red", "green", "blue"), "angle": ("outline",)}.get(feature, ())
    others = {name: e for name, e in latent.effects.items() if name not in (feature, *along)}
    assert all(abs(e.change) < FEATURES[name].noticeable for name, e in others.items())


def test_it_is_told_where_an_object_dissolves(measured: Latents) -> None:
    assert measured.latents[5].survives == (1, 1, 1, 1, 0) and measured.latents[5].survived == 0
    assert measured.survival == 7 / 8


def test_draws_from_the_prior_are_objects_where_the_decoder_draws_one(measured: Latents) -> None:
    draws = np.random.default_rng(0).standard_normal((COUNT, 16))
    assert measured.drawn == (draws[:, 5] <= 1.5).sum() < COUNT


def test_ellipses_turn_and_too_few_do_not_tell(measured: Latents) -> None:
    assert measured.angled == COUNT and measured.turned >= 0.85 * COUNT and measured.turns
    assert not replace(measured, turned=COUNT // 2).turns and not replace(measured, angled=9, turned=9).turns


def test_what_stands_higher_is_further_away_where_there_is_a_ground(measured: Latents) -> None:
    room = replace(measured, data="objects_room")
    assert room.name(room.latents[1]) == "moves in depth"


def test_features_agree_with_covariance_and_colorsys() -> None:
    rng = np.random.default_rng(1)
    masks = rng.uniform(0.2, 1, (5, 12, 9)) * (rng.random((5, 12, 9)) < 0.3)
    components = rng.uniform(-0.2, 1.2, (5, 3, 12, 9))
    x, y, area, hue, saturation, brightness, *channels, elongation, angle = measure(masks, components).T
    for n, mask in enumerate(masks):
        rows, columns = np.nonzero(mask)
        weights = mask[rows, columns]
        assert area[n] == pytest.approx(np.log2(weights.sum()))
        assert (x[n], y[n]) == pytest.approx((np.average(columns, weights=weights), np.average(rows, weights=weights)))
        spread = np.cov(columns, rows, aweights=weights, ddof=0) + np.eye(2) / 12
        (short, long), axes = np.linalg.eigh(spread)
        assert elongation[n] == pytest.approx(np.log2(np.sqrt(long / short)))
        if np.isfinite(angle[n]):
            assert abs(np.sin(np.radians(angle[n]) - np.arctan2(axes[1, 1], axes[0, 1]))) < 1e-6
        color = np.average(np.clip(components[n], 0, 1)[:, rows, columns], axis=1, weights=weights)
        h, s, v = colorsys.rgb_to_hsv(*color)
        assert (saturation[n], brightness[n]) == pytest.approx((s, v))
        assert [channel[n] for channel in channels] == pytest.approx(color)
        if np.isfinite(hue[n]):  # the angle in the plane of colours, not along HSV's hexagon
            assert abs((hue[n] - 360 * h + 180) % 360 - 180) < 1.2
    assert np.isfinite(angle).any() and np.isfinite(hue).any()


def test_an_outline_has_neither_place_nor_size() -> None:
    down, right = np.mgrid[:64, :64]

    def square(x: float, y: float, side: float) -> np.ndarray:
        """A square with soft edges, which a pixel of its outline can hit at any place."""
        return np.clip(0.5 + side / 2 - np.maximum(abs(right - x), abs(down - y)), 0, 1)

    def disc(x: float, y: float, radius: float) -> np.ndarray:
        return np.clip(0.5 + radius - np.hypot(right - x, down - y), 0, 1)

    drawn = outline(np.stack([square(30, 30, 24), square(20.5, 44.5, 11), disc(32, 32, 16), np.zeros((64, 64))]))
    # Within a square of the same area and middle, a disc covers all but its corners, and reaches beyond the sides.
    fine = (np.mgrid[:1000, :1000] + 0.5) / 500 - 1
    inside, round_ = (abs(fine) < np.sqrt(np.pi) / 2 * 0.8).all(0), np.hypot(*fine) < 0.8
    expected = 1 - (inside & round_).sum() / (inside | round_).sum()
    assert difference(drawn[0], drawn[1]) < 0.05
    assert difference(drawn[0], drawn[2]) == pytest.approx(expected, abs=0.03)
    assert difference(drawn[2:], drawn[3:]).tolist() == [1, 0]
    wide = outline(square(30, 30, 24)[None, ::2])  # half as high
    assert difference(wide[0], drawn[0]) == pytest.approx(1 - np.sqrt(0.5) / (2 - np.sqrt(0.5)), abs=0.03)


def test_the_longest_run_is_the_longest() -> None:
    alive = np.array([[bool(n >> bit & 1) for n in range(32)] for bit in range(5)])
    counted = longest_run(alive)
    for n in range(32):
        runs = "".join(".#"[int(a)] for a in alive[:, n]).split(".")
        assert counted[:, n].sum() == max(0, max(map(len, runs)) - 1)
        marked = np.flatnonzero(counted[:, n])
        assert all(alive[step, n] and alive[step + 1, n] for step in marked)
        assert len(marked) == 0 or marked[-1] - marked[0] == len(marked) - 1


def test_no_stored_scene_is_counted_twice_and_objects_may_be_unknown(tmp_path: Path) -> None:
    scenes = batches.scenes("tetrominoes", batches.TEST, range(50))
    images = np.stack([scene.image for scene in scenes])
    labels = np.stack([scene.segmentation for scene in scenes if scene.segmentation is not None])
    np.savez(tmp_path / "bare.npz", image=images)
    np.savez(tmp_path / "labelled.npz", image=images, entity=labels)
    model = checkpoints.load("tetrominoes")
    bare, labelled = (collect(model, str(tmp_path / f"{name}.npz"), batches.TEST, 100) for name in ("bare", "labelled"))
    assert len(bare.scenes) == len(labelled.scenes) == 10  # a fifth
    assert len(labelled.latents) == labelled.objects == 30 and set(labelled.label) == {1, 2, 3}
    assert len(bare.latents) >= 30 and set(bare.label) == {-1}


def test_a_slot_belongs_to_the_object_that_it_covers() -> None:
    true = np.zeros((8, 8), int)
    true[:4, :4], true[5:, 5:] = 1, 2
    winners = np.where(true == 1, 2, 0)
    winners[5:, 5:] = [[1, 1, 1], [1, 0, 0], [0, 0, 0]]  # four of nine pixels
    assert match(true, winners, (0,), 4).tolist() == [-1, -1, 1, -1]


@pytest.mark.slow
def test_what_the_latents_know_is_what_they_were_given() -> None:
    rng = np.random.default_rng(2)

    def draw(count: int) -> Slots:
        latents = rng.normal(size=(count, 16))
        shape = (latents[:, 2] > 0).astype(int)  # squares and ellipses
        angle = np.arctan2(latents[:, 4], latents[:, 3]) / 2
        factors = {
            "x": 30 + 4 * latents[:, 0] - latents[:, 1], "scale": rng.random(count), "shape": shape, "angle": angle,
            "color": np.column_stack((latents[:, 5], latents[:, 6], rng.random(count))),
        }  # fmt: skip
        black = np.zeros((SIDE, SIDE, 3), np.uint8)
        scenes = [
            Scene(black, black[..., 0], "", factors={name: values[n : n + 1] for name, values in factors.items()})
            for n in range(count)
        ]
        return slots(latents, scenes)

    known = {k.factor: k for k in knowledge(draw(300), draw(150), "multi_dsprites_binarized")}
    assert known.keys() == {"x", "scale", "shape", "color", "angle of squares", "angle of ellipses"}
    assert known["x"].linear > 0.999 and known["x"].boosted > 0.8
    assert known["x"].single == pytest.approx(16 / 17, abs=0.1) and known["x"].best == (0,)
    assert known["shape"].single > 0.9 and known["shape"].best == (2,) and known["color"].best[:2] == (5, 6)
    assert known["scale"].linear < 0.1 and known["scale"].boosted < 0.1
    assert known["shape"].linear > 0.9 and known["shape"].boosted > 0.9
    assert known["shape"].chance == pytest.approx(0.5, abs=0.15) and known["x"].chance is None
    assert 0.5 < known["color"].linear < 0.7  # two channels of three
    assert known["angle of ellipses"].linear > 0.7  # the direction of two latents, whose length is noise
    assert known["angle of squares"].linear < 0.2  # turned on by a quarter, a square looks the same: so does not this


def test_factors_that_no_generator_tells_are_measured() -> None:
    rng = np.random.default_rng(3)

    def draw(count: int) -> Slots:
        places = rng.integers(5, 50, (count, 2))
        scenes = []
        for y, x in places:
            segmentation = np.zeros((SIDE, SIDE), np.uint8)
            segmentation[y - 2 : y + 3, x - 2 : x + 3] = 1
            scenes.append(Scene(np.zeros((SIDE, SIDE, 3), np.uint8), segmentation, ""))
        return slots(np.pad(places / 10.0, ((0, 0), (0, 14))), scenes)

    known = {k.factor: k for k in knowledge(draw(60), draw(40), "objects_room")}
    assert known.keys() == {"x", "y", "area", "color"}
    assert known["x"].linear > 0.999 and known["y"].linear > 0.999


@pytest.fixture
def folder(tmp_path: Path, measured: Latents) -> Path:
    """A folder with weights of a kind and what was measured of them."""
    (tmp_path / checkpoints.WEIGHTS).write_bytes(b"weights")
    latents = replace(measured, weights=fingerprint(tmp_path))
    (tmp_path / FILE).write_text(latents.json(), encoding="utf-8")
    return tmp_path


def test_a_record_is_read_as_it_was_written(folder: Path, measured: Latents) -> None:
    read = Latents.read(folder)
    assert read is not None and read == replace(measured, weights=read.weights)
    (folder / FILE).unlink()
    assert Latents.read(folder) is None


def test_a_record_of_other_weights_is_refused(folder: Path) -> None:
    (folder / checkpoints.WEIGHTS).write_bytes(b"weights of tomorrow")
    with pytest.raises(CheckpointError, match="other weights"):
        Latents.read(folder)


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def damage(table: Any) -> None:
        for key in path[:-1]:
            table = table[key]
        table[path[-1]] = to

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        _set("slots", to=True),
        _set("slots", to=0),
        _set("slots", to=10**400),
        _set("data", to=None),
        _set("drawn", to=COUNT + 1),
        _set("turned", to=COUNT + 1),
        _set("sweep", to=[2, 1, 0, -1, -2]),
        _set("sweep", to="-2..2"),
        _set("latents", to=[]),
        _set("latents", to={}),
        _set("latents", 0, to=[]),
        _set("latents", 0, "name", to="makes coffee"),
        _set("latents", 0, "name", to=[]),
        _set("latents", 0, "kl", to=float("nan")),
        _set("latents", 0, "kl", to=float("inf")),
        _set("latents", 0, "kl", to=10**400),
        _set("latents", 0, "kl", to="1"),
        _set("latents", 0, "survived", to=COUNT + 1),
        _set("latents", 0, "survived", to=1.5),
        _set("latents", 0, "survives", to=[1, 1, 1, 1]),
        _set("latents", 0, "survives", 0, to=2),
        _set("latents", 0, "effects", to=[]),
        _set("latents", 0, "effects", "taste", to={"change": 1, "consistent": 1, "of": 1}),
        _set("latents", 0, "effects", "x", to=[1, 1, 1]),
        _set("latents", 0, "effects", "x", "of", to=-1),
        _set("latents", 0, "effects", "x", "consistent", to=COUNT + 1),
        _set("latents", 0, "effects", "x", "change", to=float("nan")),
    ],
)
def test_a_damaged_value_is_refused_in_a_sentence(folder: Path, damage: Callable[[Any], None]) -> None:
    table = json.loads((folder / FILE).read_text(encoding="utf-8"))
    damage(table)
    (folder / FILE).write_text(json.dumps(table), encoding="utf-8")
    with pytest.raises(CheckpointError, match=f"^{folder.name}: {FILE} is damaged: "):
        Latents.read(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b"[" * 15000, b"1" * 15000, b'{"latents": 1e999}'],
)
def test_a_file_that_is_none_is_refused_in_a_sentence(folder: Path, content: bytes) -> None:
    (folder / FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"^{folder.name}: {FILE} is damaged: "):
        Latents.read(folder)


def test_of_a_huge_file_no_more_is_read_than_can_be_right(folder: Path) -> None:
    with (folder / FILE).open("ab") as stream:
        stream.write(b" " * 2**20)
    with pytest.raises(CheckpointError, match=f"^{folder.name}: {FILE} is damaged: more than 1048576 bytes"):
        Latents.read(folder)


def test_a_latent_is_named_on_evidence_only() -> None:
    still = {name: Effect(0.0, 0, 100) for name in FEATURES}

    def name(**changed: Effect) -> str:
        latent = Latent(1.0, 100, (1.0, 1.0), {**still, **changed})
        return Latents("", "", 100, 0, 0, 0, (-2.0, 2.0), (latent,)).name(latent)

    assert name() == "no visible effect"
    assert name(x=Effect(20.0, 80, 100)) == "moves across"
    assert name(x=Effect(20.0, 79, 100)) == "mixed"
    assert name(x=Effect(0.0, 24, 100)) == "no visible effect"
    assert name(x=Effect(-20.0, 90, 100), hue=Effect(90.0, 90, 100)) == "moves across, hue"
    assert name(x=Effect(-20.0, 90, 100), hue=Effect(60.0, 90, 100)) == "moves across"  # less than a third as strong
    assert name(red=Effect(0.9, 90, 100), hue=Effect(90.0, 90, 100), area=Effect(1.0, 90, 100)) == "red, size"
    assert name(outline=Effect(0.9, 100, 100)) == "shape"
    assert name(outline=Effect(0.9, 100, 100), angle=Effect(20.0, 100, 100)) == "turns"  # of which a shape changes, too
    assert name(angle=Effect(90.0, 19, 19)) == "mixed"  # too few have an angle
    assert name(**{feature: Effect(0.0, 0, 0) for feature in FEATURES}) == "dissolves"


@pytest.mark.parametrize("before, after", [("# A\n\ntext\n", ""), ("# A\n", "\n## Limits\n\nmuch\n"), ("", "")])
def test_a_card_keeps_everything_else(before: str, after: str) -> None:
    first = card.insert(before + after, f"{card.HEADING}\n\nlittle\n")
    second = card.insert(first, f"{card.HEADING}\n\nmore\n\n")
    assert second == card.insert(second, f"{card.HEADING}\n\nmore\n\n") == first.replace("little", "more")
    assert second.startswith(before) and second.endswith(after) and second.count(card.HEADING) == 1


@pytest.mark.slow
def test_the_command_writes_beside_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(checkpoints.FOLDER / "tetrominoes", tmp_path / "mine")
    (folder / FILE).unlink(missing_ok=True)
    command = [sys.executable, str(folder), "--slots", "6"]
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "sklearn", None)  # as where it is not installed
        without.setattr(sys, "argv", [*command, "--dry-run"])
        runpy.run_module("monet.latents", run_name="__main__")
    assert Latents.read(folder) is None and "needs scikit-learn" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", command)
    runpy.run_module("monet.latents", run_name="__main__")
    latents = Latents.read(folder)
    assert latents is not None and latents.slots == 6 and len(latents.latents) == 16
    text = (folder / checkpoints.CARD).read_text(encoding="utf-8")
    assert card.section(latents, "mine").strip() in text
    assert text.count(card.HEADING) == 1 and text.index(card.HEADING) < text.index(checkpoints.LIMITS)
    tables = (folder / card.TABLES).read_text(encoding="utf-8")
    assert tables.startswith(card.tables(latents, "Tetrominoes", "mine", "")) and "| shape " in tables


@pytest.mark.parametrize("checkpoint", checkpoints.find()[0], ids=lambda checkpoint: checkpoint.name)
def test_what_is_shipped_was_measured_on_the_weights_beside_it(checkpoint: checkpoints.Checkpoint) -> None:
    latents = Latents.read(checkpoint.folder)
    assert latents is not None and len(latents.latents) == checkpoint.config.latent_dim and latents.slots >= 300
    assert (checkpoint.folder / FILE).stat().st_size < 20_000
    text = (checkpoint.folder / checkpoints.CARD).read_text(encoding="utf-8")
    assert card.section(latents, checkpoint.name).strip() in text
    tables = (checkpoint.folder / card.TABLES).read_text(encoding="utf-8")
    assert tables.startswith(card.tables(latents, checkpoint.title, checkpoint.name, ""))

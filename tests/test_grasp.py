"""Tests of the drag solver, on a decoder whose geometry has a closed form."""

from __future__ import annotations

import numpy as np
import pytest

import monet
from monet import checkpoints
from monet.data import samples
from monet.grasp import REACH, Grasp, drags, features, held, main, posed, turns

SIDE = 48
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE] + 0.5


def ellipse(latents: np.ndarray) -> np.ndarray:
    """A decoder of a soft ellipse: z0, z1 position, z2 size, z3 angle, z4 to z6 colour; z7 has no effect."""
    z = latents.astype(float)[:, :, None, None]
    x, y = COLUMNS - 24 - 6 * z[:, 0], ROWS - 24 - 6 * z[:, 1]
    u, v = np.cos(z[:, 3]) * x + np.sin(z[:, 3]) * y, np.cos(z[:, 3]) * y - np.sin(z[:, 3]) * x
    logit = 12 * (1 - np.sqrt((u / 7) ** 2 + (v / 4) ** 2) / np.exp(0.3 * z[:, 2]))
    color = np.broadcast_to(0.5 + 0.1 * latents[:, None, None, 4:7], (*logit.shape, 3))
    return np.concatenate((color, logit[..., None]), 3).astype(np.float32)


GROUND = np.zeros((1, SIDE, SIDE, 4), np.float32)


def settle(grasp: Grasp, target: np.ndarray):
    for _ in range(80):
        reached = grasp.toward(target)
        if reached.settled:
            return reached
    raise AssertionError("the object never settles")


def test_features_are_the_moments_of_the_mask():
    found = features(ellipse(np.array([[0.5, -0.5, 0, 0, 1, 0, -1, 0]])), np.zeros((SIDE, SIDE)))[0][0]
    mask = 1 / (1 + np.exp(-ellipse(np.array([[0.5, -0.5, 0, 0, 0, 0, 0, 0]]))[0, :, :, 3].astype(float)))
    covariance = np.cov(np.stack((COLUMNS.ravel(), ROWS.ravel())), aweights=mask.ravel(), bias=True)
    assert found[:3] == pytest.approx([27, 21, np.sqrt(mask.sum())], abs=0.01)
    assert found[3:6] == pytest.approx([0.6, 0.5, 0.4], abs=1e-6)
    assert found[6:] == pytest.approx(covariance[[0, 0, 1], [0, 1, 1]] / mask.sum(), abs=1e-6)


@pytest.mark.parametrize(("across", "down"), [(9, 0), (-6, 8), (0.5, 0.5)])
def test_an_object_goes_where_the_hand_is_and_stays_what_it_is(across, down):
    grasp = Grasp(ellipse, np.zeros(8), GROUND)
    target = grasp.start + np.array([across, down, 0, 0, 0, 0, 0, 0, 0])
    latent = settle(grasp, target).latent
    assert latent[:2] == pytest.approx([across / 6, down / 6], abs=0.05)
    assert latent[2:] == pytest.approx(np.zeros(6), abs=0.1)


def test_size_and_colour_are_asked_for_alone():
    grasp = Grasp(ellipse, np.zeros(8), GROUND)
    larger = settle(grasp, grasp.start * np.array([1, 1, 1.3, 1, 1, 1, 1, 1, 1])).latent
    assert larger[2] == pytest.approx(np.log(1.3) / 0.3, abs=0.1)
    grasp = Grasp(ellipse, np.zeros(8), GROUND)
    tinted = settle(grasp, grasp.start + np.array([0, 0, 0, 0.1, 0, -0.1, 0, 0, 0])).latent
    assert tinted[4:7] == pytest.approx([1, 0, -1], abs=0.3)


@pytest.mark.parametrize("degrees", [50, -30, 170])
def test_an_ellipse_turns_as_far_as_it_is_asked_to(degrees):
    grasp = Grasp(ellipse, np.full(8, 0.2), GROUND)
    for _ in range(80):
        reached = grasp.toward(grasp.start, np.radians(degrees))
        if reached.settled:
            break
    assert reached.latent[3] == pytest.approx(0.2 + np.radians(degrees), abs=0.03)
    assert reached.features[:3] == pytest.approx(grasp.start[:3], abs=0.1)  # pixels
    assert reached.features[3:6] == pytest.approx(grasp.start[3:6], abs=0.03)


def test_a_disc_has_no_angle_and_what_cannot_turn_has_not_turned():
    def disc(latents: np.ndarray) -> np.ndarray:
        pixels = ellipse(np.concatenate((latents[:, :3], 0 * latents[:, 3:4], latents[:, 4:]), 1))
        distance = np.hypot(COLUMNS - 24, ROWS - 24)
        pixels[..., 3] = 12 * (1 - distance / 6)
        return pixels

    def stiff(latents: np.ndarray) -> np.ndarray:
        return ellipse(latents * np.array([1, 1, 1, 0, 1, 1, 1, 1]))

    done = list(turns(Grasp(decode, np.zeros(8), GROUND) for decode in (ellipse, disc, stiff)))
    assert [turn.succeeded for turn in done] == [True, False]
    assert done[0].after > 0.9 > done[0].before and done[1].after == pytest.approx(done[1].before, abs=0.1)


@pytest.mark.parametrize("angle", [0.0, 0.7, -2.0])
def test_a_posed_mask_is_that_of_the_object_there(angle):
    latents = np.array([[0.5, -0.3, 0.2, 0.3, 0, 0, 0, 0], [-0.4, 0.6, 1, 0.3 + angle, 0, 0, 0, 0]])
    (start, target), (mask, expected) = features(ellipse(latents), np.zeros((SIDE, SIDE)))
    assert np.abs(posed(mask, start, target, angle) - expected).max() < 0.2
    assert np.abs(posed(mask, start, target, angle) - expected).mean() < 0.005


def test_an_object_resists_at_the_end_of_the_priors_reach():
    grasp = Grasp(ellipse, np.zeros(8), GROUND)
    target = grasp.start.copy()
    for x in range(25, 70):
        target[0] = x
        reached = grasp.toward(target)
        assert np.abs(reached.latent).max() <= REACH
    reached = settle(grasp, target)
    assert reached.features[0] < 24 + 6 * REACH + 0.5 < target[0]


def test_no_step_dissolves_the_object():
    def vanishing(latents: np.ndarray) -> np.ndarray:
        pixels = ellipse(latents)
        pixels[..., 3] -= np.where(latents[:, 0] > 1, 60, 0)[:, None, None]
        return pixels

    grasp = Grasp(vanishing, np.zeros(8), GROUND)
    target = grasp.start + np.array([18, 0, 0, 0, 0, 0, 0, 0, 0])
    reached = settle(grasp, target)
    assert reached.latent[0] <= 1 and reached.features[2] > 0.5 * grasp.start[2]


def test_a_step_decodes_twice_and_a_drag_can_be_told_again():
    def told() -> list[np.ndarray]:
        grasp = Grasp(ellipse, np.full(8, 0.2), GROUND)
        assert grasp.decodings == 9
        latents = [grasp.toward(grasp.start + np.array([d, d / 2, 0, 0, 0, 0, 0, 0, 0])).latent for d in range(1, 9)]
        assert grasp.decodings == 9 + 2 * 8
        return latents

    assert np.array_equal(told(), told())


def test_a_scene_of_one_slot_has_no_rivals():
    grasp = Grasp(ellipse, np.zeros(8), GROUND[:0])
    assert grasp.start[2] == pytest.approx(SIDE)  # it owns every pixel
    assert np.isfinite(grasp.toward(grasp.start).latent).all()


@pytest.mark.slow
def test_objects_of_a_shipped_checkpoint_follow():
    pictures = (samples.read("tetrominoes", index).image for index in range(3))
    done = list(drags(monet.load("tetrominoes"), pictures))
    assert len(done) == 18  # three pieces in each scene, twice
    assert np.mean([d.error <= 1 for d in done]) >= 0.9


@pytest.mark.slow
def test_sprites_of_a_shipped_checkpoint_turn():
    name = "multi_dsprites_colored_on_colored"
    pictures = (samples.read(name, index).image for index in range(6))
    done = list(turns(grasp for grasp, _ in held(monet.load(name), pictures)))
    assert len(done) >= 10 and np.mean([turn.succeeded for turn in done]) >= 0.75


@pytest.mark.slow
def test_a_checkpoint_of_unknown_data_does_not_end_the_others(checkpoints_folder, tmp_path, monkeypatch, capsys):
    checkpoints.save(checkpoints.load(checkpoints_folder / "tetrominoes"), tmp_path / "found", title="Found")
    monkeypatch.setattr("sys.argv", ["grasp", str(tmp_path / "found"), "tetrominoes", "--scenes", "1"])
    main()
    captured = capsys.readouterr()
    assert "not measured: found" in captured.err and captured.out.splitlines()[-1].startswith("| tetrominoes | ")

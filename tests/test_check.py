"""Tests of the run check: a model made for each fault has that fault only, and a good model has none."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from monet.model import Decomposition, MONet, MONetConfig
from monet.training import check, recipe
from monet.training.check import Signs, diagnose, signs
from monet.training.run import Run
from monet.training.state import StateError
from monet.training.tables import append
from tests.test_training import TINY

SIDE, SLOTS = 32, 4
RECORD = {"skipped": 0, "step": 100, "halvings": 0, "position": 100.0}


class Painted:
    """A stand-in for a model, with given outputs."""

    def __init__(self, masks: Tensor, components: Tensor, mean: Tensor):
        self.config = MONetConfig(resolution=SIDE, num_slots=SLOTS)
        self.masks, self.components, self.mean = masks, components, mean

    def parameters(self):
        yield torch.zeros(1)

    def __call__(self, images: Tensor) -> Decomposition:
        log_masks = (self.masks + 1e-6).log()
        zeros = torch.zeros_like(self.mean)
        return Decomposition(log_masks, log_masks, self.mean, zeros, self.mean, self.components, log_masks)


@pytest.fixture
def good() -> tuple[Tensor, Painted]:
    """Eight pictures of three squares of two colours on a ground, and a model that has each in a slot of its own."""
    rng = np.random.default_rng(0)
    masks, components = torch.zeros(8, SLOTS, SIDE, SIDE), torch.zeros(8, SLOTS, 3, SIDE, SIDE)
    for picture in range(8):
        colours = rng.uniform(0, 1, (SLOTS, 3))
        colours[2] = colours[1]
        for slot, (row, column) in enumerate(((2, 2), (2, 20), (20, 10)), 1):
            masks[picture, slot, row : row + 7, column : column + 7] = 1
        masks[picture, 0] = 1 - masks[picture].sum(0)
        components[picture] = torch.from_numpy(colours).float()[:, :, None, None].expand(-1, -1, SIDE, SIDE)
    images = (masks[:, :, None] * components).sum(1)
    return images, Painted(masks, components, torch.randn(8, SLOTS, 16, generator=torch.manual_seed(0)))


def names(images: Tensor, model: Painted, **record: float) -> list[str]:
    return [diagnosis.name for diagnosis in diagnose(signs(model, images, {**RECORD, **record}))]


def test_nothing_is_wrong_with_a_model_whose_slots_are_the_objects(good):
    found = signs(good[1], good[0], RECORD)
    assert not diagnose(found)
    assert (found.used, found.pieces, found.alive) == (4, 1, 16)
    assert found.by_colour == pytest.approx(1, abs=1e-4)
    assert found.painted == pytest.approx(1, abs=1e-3)
    assert "nothing wrong" in check.line(found)


def test_everything_in_one_slot(good):
    images, model = good
    model.masks = torch.eye(SLOTS)[0][None, :, None, None].expand_as(model.masks).clone()
    model.components[:] = images[:, None]
    assert names(images, model) == ["everything in one slot"]


def test_colour_clusters(good):
    images, model = good
    model.masks[:, 1] += model.masks[:, 2]  # the two squares of one colour share a slot
    model.masks[:, 2] = model.masks[:, 3]
    model.components[:, 2] = model.components[:, 3]
    model.masks[:, 3] = 0
    assert signs(model, images, RECORD).pieces == 1.5
    rows = torch.arange(SIDE) // 4 % 2 == 0
    stripes = torch.zeros_like(model.masks)
    stripes[:, 0], stripes[:, 1] = (~rows)[:, None].float(), rows[:, None].float()  # four bands of each colour
    model.masks, model.components[:, 0], model.components[:, 1] = stripes, 0.1, 0.9
    assert names((stripes[:, :, None] * model.components).sum(1), model) == ["colour clusters"]


def test_grey_components(good):
    images, model = good
    model.components[:] = 0.5 + 0.1 * (model.components - 0.5)
    assert names(images, model) == ["grey components"]


def test_dead_latents(good):
    images, model = good
    model.mean[..., 3:] = 0.01
    assert names(images, model) == ["dead latents"]


def test_slots_that_follow_nothing(good):
    images, model = good
    model.masks = torch.rand(model.masks.shape, generator=torch.manual_seed(1)).softmax(1)
    assert "slots ignore the picture" in names(images, model)


def test_figures_that_are_not_finite(good):
    images, model = good
    assert names(images, model, halvings=1) == names(images, model, skipped=2) == ["not finite (NaN)"]
    model.components[0, 0, 0, 0, 0] = torch.nan
    assert names(images, model) == ["not finite (NaN)"]


def test_overfitting_is_a_held_out_loss_that_rises_while_the_training_loss_falls():
    def rows(*losses: tuple[float, float]) -> list[dict[str, str]]:
        return [{"held_out_loss": str(held_out), "training_loss": str(training)} for held_out, training in losses]

    falling = [(-1.0, -1.0), (-3.0, -3.0)]
    assert check.overfits(rows(*falling, (-2.9, -4.0), (-2.8, -5.0), (-2.7, -6.0))) == 3
    assert check.overfits(rows(*falling, (-2.9, -2.9), (-2.8, -2.8))) == 0, "both rise: it diverges"
    assert check.overfits(rows(*falling)) == check.overfits([]) == check.overfits([{"held_out_loss": "1"}]) == 0
    fine = Signs(used=4, pieces=1, by_colour=0.9, painted=1, alive=9, latents=16)
    assert [d.name for d in diagnose(replace(fine, overfits=3))] == ["overfitting"]


def test_pytorchs_initial_weights_are_told_by_their_grey_components_and_dead_latents():
    torch.manual_seed(0)
    found = signs(MONet(MONetConfig()).eval(), torch.rand(4, 3, 64, 64), RECORD)
    assert {"grey components", "dead latents"} <= {diagnosis.name for diagnosis in diagnose(found)}


def test_a_run_is_checked_where_it_lies_and_left_as_it_is(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    plan = recipe.load(str(tmp_path / "tiny.toml"))
    with pytest.raises(StateError, match="nothing to check yet"):
        check.look(tmp_path / "run", plan)
    Run(plan, tmp_path / "run").train(2)
    append(tmp_path / "run" / "evaluation.csv", {"step": 9, "mse": 1})  # further than the state: as while a run goes on
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")}
    found = check.look(tmp_path / "run", plan)
    assert found.progress == 2 / 500
    assert "it is early, this may disappear" in check.line(replace(found, used=1))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")} == before

"""What a run writes down as it goes: loss terms, held-out figures and slots in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monet import evaluation
from monet.batches import VALIDATE, scenes
from monet.data import Scene
from monet.training.recipe import Recipe
from monet.training.step import Figures, Step
from monet.training.tables import append, forget_after, rows

LOG, EVALUATION, PICTURES = "log.csv", "evaluation.csv", "pictures"
EVALUATION_COUNT = 96


class Journal:
    """``log.csv``, ``evaluation.csv`` and ``pictures/`` of a run.

    Args:
        folder: of the run.
        recipe: of the run.
        step: the network, and what its steps were like.
        record: of the run (:class:`monet.training.run.Run`); only read.
        writes: whether it is this process that writes: one of a run's does.
    """

    def __init__(self, folder: Path, recipe: Recipe, step: Step, record: dict[str, Any], writes: bool):
        self.folder, self.recipe, self.optimizing, self.record = folder, recipe, step, record
        self.writes = writes
        self.unlogged = Figures()
        """Of the steps since the last row of the log."""
        self._logged_at = 0.0
        self._held_out: list[Scene] = []

    def begin(self) -> None:
        """Lets the rate count from here."""
        self._logged_at = float(self.record["seconds"])

    def back(self) -> None:
        """Forgets what was written after the run's step."""
        self.unlogged = Figures()
        for name in (LOG, EVALUATION):
            forget_after(self.folder / name, int(self.record["step"]))

    def log(self) -> str:
        """Adds a row to the log, means over the steps since the last; returns it in a few words."""
        recipe, figures, position = self.recipe, self.unlogged, float(self.record["position"])
        self.unlogged = Figures()
        if not self.writes:
            return ""
        reconstruction, latent_kl, mask_kl, gradient_norm = figures.means
        row = {
            "step": self.record["step"],
            "reconstruction": reconstruction,
            "latent_kl": latent_kl,
            "mask_kl": mask_kl,
            "gradient_norm": gradient_norm,
            "learning_rate": recipe.value("learning_rate", position) * self.optimizing.rate,
            "scale_factor": recipe.value("scale_factor", position),
            "skipped": figures.skipped,
        }
        append(self.folder / LOG, row)
        seconds = self.record["seconds"] - self._logged_at
        self.begin()
        slots = recipe.stage(position).learn == "slots"
        each = (recipe.slot_batch if slots else self.record["batch"]) * self.optimizing.processes
        rate = figures.steps * each / max(seconds, 1e-9)
        return (
            f"nll {reconstruction:.0f}, latent KL {latent_kl:.0f}, mask KL {mask_kl:.0f}, "
            f"{rate:.0f} {'slots' if slots else 'pictures'}/s"
        )

    def evaluate(self) -> None:
        """Scores the averaged weights on held-out scenes; a row in ``evaluation.csv`` and a picture of slots."""
        model, step = self.optimizing.average, int(self.record["step"])
        self._held_out = self._held_out or scenes(self.record["data"], VALIDATE, range(EVALUATION_COUNT))
        result = evaluation.evaluate(model, self._held_out, self.recipe.likelihood)
        append(self.folder / EVALUATION, {"step": step, **result.means})
        pictures = self.folder / PICTURES
        pictures.mkdir(exist_ok=True)
        sheet = evaluation.contact_sheet(model, self._held_out[: evaluation.SHEET_SCENES])
        sheet.save(pictures / f"{step:07d}.png")

    def evaluated(self) -> bool:
        """Whether the last row of ``evaluation.csv`` is of the run's step."""
        return [row["step"] for row in rows(self.folder / EVALUATION)][-1:] == [str(self.record["step"])]

"""Log of a run: loss terms, validation figures and pictures of slots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monet import evaluation
from monet.data import DATASETS, Scene, batches
from monet.data.batches import TRAIN, VALIDATE, prepare, squared, to_tensor
from monet.training import check, moments
from monet.training.loggers import Logger, open_logger
from monet.training.recipe import Recipe
from monet.training.step import Figures, Step
from monet.training.tables import EVALUATION, LOG, append, forget_after, rows

PICTURES = "pictures"
EVALUATION_COUNT = 96


class Journal:
    """``log.csv``, ``evaluation.csv`` and ``pictures/`` of a run.

    Args:
        folder: folder of the run.
        recipe: recipe of the run.
        step: the network and the optimiser.
        record: record of the run (:class:`monet.training.run.Run`); only read.
        writes: whether this process writes; one of a run's processes does.
        log: name of a logger that also gets the figures.
    """

    def __init__(
        self, folder: Path, recipe: Recipe, step: Step, record: dict[str, Any], writes: bool, log: str | None = None
    ):
        self.folder, self.recipe, self.optimizing, self.record = folder, recipe, step, record
        self.writes = writes
        self.unlogged = Figures()
        """Figures of the steps since the last row of the log."""
        self._logged_at = 0.0
        self._fitted: dict[int, list[Scene]] = {}
        self._log = log
        self._logger: Logger | None = None

    def begin(self) -> None:
        """Starts measuring the rate."""
        self._logged_at = float(self.record["seconds"])
        if self.writes and not moments.any_kept(self.folder):
            self._keep()

    def back(self) -> None:
        """Deletes rows after the run's step."""
        self.unlogged = Figures()
        for name in (LOG, EVALUATION):
            forget_after(self.folder / name, int(self.record["step"]))

    def log(self) -> str:
        """Adds a row to the log, means over the steps since the last row; returns a short summary."""
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
        self._send(row)
        seconds = self.record["seconds"] - self._logged_at
        self.begin()
        slots = recipe.stage(position).learn == "slots"
        each = (recipe.slot_batch if slots else self.record["batch"]) * self.optimizing.processes
        rate = figures.steps * each / max(seconds, 1e-9)
        return (
            f"nll {reconstruction:.0f}, latent KL {latent_kl:.0f}, mask KL {mask_kl:.0f}, "
            f"{rate:.0f} {'slots' if slots else 'pictures'}/s"
        )

    def evaluate(self) -> str:
        """Evaluates the averaged weights on held-out scenes: a row in ``evaluation.csv`` and a picture of slots.

        For stored data, the row also has the ``training_loss`` of as many training scenes beside the
        ``held_out_loss``: the objective in nats per picture.

        Returns:
            one line of diagnosis (:mod:`monet.training.check`).
        """
        model, step = self.optimizing.average, int(self.record["step"])
        held_out = self._scenes(VALIDATE)
        result = evaluation.evaluate(model, held_out, self.recipe.likelihood)
        row = {"step": step, **result.means, "held_out_loss": self._loss(result)}
        if self.record["data"] not in DATASETS:
            seen = evaluation.evaluate(model, self._scenes(TRAIN)[: len(held_out)], self.recipe.likelihood)
            row["training_loss"] = self._loss(seen)
        append(self.folder / EVALUATION, row)
        pictures = self.folder / PICTURES
        pictures.mkdir(exist_ok=True)
        sheet = evaluation.contact_sheet(model, held_out[: evaluation.SHEET_SCENES])
        sheet.save(pictures / f"{step:07d}.png")
        self._keep()
        images = to_tensor([prepare(scene, model.config) for scene in held_out[: check.PICTURES]])
        found = check.signs(model, images, self.record, rows(self.folder / EVALUATION), self.recipe.steps)
        self._send(row)
        return check.line(found)

    def _keep(self) -> None:
        record = self.record
        moments.keep(self.optimizing.average, record["data"], record["fit"], self.folder, int(record["step"]))

    def close(self) -> None:
        """Closes the logger, if there is one."""
        if self._logger:
            self._logger.close()
            self._logger = None

    def _scenes(self, split: int) -> list[Scene]:
        """Returns scenes of a split, square and at the network's size without its border."""
        if split not in self._fitted:
            data, size = self.record["data"], self.recipe.model.picture_size or self.recipe.model.resolution
            count = min(EVALUATION_COUNT, batches.size(data, split) or EVALUATION_COUNT)
            self._fitted[split] = [
                squared(s, size, self.record["fit"]) for s in batches.scenes(data, split, range(count))
            ]
        return self._fitted[split]

    def _loss(self, result: evaluation.Result) -> float:
        terms, model = result.means, self.recipe.model
        return terms["reconstruction"] + model.beta * terms["latent_kl"] + model.gamma * terms["mask_kl"]

    def _send(self, row: dict[str, float]) -> None:
        """Sends a row to the logger, if there is one."""
        if self._log and not self._logger:
            about = {name: self.record[name] for name in ("data", "content", "fit", "batch")}
            self._logger = open_logger(self._log, self.folder, about)
        if self._logger:
            figures = {name: float(value) for name, value in row.items() if name != "step"}
            self._logger.log(figures, int(row["step"]))

    def evaluated(self) -> bool:
        """Returns whether the last row of ``evaluation.csv`` is of the run's step."""
        return [row["step"] for row in rows(self.folder / EVALUATION)][-1:] == [str(self.record["step"])]

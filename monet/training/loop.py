"""Training loop: steps, logging, evaluation, saving, and rollback to the last good state on divergence."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from monet.training import state as states
from monet.training.clock import Clock
from monet.training.feed import Pictures, Request
from monet.training.state import StateError
from monet.training.step import Figures

if TYPE_CHECKING:
    from monet.training.run import Run

IN_A_ROW = 5
"""Non-finite steps in a row that count as divergence. A single one is skipped and counted."""
READ_EVERY = 50
"""Steps between two readings of the figures; each reading waits for the device."""
SAVE_SECONDS = 60
"""Longest time between two saves, whatever the recipe says."""
HALVINGS = 3
"""Times that a diverged run resumes from its last good state with half the learning rate."""
EVALUATIONS = 10
"""Evaluations of a run with a time budget."""


class Diverged(Exception):
    """No finite loss and gradient in the last steps."""


class Loop:
    """Trains a run.

    Args:
        run: the run.
        clock: gives the run's position in the recipe and its end.
        last: the step at which it ends at the latest; no limit if None.
    """

    def __init__(self, run: Run, clock: Clock, last: int | None):
        self.run, self.clock, self.last = run, clock, last
        self.recipe, self.optimizing, self.journal, self.record = run.recipe, run.optimizing, run.journal, run.record
        self._good = [run.state()]
        self._stop = False
        self._saved_at = time.monotonic()

    def train(self) -> None:
        """Trains to the end; saves a state even if training is interrupted or fails.

        Raises:
            StateError: the run diverges at every learning rate tried.
        """
        fallen: int | None = None
        self.journal.begin()
        self.run.note_machine()
        self.run.model.train()
        handlers = {s: signal.signal(s, self._request_stop) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            while not self._ended():
                try:
                    self._until_ended()
                    self._check()
                except Diverged:
                    fallen = self._fall_back(fallen)
        except BaseException as error:
            if not isinstance(error, StateError):
                self._save_if_good()  # in every remaining process, because the first one may be gone
            raise
        else:
            if self.clock.over(self.run.position):
                self.record["position"] = float(self.clock.end)  # the last step may fall just short of it
            self._conclude()
        finally:
            self.journal.close()
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop = True

    def _ended(self) -> bool:
        at_last = self.last is not None and self.run.step >= self.last
        return self._stop or self.clock.over(self.run.position) or at_last

    def _until_ended(self) -> None:
        """Runs steps until the run has ended.

        Raises:
            Diverged: the run must go back to an earlier state.
        """
        run = self.run
        progress = tqdm(
            total=self.last or (None if self.clock.seconds else self.recipe.steps), initial=run.step,
            disable=run.rank > 0, unit="step", dynamic_ncols=True, mininterval=2,
        )  # fmt: skip
        pictures = Pictures(run.data, self.recipe.model, run.device, run.fit, self.recipe.symmetric)
        start = time.monotonic()
        try:
            for request, images in pictures.ahead(run.lessons.plan(self.clock, run.source.counted), run.workers):
                run.lessons.learn(request, images, pictures)
                self._count(request, time.monotonic() - start)
                progress.update()
                self._report(progress, request.position)
                if self._ended():
                    break
                start = time.monotonic()
        finally:
            progress.close()

    def _count(self, request: Request, seconds: float) -> None:
        stage, machine = self.recipe.stage(request.position), self.record["machines"][-1]
        if stage.learn == "slots":
            self.record["slots"] += self.recipe.slot_batch * self.run.processes
        else:
            for table in (self.record, machine):
                table["pictures"] += self.record["batch"] * self.run.processes
        self.record["step"] += 1
        self.record["position"] = self.clock.position(request.position + self.run.lessons.pace)
        for table in (self.record, machine):
            table["seconds"] += seconds

    def _report(self, progress: tqdm[Any], before: float) -> None:
        """Reads figures, logs, saves and evaluates if due after a step that began at position ``before``."""
        run, clock = self.run, self.clock
        log, save = run.step % READ_EVERY == 0, run.step % self.recipe.save_every == 0
        if log or save:
            self._check()
        if log:
            progress.set_postfix_str(self.journal.log(), refresh=False)
        if run.rank > 0:
            return
        if save or time.monotonic() - self._saved_at > SAVE_SECONDS:
            self._save_if_good()
        every = self.recipe.evaluate_every if clock.seconds is None else (clock.end - clock.first) / EVALUATIONS
        if run.position // every > before // every and run.position < clock.end and clock.affords_evaluation():
            start = time.monotonic()
            progress.write(self.journal.evaluate())
            clock.evaluated(time.monotonic() - start)

    def _conclude(self) -> None:
        """Saves a state, and evaluates it if the recipe is finished."""
        if self.run.rank > 0:
            return
        self._save_if_good()
        if self.run.position >= self.recipe.steps and not self.journal.evaluated():
            print(self.journal.evaluate())

    # --------------------------------------------------------------- divergence

    def _check(self) -> None:
        """Reads the figures of the last steps.

        Raises:
            Diverged: too many steps in a row were not finite.
        """
        figures = self.optimizing.read()
        self.record["skipped"] += figures.skipped
        self.journal.unlogged += figures
        if figures.streak >= IN_A_ROW:
            raise Diverged

    def _save_if_good(self) -> None:
        """Saves new progress, unless the last step was skipped: the steps before it may have done harm."""
        good, run = self._good[-1].record, self.run
        if (run.step, run.position) > (good["step"], good["position"]) and not self.optimizing.streak.item():
            self._good = [*self._good, run.save()][-states.KEPT :]
            self._saved_at = time.monotonic()

    def _fall_back(self, fallen: int | None) -> int:
        """Goes back to the last good state, or to the one before if the last has failed already.

        Args:
            fallen: the step that the run went back to the last time, or None.

        Returns:
            the step that the run went back to.

        Raises:
            StateError: the learning rate was halved ``HALVINGS`` times already.
        """
        run, step, halvings = self.run, self.run.step, int(self.record["halvings"])
        if fallen is not None and self._good[-1].record["step"] == fallen and len(self._good) > 1:
            self._good.pop()
        good = self._good[-1]
        if halvings >= HALVINGS:
            raise StateError(
                f"the loss or its gradient is not finite at step {step}, even with 1/{2**halvings} of the learning "
                f"rate: lower learning_rate or clip in the recipe. The state of step {good.record['step']} is kept."
            )
        run.restore(good)
        run.note_machine()
        self.record["halvings"] = halvings + 1
        self.optimizing.read()
        self.journal.unlogged = Figures()
        if run.rank == 0:
            print(
                f"\nthe loss or its gradient is not finite at step {step}: resuming from step {run.step} with half "
                "the learning rate"
            )
            self.journal.back()
        return run.step

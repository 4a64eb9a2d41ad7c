"""Position of a run in its recipe: by steps, or by the share of its time budget that is used."""

from __future__ import annotations

import time


class Clock:
    """Position of a run in its recipe, by steps or, with ``minutes``, by the elapsed share of the time.

    Args:
        position: current position in the recipe.
        end: the recipe's number of steps.
        minutes: budget of wall time from now on, or None.
    """

    def __init__(self, position: float, end: int, minutes: float | None):
        self.first, self.end, self.seconds = position, end, None if minutes is None else 60 * minutes
        self._start = time.monotonic()
        self._reserve = self._evaluating = 0.0  # seconds reserved for the last evaluation; used by evaluations so far

    def position(self, counted: float) -> float:
        """Returns the position of a step; ``counted`` is its position by steps."""
        return counted if self.seconds is None else self.first + self._share() * (self.end - self.first)

    def over(self, position: float) -> bool:
        return position >= self.end if self.seconds is None else self._share() >= 1

    def affords_evaluation(self) -> bool:
        """Returns whether evaluations took less than a tenth of the time so far; always true without a budget."""
        return self.seconds is None or self._evaluating < (time.monotonic() - self._start) / 10

    def evaluated(self, seconds: float) -> None:
        """Records the duration of an evaluation."""
        self._evaluating += seconds
        self._reserve = 1.5 * seconds

    def _share(self) -> float:
        assert self.seconds is not None
        budget = max(self.seconds - self._reserve, 0.8 * self.seconds)
        return min((time.monotonic() - self._start) / budget, 1.0)

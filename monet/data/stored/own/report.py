"""What became of somebody's files, for people."""

from __future__ import annotations

from dataclasses import dataclass

from monet.data.stored.store import Stored

_NAMED = 5
"""Files that are named for each reason."""


@dataclass(frozen=True)
class Report:
    """What was stored, and what was not.

    Attributes:
        stored: the scenes that were taken.
        left_out: name and reason, a sentence, of every file or picture that was not.
        notes: how the rest was read and what was lost on the way, sentences.
    """

    stored: Stored
    left_out: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        labels = "without labels" if self.stored.labels is None else "with labels"
        taken = f"{len(self.stored):,} scenes of {self.stored.about.title}, {labels}, are in {self.stored.path}"
        return "\n".join((taken, *self.notes, *reasons(self.left_out)))


def reasons(left_out: tuple[tuple[str, str], ...]) -> list[str]:
    """Lines that say how many were left out for which reason, and names the first of them."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in left_out:
        by_reason.setdefault(reason, []).append(name)
    lines = [f"{len(left_out):,} left out:"] if left_out else []
    for reason, names in by_reason.items():
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        lines.append(f"  {len(names):,}: {reason.rstrip('.')}: {', '.join(names[:_NAMED])}{more}")
    return lines

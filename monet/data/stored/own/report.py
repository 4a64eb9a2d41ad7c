"""Report of an import: what was stored, what was left out, and why."""

from __future__ import annotations

from dataclasses import dataclass

from monet.data.stored.store import Stored

_NAMED = 5
"""Files named for each reason."""


@dataclass(frozen=True)
class Report:
    """Result of an import.

    Attributes:
        stored: the stored scenes.
        left_out: name and reason, a sentence, of every file or picture that was not stored.
        notes: how the files were read and what was lost, sentences.
    """

    stored: Stored
    left_out: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        labels = "without labels" if self.stored.labels is None else "with labels"
        summary = f"{len(self.stored):,} scenes of {self.stored.about.title}, {labels}, are in {self.stored.path}"
        return "\n".join((summary, *self.notes, *reasons(self.left_out)))


def reasons(left_out: tuple[tuple[str, str], ...]) -> list[str]:
    """Formats lines with the number of files left out for each reason, and the first file names."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in left_out:
        by_reason.setdefault(reason, []).append(name)
    lines = [f"{len(left_out):,} left out:"] if left_out else []
    for reason, names in by_reason.items():
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        lines.append(f"  {len(names):,}: {reason.rstrip('.')}: {', '.join(names[:_NAMED])}{more}")
    return lines

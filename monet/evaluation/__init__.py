"""Evaluation of models: metrics over scenes with ground truth, and a contact sheet.

``python -m monet.evaluation`` evaluates checkpoints.
"""

from monet.evaluation.scoring import BATCH, Result, decompositions, evaluate, scores
from monet.evaluation.sheets import SHEET_SCENES, contact_sheet
from monet.evaluation.tables import markdown, summary, table

__all__ = [
    "BATCH",
    "SHEET_SCENES",
    "Result",
    "contact_sheet",
    "decompositions",
    "evaluate",
    "markdown",
    "scores",
    "summary",
    "table",
]

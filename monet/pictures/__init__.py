"""Reads untrusted pictures safely (``read``) and fits them to the model's square input (``fit``)."""

from monet.pictures.fitting import How, embed, extract, fit, fit_labels
from monet.pictures.reading import (
    FORMATS,
    MAX_BYTES,
    MAX_PIXELS,
    MAX_SIDE,
    OWN_FORMATS,
    PictureError,
    Source,
    open_safely,
    read,
    read_bytes,
)

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "MAX_SIDE",
    "OWN_FORMATS",
    "How",
    "PictureError",
    "Source",
    "embed",
    "extract",
    "fit",
    "fit_labels",
    "open_safely",
    "read",
    "read_bytes",
]

"""Writes the files of a decomposed picture, and the table of all latents.

All pictures have the model's resolution, without the border around a smaller picture.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image

from monet.figures import SLOT_COLORS, to_uint8
from monet.inference import DecomposedScene
from monet.pictures import extract

Kind = Literal["masks", "latents", "reconstruction", "slots"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Table = Literal["csv", "parquet"]
ROWS = 4096
"""Rows of a table that are in memory at once."""

Row = dict[str, str | int | float]


def write(scene: DecomposedScene, folder: Path, name: str, kinds: Iterable[Kind], size: int) -> None:
    """Writes the files of a picture.

    ``masks/NAME.png`` is a palette PNG whose values are the slots with the largest attention mask.
    ``masks/NAME.npz`` holds ``masks`` and ``decoded_masks``, float16 K,H,W, which sum to one over K.
    ``reconstruction/NAME.png`` is sum_k m_k x_k. ``slots/NAME_k.png`` is RGBA: component k with its mask as alpha.

    Args:
        scene: the decomposition.
        folder: folder for the files.
        name: name of the picture, a relative path without suffix.
        kinds: what to write; :func:`write_table` writes the latents.
        size: side of the picture in the middle of the scene's arrays.

    Raises:
        OSError: the disk is full or cannot be written.
    """

    def inside(x: np.ndarray) -> np.ndarray:
        return extract(x, size, axes=(-2, -1))

    def path(kind: Kind, ending: str) -> Path:
        file = folder / kind / f"{name}{ending}"
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

    masks = inside(scene.masks)
    if "masks" in kinds:
        labels = Image.fromarray(masks.argmax(0).astype(np.uint8))
        labels.putpalette(np.resize(SLOT_COLORS, (256, 3)).tobytes())
        labels.save(path("masks", ".png"))
        decoded = inside(scene.decoded_masks).astype(np.float16)
        np.savez_compressed(path("masks", ".npz"), masks=masks.astype(np.float16), decoded_masks=decoded)
    if "reconstruction" in kinds:
        rgb = to_uint8(inside(scene.reconstruction).transpose(1, 2, 0))
        Image.fromarray(rgb).save(path("reconstruction", ".png"))
    if "slots" in kinds:
        for k, (component, mask) in enumerate(zip(inside(scene.components), masks, strict=True)):
            rgba = to_uint8(np.concatenate((component, mask[None])).transpose(1, 2, 0))
            Image.fromarray(rgba).save(path("slots", f"_{k}.png"))


def rows(name: str, scene: DecomposedScene, size: int) -> list[Row]:
    """Builds the rows of a picture in the table of latents.

    Columns: ``picture``, ``slot``, ``area`` (share of pixels at which the slot has the largest attention mask),
    posterior means ``mean_0`` ... and standard deviations ``std_0`` ...
    """
    winners = extract(scene.masks.argmax(0), size)
    return [
        {
            "picture": name, "slot": k, "area": float((winners == k).mean()),
            **{f"mean_{z}": float(value) for z, value in enumerate(mean)},
            **{f"std_{z}": float(value) for z, value in enumerate(std)},
        }
        for k, (mean, std) in enumerate(zip(scene.latent_mean, scene.latent_std, strict=True))
    ]  # fmt: skip


def write_table(path: Path, table: Iterator[Row], kind: Table) -> None:
    """Writes the table of latents in chunks of ``ROWS`` rows; numbers are float32.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    (_write_csv if kind == "csv" else _write_parquet)(part, table)
    part.replace(path)


def _write_csv(path: Path, table: Iterator[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        for number, row in enumerate(table):
            if number == 0:
                writer.writerow(row)
            writer.writerow(str(np.float32(x)) if isinstance(x, float) else x for x in row.values())


def _write_parquet(path: Path, table: Iterator[Row]) -> None:
    arrow, parquet = pyarrow()
    types = {str: arrow.string(), int: arrow.int32(), float: arrow.float32()}
    writer = None
    try:
        while some := list(islice(table, ROWS)):
            schema = arrow.schema([(name, types[type(value)]) for name, value in some[0].items()])
            writer = writer or parquet.ParquetWriter(path, schema)
            writer.write_table(arrow.Table.from_pylist(some, schema))
    finally:
        if writer is not None:
            writer.close()


def pyarrow() -> tuple[Any, Any]:
    """Imports the optional library for Parquet.

    Raises:
        ValueError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        message = "Parquet needs pyarrow: pip install -r requirements-files.txt, or use --table csv."
        raise ValueError(message) from error
    return pyarrow, pyarrow.parquet

"""Decomposes a list of pictures into a folder; can be stopped and resumed at any time.

``progress.jsonl`` in the folder gets a line for every finished picture, with its latents or the reason why it was
rejected. A resumed job continues at the first incomplete batch, with the same pictures in the same batches, so that all
numbers are the same. At the end the lines become ``latents.csv`` (or ``.parquet``) and ``refused.csv``.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch

from monet.checkpoints import write as write_text
from monet.inference import describe, preprocess
from monet.model import Decomposition, MONet
from monet.outputs.files import KINDS, Kind, Row, Table, pyarrow, rows, write, write_table
from monet.outputs.inputs import Input
from monet.pictures import How, PictureError

if sys.platform != "win32":
    import fcntl

MAX_SLOTS = 256
ABOUT, PROGRESS, REFUSED = "about.json", "progress.jsonl", "refused.csv"


@dataclass(frozen=True)
class Options:
    """Options of a job.

    Attributes:
        fit: how to make pictures square, see :func:`monet.pictures.fit`.
        slots: K; the model's if None.
        write: what to write.
        table: file format of the latents.
        batch: pictures per batch.
    """

    fit: How = "crop"
    slots: int | None = None
    write: tuple[Kind, ...] = KINDS
    table: Table = "csv"
    batch: int = 16


@dataclass(frozen=True)
class Done:
    """A finished picture: its input, and why it was rejected, or "" if its files are written."""

    input: Input
    refused: str = ""


def decompose_set(
    model: MONet,
    pictures: Sequence[Input],
    out: Path,
    options: Options = Options(),
    origin: Mapping[str, str] | None = None,
) -> Iterator[Done]:
    """Decomposes pictures and writes the files; see :func:`monet.outputs.files.write`.

    This generator works while it is iterated, at most a batch between two values, and can be closed at any picture. The
    same call resumes it and yields finished pictures again first.

    Args:
        model: model in eval mode, on any device.
        pictures: result of :func:`monet.outputs.inputs`.
        out: output folder, created if needed.
        options: see :class:`Options`.
        origin: identity of the model for ``about.json``; a folder belongs to one model.

    Raises:
        ValueError: ``out`` holds other files, or a job with other pictures or options, or is in use by another process;
            or the library for Parquet is missing.
        OSError: the disk is full or cannot be written.
    """
    if (options.slots or 0) > MAX_SLOTS:
        raise ValueError(f"{options.slots} slots are more than the {MAX_SLOTS} colours of a palette PNG.")
    if options.table == "parquet" and "latents" in options.write:
        pyarrow()
    about = _begin(out, pictures, options, origin or {})
    if "taken" in about and not (out / PROGRESS).exists():
        yield from _finished(out, pictures)
        return
    size = model.config.picture_size or model.config.resolution
    with _journal(out / PROGRESS, options.batch, len(pictures)) as (journal, finished):
        yield from (Done(picture, reason) for picture, reason in zip(pictures[: len(finished)], finished, strict=True))
        for start in range(len(finished), len(pictures), options.batch):
            chunk = pictures[start : start + options.batch]
            arrays, reasons = _read(model, chunk, options.fit)
            scenes = _scenes(model, arrays, options.slots)
            for picture, reason in zip(chunk, reasons, strict=True):
                line: dict[str, Any] = {"picture": picture.name}
                if reason:
                    line |= {"source": picture.source, "refused": reason}
                else:
                    scene = next(scenes)
                    write(scene, out, picture.name, options.write, size)
                    if "latents" in options.write:
                        line["rows"] = rows(picture.name, scene, size)
                journal.write(json.dumps(line) + "\n")
                journal.flush()
                yield Done(picture, reason)
    _finish(out, options, about)


def _begin(out: Path, pictures: Sequence[Input], options: Options, origin: Mapping[str, str]) -> dict[str, Any]:
    """Creates the folder, or checks that it holds the same job; returns its ``about.json``.

    Raises:
        ValueError: the folder holds other files or another job.
    """
    names = json.dumps([(picture.name, picture.source) for picture in pictures])
    about: dict[str, Any] = {**origin, **asdict(options), "write": sorted(options.write)}
    about |= {"pictures": len(pictures), "list": hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()}
    del about["batch"]  # changes numbers by rounding only
    out.mkdir(parents=True, exist_ok=True)
    if not (out / ABOUT).exists():
        if any(out.iterdir()):
            raise ValueError(f"{out} is not empty and holds no decompositions: choose another folder.")
        write_text(out / ABOUT, json.dumps(about, indent=2) + "\n")
        return about
    try:
        known: dict[str, Any] = json.loads((out / ABOUT).read_text(encoding="utf-8"))
        different = [name for name, value in about.items() if known.get(name) != value]
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{out / ABOUT} is damaged: remove the folder, or choose another one.") from error
    if different:
        words = ", ".join("other pictures" if name == "list" else f"another {name}" for name in different)
        raise ValueError(f"{out} was started with {words}: repeat the original command, or choose another folder.")
    return known


@contextmanager
def _journal(path: Path, batch: int, total: int) -> Iterator[tuple[TextIO, list[str]]]:
    """Opens and locks the progress file; also yields for each finished picture why it was rejected, or "".

    Lines after the last complete batch are deleted.
    """
    with path.open("a+", encoding="utf-8") as file:
        if sys.platform != "win32":  # Windows has no such lock
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(f"Another process is writing {path.parent}: wait for it.") from None
        finished: list[str] = []
        ends = [0]
        file.seek(0)
        while (line := file.readline()).endswith("\n"):
            finished.append(json.loads(line).get("refused", ""))
            ends.append(file.tell())
        if len(finished) < total:
            del finished[len(finished) // batch * batch :]
        file.seek(ends[len(finished)])
        file.truncate()
        yield file, finished


def _read(model: MONet, chunk: Sequence[Input], fit: How) -> tuple[list[np.ndarray], list[str]]:
    """Reads and preprocesses the readable pictures of a chunk; returns them and, for every picture, an error or ""."""
    arrays, reasons = [], []
    for picture in chunk:
        try:
            arrays.append(preprocess(model, picture.read(), fit))
            reasons.append("")
        except PictureError as error:
            reasons.append(str(error))
    return arrays, reasons


def _scenes(model: MONet, arrays: list[np.ndarray], slots: int | None) -> Iterator[Any]:
    if not arrays:
        return
    images = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float().div_(255)
    with torch.inference_mode():
        decomposition = model(images.to(next(model.parameters()).device), slots)
    for i in range(len(arrays)):
        single = Decomposition(**{name: x[i : i + 1] for name, x in vars(decomposition).items()})
        yield describe(images[i : i + 1], single)


def _finish(out: Path, options: Options, about: dict[str, Any]) -> None:
    """Writes the tables from the progress file, and removes it."""
    refused = [line for line in _lines(out / PROGRESS) if "refused" in line]
    if "latents" in options.write and len(refused) < about["pictures"]:
        table: Iterator[Row] = (row for line in _lines(out / PROGRESS) for row in line.get("rows", ()))
        write_table(out / f"latents.{options.table}", table, options.table)
    part = out / f"{REFUSED}.part"
    with part.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(("picture", "source", "reason"))
        writer.writerows((line["picture"], line["source"], line["refused"]) for line in refused)
    part.replace(out / REFUSED)
    about |= {"taken": about["pictures"] - len(refused), "refused": len(refused)}
    write_text(out / ABOUT, json.dumps(about, indent=2) + "\n")
    os.unlink(out / PROGRESS)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _finished(out: Path, pictures: Sequence[Input]) -> Iterator[Done]:
    with (out / REFUSED).open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        refused = {row["picture"]: row["reason"] for row in csv.DictReader(file)}
    yield from (Done(picture, refused.get(picture.name, "")) for picture in pictures)

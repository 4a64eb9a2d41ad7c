"""Takes a list of pictures apart into a folder; stopped and resumed at any moment.

The folder's ``progress.jsonl`` gets a line for every picture whose files are written, with its latents or why it was
refused. A resumed job goes on at the first batch that is not whole there, with the same pictures in the same batches,
so that every number is the same. At the end the lines become ``latents.csv`` (or ``.parquet``) and ``refused.csv``.
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
    """How pictures are taken apart, and what is written.

    Attributes:
        fit: how a picture becomes square, see :func:`monet.pictures.fit`.
        slots: K; None: the model's.
        write: what to write.
        table: format of the latents.
        batch: pictures that go through the network at once.
    """

    fit: How = "crop"
    slots: int | None = None
    write: tuple[Kind, ...] = KINDS
    table: Table = "csv"
    batch: int = 16


@dataclass(frozen=True)
class Done:
    """A picture that is finished: its input, and why it was refused, or "" where its files are there."""

    input: Input
    refused: str = ""


def decompose_set(
    model: MONet,
    pictures: Sequence[Input],
    out: Path,
    options: Options = Options(),
    origin: Mapping[str, str] | None = None,
) -> Iterator[Done]:
    """Takes pictures apart and writes the files; see :func:`monet.outputs.files.write`.

    A generator: the work is done while it is gone through, at most a batch between two values, and it may be left at
    any picture. The same call goes on from there; of pictures that are finished it gives their :class:`Done` again.

    Args:
        model: in eval mode, on any device.
        pictures: what :func:`monet.outputs.inputs` gives.
        out: folder, made if need be.
        options: see there.
        origin: what the model is, for ``about.json``: a folder is one model's.

    Raises:
        ValueError: ``out`` holds something else, or a job with other pictures or options, or is being written by
            another process; or Parquet is asked for and cannot be written.
        OSError: the disk is full or cannot be written.
    """
    if (options.slots or 0) > MAX_SLOTS:
        raise ValueError(f"{options.slots} slots are more than the {MAX_SLOTS} that a palette PNG tells apart.")
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
            fed, reasons = _read(model, chunk, options.fit)
            scenes = _scenes(model, fed, options.slots)
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
    """Makes the folder; what its ``about.json`` says.

    Raises:
        ValueError: it holds something else.
    """
    names = json.dumps([(picture.name, picture.source) for picture in pictures])
    about: dict[str, Any] = {**origin, **asdict(options), "write": sorted(options.write)}
    about |= {"pictures": len(pictures), "list": hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()}
    del about["batch"]  # its numbers are the same but for rounding
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
        raise ValueError(f"{out} was begun with {words}: give what it was begun with, or choose another folder.")
    return known


@contextmanager
def _journal(path: Path, batch: int, whole: int) -> Iterator[tuple[TextIO, list[str]]]:
    """The file of progress, for this process alone, and of each picture in it why it was refused, or "".

    Lines behind the last whole batch are dropped.
    """
    with path.open("a+", encoding="utf-8") as file:
        if sys.platform != "win32":  # which has no such lock
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
        if len(finished) < whole:
            del finished[len(finished) // batch * batch :]
        file.seek(ends[len(finished)])
        file.truncate()
        yield file, finished


def _read(model: MONet, chunk: Sequence[Input], fit: How) -> tuple[list[np.ndarray], list[str]]:
    """The pictures that can be shown, as the model is fed them, and of every one why it was refused, or ""."""
    fed, reasons = [], []
    for picture in chunk:
        try:
            fed.append(preprocess(model, picture.read(), fit))
            reasons.append("")
        except PictureError as error:
            reasons.append(str(error))
    return fed, reasons


def _scenes(model: MONet, fed: list[np.ndarray], slots: int | None) -> Iterator[Any]:
    if not fed:
        return
    images = torch.from_numpy(np.stack(fed)).permute(0, 3, 1, 2).float().div_(255)
    with torch.inference_mode():
        decomposition = model(images.to(next(model.parameters()).device), slots)
    for i in range(len(fed)):
        alone = Decomposition(**{name: x[i : i + 1] for name, x in vars(decomposition).items()})
        yield describe(images[i : i + 1], alone)


def _finish(out: Path, options: Options, about: dict[str, Any]) -> None:
    """Makes the tables of the lines of progress, and takes them away."""
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

"""Saved states of a run (two safetensors files each, one pair always complete), and the lock of its folder.

``weights.safetensors`` holds ``model.*`` and ``average.*``, ``optimizer.safetensors`` what Adam remembers of each
weight. The metadata of the first holds the record of the run: its step, its data, the machines it ran on. Nothing is
unpickled.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

if sys.platform != "win32":
    import fcntl

FOLDER = "state"
"""In a run's folder: its states."""
WEIGHTS, OPTIMIZER = "weights.safetensors", "optimizer.safetensors"
KEPT = 2
"""States that a run keeps: the last, and the one before it in case the last is damaged."""
LOCK = "lock"


class StateError(ValueError):
    """A state is missing, damaged or in use. The message is one sentence for the person at the keyboard."""


class State(NamedTuple):
    """What a run is, between two steps.

    Attributes:
        weights: ``model.NAME`` and ``average.NAME``, float32.
        optimizer: ``exp_avg.NAME``, ``exp_avg_sq.NAME`` and ``step.NAME``; empty where Adam begins anew.
        record: all else, as JSON has it; see ``Run.record``.
    """

    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    record: dict[str, Any]


def write(state: State, folder: Path) -> None:
    """Writes a state into a folder of its own, ``folder/STEP``, whole or not at all; older ones but one go.

    Raises:
        OSError: the disk is full or cannot be written; what was there is still there.
    """
    part = folder / f".part-{os.getpid()}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        write_tensors(part / OPTIMIZER, state.optimizer, {})
        write_tensors(part / WEIGHTS, state.weights, {"record": json.dumps(state.record)})
        target = folder / f"{state.record['step']:09d}"
        if target.exists():  # a run that fell back has come here again
            target.rename(folder / f".part-{os.getpid()}-old")
        part.rename(target)
    finally:
        for left in folder.glob(".part-*"):
            shutil.rmtree(left, ignore_errors=True)
    for old in saved(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Writes a safetensors file down to the disk.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    with path.open("wb") as file:
        # Without a tensor and without a word of metadata, the library writes a header that it cannot read.
        told = {"format": "pt", **metadata}
        file.write(save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, told))
        file.flush()
        os.fsync(file.fileno())


def saved(folder: Path) -> list[Path]:
    """Folders of the states, oldest first."""
    return sorted(path for path in folder.glob("[0-9]*") if path.is_dir())


def read(folder: Path, device: torch.device) -> tuple[State | None, str]:
    """The newest whole state and a sentence about newer ones that are damaged; no state where there is none.

    Raises:
        StateError: there are some, but none of them is whole.
    """
    damaged: list[str] = []
    for path in reversed(saved(folder)):
        try:
            return open_state(path / WEIGHTS, path / OPTIMIZER, device), " ".join(damaged)
        except StateError as error:
            damaged.append(str(error))
    if damaged:
        raise StateError(f"{' '.join(damaged)} No whole state is left: remove {folder}, or give another --folder.")
    return None, ""


def records(folder: Path) -> list[dict[str, Any]]:
    """The records of the states of a folder that can be read, oldest first; their tensors are not."""
    found = []
    for path in saved(folder):
        try:
            with safe_open(path / WEIGHTS, framework="pt") as file:
                found.append(json.loads((file.metadata() or {})["record"]))
        except (SafetensorError, OSError, RuntimeError, ValueError, KeyError):  # damaged, or has just gone
            continue
    return found


def open_state(weights: Path, optimizer: Path | None, device: torch.device) -> State:
    """A state from its files; without ``optimizer``, one whose Adam begins anew.

    Raises:
        StateError: a file is missing or damaged, or holds a number that is not finite.
    """
    tensors: dict[Path, dict[str, Tensor]] = {}
    record: dict[str, Any] = {}
    for path in filter(None, (weights, optimizer)):
        try:
            with safe_open(path, framework="pt", device=str(device)) as file:
                tensors[path] = {name: file.get_tensor(name) for name in list(file.keys())}
                if path == weights:
                    record = json.loads((file.metadata() or {}).get("record", "{}"))
        except (SafetensorError, OSError, ValueError) as error:
            raise StateError(f"{path} is damaged ({error}).") from error
        if not all(bool(torch.isfinite(value).all()) for value in tensors[path].values()):
            raise StateError(f"{path} holds numbers that are not finite.")
    if "step" not in record:
        raise StateError(f"{weights} is not the state of a run.")
    return State(tensors[weights], tensors[optimizer] if optimizer else {}, record)


@contextmanager
def locked(folder: Path) -> Iterator[str]:
    """Keeps a run's folder for this process; the system takes the lock back when the process ends, however it ends.

    Yields:
        the number of a process that was killed while it trained here, or nothing.

    Raises:
        StateError: another process trains here; its number is told.
    """
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        file.seek(0)
        if sys.platform != "win32":  # which has no such lock
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # which a forked worker does not inherit
            except OSError:
                raise StateError(f"{folder} is in use: process {file.read().strip()} trains there.") from None
        owner = file.read().strip()
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield owner
        file.truncate(0)


def owner(folder: Path) -> int | None:
    """The process that trains in a folder; None where none does. The lock is looked at and never taken."""
    try:
        with (folder / LOCK).open("rb") as file:
            text = file.read(32).strip()
            noted = int(text) if text.isdigit() else None
            if sys.platform == "win32":
                return noted
            layout, kind = ("@qqihh", 3) if sys.platform == "darwin" else ("@hhqqi", 0)
            asked = [0] * 5
            asked[kind] = fcntl.F_WRLCK
            found = struct.unpack(layout, fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(layout, *asked)))
    except OSError:
        return None
    if found[kind] == fcntl.F_UNLCK:
        return None
    pid = int(found[2 if sys.platform == "darwin" else 4])
    return pid if pid > 0 else noted


def was_killed(folder: Path) -> bool:
    """Whether the last process that trained in a folder ended without giving its lock back."""
    try:
        return bool((folder / LOCK).read_bytes().strip()) and owner(folder) is None
    except OSError:
        return False

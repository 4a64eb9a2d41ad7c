"""Saved states of a run (two safetensors files each, one pair always complete), and the lock of its folder.

``weights.safetensors`` holds ``model.*`` and ``average.*``, ``optimizer.safetensors`` Adam's moments of each weight.
The metadata of the first holds the record of the run: its step, its data, its machines. Nothing is unpickled.
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
"""Folder of the states in a run's folder."""
WEIGHTS, OPTIMIZER = "weights.safetensors", "optimizer.safetensors"
KEPT = 2
"""Number of states that a run keeps: the last, and the one before in case the last is damaged."""
LOCK = "lock"


class StateError(ValueError):
    """A state is missing, damaged or in use. The message is one sentence for the user."""


class State(NamedTuple):
    """State of a run between two steps.

    Attributes:
        weights: ``model.NAME`` and ``average.NAME``, float32.
        optimizer: ``exp_avg.NAME``, ``exp_avg_sq.NAME`` and ``step.NAME``; empty for a fresh Adam.
        record: everything else, for JSON; see ``Run.record``.
    """

    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    record: dict[str, Any]


def write(state: State, folder: Path) -> None:
    """Writes a state to ``folder/STEP`` atomically and removes all older states but one.

    Raises:
        OSError: the disk is full or cannot be written; existing states are unchanged.
    """
    part = folder / f".part-{os.getpid()}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        write_tensors(part / OPTIMIZER, state.optimizer, {})
        write_tensors(part / WEIGHTS, state.weights, {"record": json.dumps(state.record)})
        target = folder / f"{state.record['step']:09d}"
        if target.exists():  # from before a rollback
            target.rename(folder / f".part-{os.getpid()}-old")
        part.rename(target)
    finally:
        for left in folder.glob(".part-*"):
            shutil.rmtree(left, ignore_errors=True)
    for old in saved(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Writes a safetensors file and syncs it to disk.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    with path.open("wb") as file:
        # Without tensors and without metadata, the library writes a header that it cannot read.
        metadata = {"format": "pt", **metadata}
        file.write(save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, metadata))
        file.flush()
        os.fsync(file.fileno())


def saved(folder: Path) -> list[Path]:
    """Lists the folders of the states, oldest first."""
    return sorted(path for path in folder.glob("[0-9]*") if path.is_dir())


def read(folder: Path, device: torch.device) -> tuple[State | None, str]:
    """Reads the newest complete state; also returns a sentence about newer, damaged ones. None if there is no state.

    Raises:
        StateError: all states are damaged.
    """
    damaged: list[str] = []
    for path in reversed(saved(folder)):
        try:
            return open_state(path / WEIGHTS, path / OPTIMIZER, device), " ".join(damaged)
        except StateError as error:
            damaged.append(str(error))
    if damaged:
        raise StateError(f"{' '.join(damaged)} No complete state is left: remove {folder}, or give another --folder.")
    return None, ""


def records(folder: Path) -> list[dict[str, Any]]:
    """Reads the records of the readable states of a folder, oldest first, without their tensors."""
    found = []
    for path in saved(folder):
        try:
            with safe_open(path / WEIGHTS, framework="pt") as file:
                found.append(json.loads((file.metadata() or {})["record"]))
        except (SafetensorError, OSError, RuntimeError, ValueError, KeyError):  # damaged, or just removed
            continue
    return found


def open_state(weights: Path, optimizer: Path | None, device: torch.device) -> State:
    """Reads a state from its files; without ``optimizer``, with a fresh Adam.

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
    """Locks a run's folder for this process; the system releases the lock when the process ends for any reason.

    Yields:
        id of a process that was killed while it trained here, or "".

    Raises:
        StateError: another process trains here; the message has its id.
    """
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        file.seek(0)
        if sys.platform != "win32":  # Windows has no such lock
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not inherited by forked workers
            except OSError:
                raise StateError(f"{folder} is in use: process {file.read().strip()} trains there.") from None
        owner = file.read().strip()
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield owner
        file.truncate(0)


def owner(folder: Path) -> int | None:
    """Returns the id of the process that trains in a folder, or None. Queries the lock without taking it."""
    try:
        with (folder / LOCK).open("rb") as file:
            text = file.read(32).strip()
            noted = int(text) if text.isdigit() else None
            if sys.platform == "win32":
                return noted
            layout, kind = ("@qqihh", 3) if sys.platform == "darwin" else ("@hhqqi", 0)
            query = [0] * 5
            query[kind] = fcntl.F_WRLCK
            found = struct.unpack(layout, fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(layout, *query)))
    except OSError:
        return None
    if found[kind] == fcntl.F_UNLCK:
        return None
    pid = int(found[2 if sys.platform == "darwin" else 4])
    return pid if pid > 0 else noted


def was_killed(folder: Path) -> bool:
    """Returns whether the last process that trained in a folder ended without releasing its lock."""
    try:
        return bool((folder / LOCK).read_bytes().strip()) and owner(folder) is None
    except OSError:
        return False

"""Starts, stops, resumes and describes training runs; finds existing runs by their folders after a restart."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monet.data import DATASETS, Stored
from monet.explorer.training import reading
from monet.explorer.training.commands import Data, command, config_of, recipe_of
from monet.explorer.training.note import began, data_of, is_run, read_note, write_note
from monet.training import state as states
from monet.training.run import STATES
from monet.training.tables import LOG

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,47}")
BAD_NAME = "A name has 1 to 48 letters, digits, hyphens and underscores, and begins with no hyphen."
OUTPUT = "train.log"
"""Output of the run's process."""
MOST_MINUTES = 7 * 24 * 60
MOST_AT_ONCE = 4
NICE = 5
"""Niceness of training processes, so that the page stays responsive."""
PROJECT = Path(__file__).parents[3]


class RunError(ValueError):
    """The request cannot be done. The message is one sentence for the visitor."""


class Runs:
    """The runs in a folder.

    Args:
        folder: parent of the runs' folders; created with the first run.
        stored: data sets of this machine by name; others may be added later.
    """

    def __init__(self, folder: Path, stored: Mapping[str, Stored]):
        self.folder, self.stored = folder.absolute(), stored
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def all(self) -> list[dict[str, Any]]:
        """Descriptions of all runs, see :meth:`describe`; the newest first."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        folders = [path for path in found if NAME.fullmatch(path.name) and is_run(path)]
        return [self.describe(path.name) for path in sorted(folders, key=began, reverse=True)]

    def path(self, name: str) -> Path:
        """The folder of a run.

        Raises:
            RunError: there is no run of this name.
        """
        if not NAME.fullmatch(name) or not is_run(self.folder / name):
            raise RunError("There is no run of this name.")
        return self.folder / name

    def describe(self, name: str) -> dict[str, Any]:
        """Describes a run for the page.

        Returns:
            ``name``; ``state``: starting, running, stopping, paused, stopped, finished or died; ``data``, title of the
            data set; ``minutes`` that it may take, None for no limit; ``step``; ``share`` of the recipe that is done, 0
            to 1, None if the recipe is unknown; ``seconds`` of training; ``pictures`` seen so far; ``rate`` in steps
            and pictures per second, None if unknown; ``resumable``; ``saved``, the step of the weights that can be
            loaded, None if there are none; ``sheets``, the steps of its contact sheets; ``slots`` in their pictures,
            None if the recipe is unknown; ``labelled``, whether they show a true segmentation; ``diagnosis``, the last
            one that the run printed, "" if none; and ``output``, the last lines of a run that died.
        """
        path = self.path(name)
        note = read_note(path)
        records = states.records(path / STATES)
        last = records[-1] if records else {}
        data = data_of(note, last, path)
        config = known_config(path, note)
        recipe = recipe_of(config)
        can_continue = self._known(data) and (recipe is not None or (config is None and "data" in note))
        share = None if recipe is None else min(1.0, last.get("position", 0.0) / recipe.steps)
        state = self._state(path, note, share)
        return {
            "name": name,
            "state": state,
            "data": self._title(data),
            "minutes": note.get("minutes"),
            "step": max(last.get("step", 0), reading.last_step(path / LOG)),
            "share": share,
            "seconds": last.get("seconds", 0.0),
            "pictures": last.get("pictures", 0),
            "rate": reading.rate(records),
            "resumable": can_continue and state in ("paused", "stopped", "died"),
            "saved": last.get("step") if recipe is not None else None,
            "sheets": reading.sheets(path),
            "slots": recipe and recipe.model.num_slots,
            "labelled": reading.labelled(path),
            "diagnosis": reading.diagnosis(path / OUTPUT),
            "output": reading.last_lines(path / OUTPUT) if state == "died" else [],
        }

    def start(self, name: str, data: Data, minutes: float | None) -> None:
        """Starts a run in a new folder.

        Raises:
            RunError: the name, the data set or the time is invalid, or the folder exists.
        """
        if not NAME.fullmatch(name):
            raise RunError(BAD_NAME)
        if minutes is not None and not 0 < minutes <= MOST_MINUTES:
            raise RunError(f"Give more than 0 and at most {MOST_MINUTES:,} minutes, or train until stopped.")
        if not self._known(data):
            raise RunError("There is no data set of this name.")
        with self._lock:
            self._check_limit()
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.mkdir()
            except FileExistsError:
                raise RunError(f"There is a run {name} already: resume it, or choose another name.") from None
            self._spawn(
                path, {"data": list(data), "config": data.name, "minutes": minutes, "began": time.time()}, minutes
            )

    def resume(self, name: str) -> None:
        """Resumes a run that is paused, stopped or died.

        Raises:
            RunError: it is in another state, or its recipe or its data set is unknown.
        """
        path = self.path(name)
        with self._lock:
            about = self.describe(name)
            if not about["resumable"]:
                raise RunError(f"{name} cannot be resumed: it is {about['state']}.")
            self._check_limit()
            note = read_note(path)
            minutes = note.get("minutes")
            remaining = None if minutes is None else max(minutes - about["seconds"] / 60, 0.1)
            record = (states.records(path / STATES) or [{}])[-1]
            data = data_of(note, record, path)
            kept = {
                "data": list(data),
                "config": note.get("config", path.name),
                "minutes": minutes,
                "began": began(path),
            }
            self._spawn(path, kept, remaining)

    def stop(self, name: str, asked: str) -> None:
        """Signals a run's process to save its state and exit.

        Args:
            name: of the run.
            asked: "pause" or "stop"; they differ only in the run's state afterwards.

        Raises:
            RunError: the run has no process.
        """
        path = self.path(name)
        with self._lock:
            child, process = self._child(path), states.owner(path)
            if child is None and process is None:
                if asked == "stop" and read_note(path).get("asked") == "pause":
                    return write_note(path, {**read_note(path), "asked": asked})
                raise RunError(f"{name} is not running.")
            write_note(path, {**read_note(path), "asked": asked})
            os.kill(process or child.pid, signal.SIGTERM)  # type: ignore[union-attr]

    # --------------------------------------------------------------- processes

    def _spawn(self, path: Path, note: dict[str, Any], minutes: float | None) -> None:
        data, config = Data(*note["data"]), known_config(path, note)
        write_note(path, note)
        environment = os.environ | {
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH")))),
        }
        with (path / OUTPUT).open("ab") as output:
            child = subprocess.Popen(
                command(path, config, data, self.stored, minutes),
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
                start_new_session=True,  # signals to the app do not reach the run
            )  # fmt: skip
        if sys.platform != "win32":
            os.setpriority(os.PRIO_PROCESS, child.pid, NICE)
        self._children[path.name] = child

    def _child(self, path: Path) -> subprocess.Popen[bytes] | None:
        """The running process that this app started for a run, if any; writes the exit status of an ended one."""
        child = self._children.get(path.name)
        if child is None or child.poll() is None:
            return child
        del self._children[path.name]
        write_note(path, {**read_note(path), "exit": child.returncode})
        return None

    def _state(self, path: Path, note: dict[str, Any], share: float | None) -> str:
        training, child = states.owner(path) is not None, self._child(path)
        if training or child is not None:
            return "stopping" if note.get("asked") else "running" if training else "starting"
        note = read_note(path)
        if share == 1:
            return "finished"
        if asked := note.get("asked"):
            return "stopped" if asked == "stop" else "paused"
        stateless = not (path / STATES).is_dir()
        return "died" if note.get("exit") or stateless or states.was_killed(path) else "paused"

    def _check_limit(self) -> None:
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        running = sum(states.owner(path) is not None for path in found)
        if running >= MOST_AT_ONCE:
            raise RunError(f"{running} runs are training already: pause one first.")

    def _known(self, data: Data) -> bool:
        return data.name in (DATASETS if data.kind == "generated" else self.stored)

    def _title(self, data: Data) -> str:
        if data.kind == "stored":
            return self.stored[data.name].about.title if data.name in self.stored else data.name
        return DATASETS[data.name].title if data.name in DATASETS else data.name


def known_config(path: Path, note: Mapping[str, Any]) -> str | None:
    """A run's recipe as ``--config``: the one in its folder, else the one that the app started it with.

    A run from the command line without a recipe in its folder has the one with its folder's name.
    """
    return config_of(path, str(note.get("config", path.name)))

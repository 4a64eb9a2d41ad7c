"""How things are measured: alternatives in turns, as ratios; memory and training in processes of their own."""

from __future__ import annotations

import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Settings:
    """What the command line says.

    Attributes:
        quick: few rounds: for ratios at a glance, not for figures to quote.
        threads: threads of both sides wherever a row does not say otherwise.
        out: path of the JSON; plots go beside it.
        seconds: for which visitors stay.
    """

    quick: bool
    threads: int
    out: Path
    seconds: float = 60

    def rounds(self, many: int) -> int:
        return max(many // 5, 2) if self.quick else many


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        what: is measured.
        ours: the figure with its unit.
        against: the figure of the alternative, "" if there is none.
        ratio: how many times better than the alternative, None if there is none.
        wanted: what the ratio or the figure should be at least or at most, "" if nothing was set.
        met: whether it is; None if nothing was set or nothing could be measured.
        note: what a reader has to know about the row.
        samples: everything measured, for the JSON.
    """

    what: str
    ours: str
    against: str = ""
    ratio: float | None = None
    wanted: str = ""
    met: bool | None = None
    note: str = ""
    samples: dict[str, Any] = field(default_factory=dict)


def missing(what: str, reason: str) -> Row:
    """A row that could not be measured."""
    return Row(what, "not measured", note=reason)


def versus(
    what: str, samples: dict[str, list[float]], ours: str, against: str, wanted: float | None, unit: str, note: str = ""
) -> Row:
    """A row from samples where less is better, taken in turns: the ratio is the median of the rounds' ratios."""
    value = ratio(samples[against], samples[ours])
    return Row(
        what,
        quantity(statistics.median(samples[ours]), unit),
        quantity(statistics.median(samples[against]), unit),
        value,
        f"{wanted:g}" if wanted else "",
        value >= wanted if wanted else None,
        note,
        samples,
    )


def ratio(slow: list[float], fast: list[float]) -> float:
    """How many times ``fast`` is ahead, the median over the rounds."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def quantity(value: float, unit: str) -> str:
    """A figure of three digits; seconds under one in milliseconds."""
    if unit == "s" and value < 1:
        value, unit = 1000 * value, "ms"
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"


def in_turns(
    alternatives: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each alternative in each round, A B A B ..., after one round that does not count."""
    samples: dict[str, list[float]] = {name: [] for name in alternatives}
    for number in range(rounds + 1):
        for name, call in alternatives.items():
            start = clock()
            call()
            if number:
                samples[name].append(clock() - start)
    return samples


def resident() -> float:
    """Megabytes of this process that are in memory now."""
    return _status("VmRSS")


def peak() -> float:
    """The most megabytes of this process that were ever in memory (``ru_maxrss`` would count its parent's)."""
    return _status("VmHWM")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6


def module(name: str, *arguments: object, processes: int = 1) -> dict[str, Any]:
    """Runs a module of this package in processes of its own; the last line of the first is its answer, in JSON.

    Args:
        name: of the module.
        arguments: of its command line.
        processes: one, or several that find each other as ``torchrun`` lets them.

    Raises:
        RuntimeError: it failed; the message ends with what it said.
    """
    command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]
    environments: list[dict[str, str]] = [{}]
    if processes > 1:
        group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(processes)}
        environments = [{**group, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(processes)]
    running = [
        subprocess.Popen(
            command, cwd=ROOT, env=os.environ | more, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for more in environments
    ]
    said = [process.communicate() for process in running]
    for process, (_, error) in zip(running, said, strict=True):
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{error[-2000:]}")
    return json.loads(said[0][0].strip().splitlines()[-1])


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def machine(threads: int) -> dict[str, Any]:
    """What the figures were measured on, and how busy it was."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": threads,
        "load": [round(load, 1) for load in os.getloadavg()],
    }

"""Measuring tools: alternating timing and ratios, memory, separate processes, and the rows of the table."""

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
    """Settings from the command line.

    Attributes:
        quick: few rounds, for rough ratios, not for figures to quote.
        threads: threads of all alternatives, unless a row says otherwise.
        out: path of the JSON; plots are written beside it.
        seconds: duration of the load test.
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
        what: what is measured.
        ours: the figure with its unit.
        against: the figure of the alternative, "" if there is none.
        ratio: how many times better than the alternative, None if there is none.
        wanted: the goal for the ratio or the figure, "" if there is none.
        met: whether the goal is met; None if there is no goal or no measurement.
        note: remarks for the reader.
        samples: all measurements, for the JSON.
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
    """Makes a row that could not be measured."""
    return Row(what, "not measured", note=reason)


def versus(
    what: str, samples: dict[str, list[float]], ours: str, against: str, wanted: float | None, unit: str, note: str = ""
) -> Row:
    """Makes a row from alternating samples where less is better; the ratio is the median of the rounds' ratios."""
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
    """Computes the ratio ``slow`` / ``fast``, the median over the rounds."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def quantity(value: float, unit: str) -> str:
    """Formats a figure with three digits; seconds below one in milliseconds."""
    if unit == "s" and value < 1:
        value, unit = 1000 * value, "ms"
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"


def in_turns(
    alternatives: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Measures seconds of each alternative in each round, A B A B ..., after one round of warm-up."""
    samples: dict[str, list[float]] = {name: [] for name in alternatives}
    for number in range(rounds + 1):
        for name, call in alternatives.items():
            start = clock()
            call()
            if number:
                samples[name].append(clock() - start)
    return samples


def resident() -> float:
    """Returns the resident memory of this process in megabytes."""
    return _status("VmRSS")


def peak() -> float:
    """Returns the peak memory of this process in megabytes (``ru_maxrss`` would include its parent's)."""
    return _status("VmHWM")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6


def module(name: str, *arguments: object, processes: int = 1) -> dict[str, Any]:
    """Runs a module of this package in separate processes; returns the JSON in the last line of the first one's output.

    Args:
        name: name of the module.
        arguments: arguments of its command line.
        processes: number of processes; several form a group as with ``torchrun``.

    Raises:
        RuntimeError: it failed; the message ends with its error output.
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
    outputs = [process.communicate() for process in running]
    for process, (_, error) in zip(running, outputs, strict=True):
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{error[-2000:]}")
    return json.loads(outputs[0][0].strip().splitlines()[-1])


def free_port() -> int:
    """Finds a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def machine(threads: int) -> dict[str, Any]:
    """Describes the machine of the measurements and its load."""
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

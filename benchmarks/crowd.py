"""Load test behind nginx: thirty visitors on two replicas, and one more who decodes in the page.

python -m benchmarks --only crowd --seconds 60
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.measure import ROOT, Row, Settings, missing, quantity
from benchmarks.page import MODEL, NO_CHROMIUM, PATIENCE, READY, Chromium, Drag, dragging
from monet import checkpoints
from tests import nginx
from tests.serving import Server

VISITORS = 30
REPLICAS = 2
DRAGS = 4
"""Average number of decode requests of a visitor per second, if responses took no time."""
SCENE_SECONDS = 10
"""Average seconds between two scenes of a visitor."""
PIXELS = 64 * 64 * 4 * 4
"""Bytes of a decoded slot of ``MODEL``."""
CONNECTED = "all are connected\n"
NO_NGINX = "nginx is missing: python -m tests.nginx"


def crowd(settings: Settings) -> list[Row]:
    """Measures p95 of a decode on the server path and of slider to pixels on the browser path under load."""
    who = f"{VISITORS} visitors through nginx for {settings.seconds:g} s, {REPLICAS} replicas"
    server_path, browser_path = f"{who}: p95 of a decode", f"{who}: p95 slider to pixels in the page, against alone"
    if nginx.find() is None:
        return [missing(server_path, NO_NGINX), missing(browser_path, NO_NGINX)]
    with ExitStack() as stack:
        address = stack.enter_context(site())
        browser = stack.enter_context(Chromium("--ignore-certificate-errors"))
        drag = browser and dragging(browser, address, READY)
        alone = _drag_for(drag, min(settings.seconds, 10)) if drag else []
        command = [sys.executable, "-m", "benchmarks.crowd", address, str(settings.seconds)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as visitors:
            assert visitors.stdout and visitors.stdout.readline() == CONNECTED
            latencies = _drag_for(drag, settings.seconds) if drag else []
            output, _ = visitors.communicate()
    found = json.loads(output)
    decodes, scenes, errors = found["decode"], found["scene"], found["errors"]
    note = (
        f"p50 {_median(decodes)}; {len(decodes)} decodes, {len(scenes)} scenes (p50 {_median(scenes)}), {len(errors)} "
        f"errors{f' such as {errors[0]}' if errors else ''}; each visitor sends a request {quantity(1 / DRAGS, 's')} "
        "after a response, on average"
    )
    rows = [Row(server_path, quantity(_p95(decodes), "s"), "", None, "no error", not errors, note, found)]
    if not drag:
        return [*rows, missing(browser_path, NO_CHROMIUM)]
    note = f"p50 {_median(latencies)}, alone {_median(alone)}; all on one machine, including Chromium"
    samples, (ours, before) = {"alone": alone, "crowd": latencies}, (_p95(latencies), _p95(alone))
    row = Row(browser_path, quantity(ours, "s"), quantity(before, "s"), before / ours, note=note, samples=samples)
    return [*rows, row]


def _median(seconds: list[float]) -> str:
    return quantity(float(np.median(seconds)), "s")


def _p95(seconds: list[float]) -> float:
    return float(np.quantile(seconds, 0.95))


def _drag_for(drag: Drag, seconds: float) -> list[float]:
    """Drags with pauses for some seconds; returns the seconds from each event to its pixels."""
    rng, latencies, end = np.random.default_rng(0), [], time.monotonic() + seconds
    while time.monotonic() < end:
        latencies += drag(rng.random(10).tolist())
        time.sleep(0.5)
    return latencies


@contextmanager
def site() -> Iterator[str]:
    """Starts nginx in front of the replicas; yields its address."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        proxy = nginx.Nginx(folder)
        apps = []
        for number in range(REPLICAS):
            (folder / str(number)).mkdir()
            options = ("--public-url", proxy.address, "--i-know")
            apps.append(Server(checkpoints.FOLDER, folder / str(number), *options))
            stack.callback(apps[-1].start().stop)
        stack.callback(proxy.start([app.port for app in apps]).stop)
        yield proxy.address


async def visit(client: httpx.AsyncClient, number: int, end: float, found: dict[str, list[Any]]) -> None:
    """Simulates a visitor who drags and sometimes opens another scene; records response times and errors."""
    rng = np.random.default_rng(number)
    next_scene = time.monotonic() + rng.uniform(0, SCENE_SECONDS)
    while True:
        await asyncio.sleep(rng.uniform(0.5, 1.5) / DRAGS)
        began = time.monotonic()
        if began > end:
            return
        try:
            if began < next_scene:
                kind, latent = "decode", rng.standard_normal(16, np.float32)
                answer = await client.post(f"monet/decode/{MODEL}", content=latent.tobytes())
                correct = len(answer.content) == PIXELS
            else:
                kind, seed = "scene", {"kind": "seed", "data": MODEL, "seed": int(rng.integers(1000))}
                answer = await client.post(f"monet/decompose/{MODEL}", json=seed)
                correct = answer.json().get("origin") == seed
                next_scene = began + rng.uniform(0.5, 1.5) * SCENE_SECONDS
            if answer.status_code != 200 or not correct:
                raise ValueError(f"{answer.status_code} {answer.text[:100]!r}")
            found[kind].append(time.monotonic() - began)
        except (httpx.HTTPError, ValueError) as error:
            found["errors"].append(f"{type(error).__name__}: {error}")


async def simulate(address: str, seconds: float) -> dict[str, list[Any]]:
    """Runs all visitors at once; returns their response times and errors."""
    found: dict[str, list[Any]] = {"decode": [], "scene": [], "errors": []}
    async with AsyncExitStack() as stack:
        clients = [httpx.AsyncClient(base_url=address, timeout=PATIENCE, verify=False) for _ in range(VISITORS)]
        for client in clients:
            await stack.enter_async_context(client)
            (await client.get("")).raise_for_status()  # sets the cookie by which nginx recognises the visitor
        print(CONNECTED, end="", flush=True)
        end = time.monotonic() + seconds
        await asyncio.gather(*(visit(client, number, end, found) for number, client in enumerate(clients)))
    return found


if __name__ == "__main__":  # a separate process, so that its requests do not wait for the browser's
    json.dump(asyncio.run(simulate(sys.argv[1], float(sys.argv[2]))), sys.stdout)

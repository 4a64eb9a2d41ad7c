"""Benchmarks of the app in Chromium: slider to pixels, start, visitors; and the time of ``import monet``."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import httpx
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.measure import ROOT, Row, Settings, free_port, missing, quantity, versus
from tests import reference
from tests.browser import chromium

PATIENCE = 300
NO_CHROMIUM = "Chromium is missing: python -m tests.browser.chromium"
MODEL = "multi_dsprites"
READY = "document.documentElement.dataset.monet === 'ready' && !!window.monetExplorer.frames.frame"
START = (-0.05, 1.05, -0.05)
"""Uncounted first positions of a drag, because a page that comes to the front is repainted."""

SLIDER = "#mx-latents .mx-latents input[type=range]"
LATENCIES = "window.monetExplorer.frames.latencies"
# The same for a page without own measurements: milliseconds from each input event to a changed picture.
STOCK_LATENCIES = "window.latencies"
KEEP_STOCK_LATENCIES = """window.latencies = [];
document.addEventListener("input", (event) => {
    const source = () => document.querySelector(".image-container img, [data-testid=image] img, .image-frame img");
    const before = source().src;
    const watch = async () => {
        if (source()?.src && source().src !== before) {
            await source().decode();
            window.latencies.push(performance.now() - event.timeStamp);
        } else setTimeout(watch, 1);
    };
    watch();
}, true)"""


def slider(settings: Settings) -> list[Row]:
    """Measures dragging a latent on the browser path, on the server path and in a stock Gradio app, alternating."""
    browser_path, server_path, stock = "browser path", "server path", "stock Gradio"
    what = "slider to pixels, p50"
    with app(settings) as ours, Chromium() as browser:
        if browser is None:
            return [missing(what, NO_CHROMIUM)]
        pages: dict[str, Drag] = {
            browser_path: dragging(browser, f"{ours}/", READY),
            server_path: dragging(browser, f"{ours}/?decoder=server", READY),
        }
        if not reference.NOTEBOOK.is_file():
            return [row(what, latencies(pages, settings), browser_path, server_path, None)]
        with server("-m", "benchmarks.stock", "--threads", str(settings.threads)) as other:
            pages[stock] = dragging(
                browser, other, "!!document.querySelector('img[src]')", "input[type=range]", STOCK_LATENCIES
            )
            samples = latencies(pages, settings)
    return [
        row(f"{what}, browser path", samples, browser_path, stock, 10),
        row(f"{what}, server path", samples, server_path, stock, 3),
        row(f"{what}, browser against server path", samples, browser_path, server_path, None),
    ]


def row(what: str, samples: dict[str, list[float]], ours: str, against: str, wanted: float | None) -> Row:
    p90 = [f"{name} {1000 * np.quantile(samples[name], 0.9):.1f} ms" for name in (ours, against)]
    return versus(what, samples, ours, against, wanted, "s", f"p90: {', '.join(p90)}; event to pixels in the page")


def latencies(pages: dict[str, Drag], settings: Settings) -> dict[str, list[float]]:
    """Measures seconds from event to pixels of each page, alternating between the pages."""
    samples: dict[str, list[float]] = {name: [] for name in pages}
    values = np.random.default_rng(0).permutation(np.linspace(0, 1, settings.rounds(60))).tolist()
    for start in range(0, len(values), 10):
        for name, drag in pages.items():
            samples[name] += drag(values[start : start + 10])
    return samples


def drag(settings: Settings) -> list[Row]:
    """Profiles a drag on the browser path by file, with Chromium's sampling profiler."""
    what = "where the time of a drag goes, browser path"
    with app(settings) as address, Chromium() as browser:
        if browser is None:
            return [missing(what, NO_CHROMIUM)]
        move = dragging(browser, f"{address}/", READY)
        move([0.5])
        page = browser.contexts[-1].pages[-1]
        tools = page.context.new_cdp_session(page)
        tools.send("Profiler.enable")
        tools.send("Profiler.setSamplingInterval", {"interval": 200})
        tools.send("Profiler.start")
        move(np.random.default_rng(0).random(settings.rounds(50)).tolist())
        profile = tools.send("Profiler.stop")["profile"]
    spent: dict[str, float] = {}
    frames = {node["id"]: node["callFrame"] for node in profile["nodes"]}
    for node, microseconds in zip(profile["samples"], profile["timeDeltas"], strict=True):
        url, function = frames[node]["url"], frames[node]["functionName"]
        name = "the kernel" if url.startswith("wasm:") else url.rpartition("/")[2].partition("?")[0] or function
        if name and name not in ("(idle)", "(root)"):
            spent[name] = spent.get(name, 0) + microseconds
    total = sum(spent.values())
    most = sorted(spent, key=spent.__getitem__, reverse=True)[:8]
    listed = ", ".join(f"{name} {100 * spent[name] / total:.0f} %" for name in most)
    return [Row(what, "", note=listed, samples={"share": {name: value / total for name, value in spent.items()}})]


def start(settings: Settings) -> list[Row]:
    """Measures the time from ``python app.py`` to the first scene on screen, with files in the page cache."""
    what = "start of the app to the first scene on screen"
    samples = []
    with Chromium() as browser:
        if browser is None:
            return [missing(what, NO_CHROMIUM)]
        for _ in range(settings.rounds(5) + 1):
            began = time.perf_counter()
            with app(settings) as address:
                page = browser.new_page()
                page.goto(f"{address}/")
                page.wait_for_function(READY)
                samples.append(time.perf_counter() - began)
                page.close()
    seconds = statistics.median(samples[1:])
    return [Row(what, quantity(seconds, "s"), wanted="6 s", met=seconds < 6, samples={"seconds": samples[1:]})]


def imports(settings: Settings) -> list[Row]:
    """Measures ``import monet`` in a new process, and checks that it imports neither Gradio nor Plotly."""
    program = (
        "import sys, time; start = time.perf_counter(); import torch; middle = time.perf_counter(); import monet;"
        "print(time.perf_counter() - start, middle - start, *({'gradio', 'plotly'} & set(sys.modules)))"
    )
    samples, torch_alone, foreign = [], [], []
    for _ in range(settings.rounds(5) + 1):
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
        total, alone, *foreign = done.stdout.split()
        samples.append(float(total))
        torch_alone.append(float(alone))
    seconds = statistics.median(samples[1:])
    return [
        Row(
            "import monet",
            quantity(seconds, "s"),
            wanted="2.5 s",
            met=seconds < 2.5 and not foreign,
            note=f"imports {', '.join(foreign) or 'neither Gradio nor Plotly'}; "
            f"torch alone {quantity(statistics.median(torch_alone[1:]), 's')}",
            samples={"seconds": samples[1:], "torch": torch_alone[1:]},
        )
    ]


# ------------------------------------------------------------------------ tools


class Chromium:
    """Context manager of a Chromium browser with command-line arguments; None if it is not installed."""

    def __init__(self, *arguments: str):
        self._arguments = arguments

    def __enter__(self) -> Browser | None:
        path = chromium.find()
        self._playwright = sync_playwright().start()
        self._browser: Browser | None = None
        if path:
            self._browser = self._playwright.chromium.launch(executable_path=path, args=self._arguments)
        return self._browser

    def __exit__(self, *error: object) -> None:
        if self._browser:
            self._browser.close()
        self._playwright.stop()


Drag = Callable[[Sequence[float]], list[float]]
"""Drags a slider to shares of its width, one after the other; returns the seconds from each event to its pixels."""


def dragging(
    browser: Browser,
    url: str,
    ready: str,
    slider: str = SLIDER,
    latencies: str = LATENCIES,
    requests: list[str] | None = None,
) -> Drag:
    """Opens a page and returns a function that drags its slider with the mouse.

    Chromium delivers these mouse events like a user's, just before it draws. Events of a script would wait for the next
    frame.
    """
    page: Page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(url)
    page.wait_for_function(f"{ready} && !!document.querySelector('{slider}')")
    if latencies == STOCK_LATENCIES:
        page.evaluate(KEEP_STOCK_LATENCIES)
    if requests is not None:
        page.on("request", lambda request: requests.append(request.url))
    answered = f"""(before) => new Promise((resolve) => {{
        const watch = () => ({latencies}.length > before ? resolve({latencies}.at(-1)) : setTimeout(watch, 1));
        watch();
    }})"""

    def seconds(values: Sequence[float]) -> list[float]:
        page.bring_to_front()
        handle = page.locator(slider).first
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        assert box
        x, y = (lambda share: box["x"] + box["width"] * (0.05 + 0.9 * share)), box["y"] + box["height"] / 2
        measured = []
        for number, value in enumerate((*START, *values)):
            before = page.evaluate(f"{latencies}.length")
            page.mouse.move(x(value), y)
            if number == 0:
                page.mouse.down()
            measured.append(page.evaluate(answered, before) / 1000)
        page.mouse.up()
        return measured[len(START) :]

    return seconds


def app(settings: Settings) -> AbstractContextManager[str]:
    """Starts the app with the shipped checkpoints."""
    return server("app.py", "--threads", str(settings.threads))


@contextmanager
def server(*command: str) -> Iterator[str]:
    """Runs a server; yields its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, *command, "--port", str(port)],
        cwd=ROOT,
        env=os.environ | {"GRADIO_ANALYTICS_ENABLED": "False"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            try:
                httpx.get(address)
                break
            except httpx.TransportError:
                time.sleep(0.02)
        else:
            raise RuntimeError(f"{' '.join(command)} does not answer")
        yield address
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

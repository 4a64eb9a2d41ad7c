"""Latencies with several visitors who drag at the same time, on the server path and the browser path."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np

from benchmarks.measure import Row, Settings, missing, quantity
from benchmarks.page import MODEL, NO_CHROMIUM, PATIENCE, READY, Chromium, Drag, app, dragging

VISITORS = (1, 2, 4, 8, 16)


def visitors(settings: Settings) -> list[Row]:
    """Measures latencies with several visitors who drag at the same time, on the server path and the browser path."""
    counts = VISITORS[:3] if settings.quick else VISITORS
    drags = settings.rounds(50)
    with app(settings) as address, Chromium() as browser:
        waits = {count: drag_on_server(address, count, drags) for count in counts}
        medians = {count: statistics.median(values) for count, values in waits.items()}
        rows = [
            Row(
                f"{counts[-1]} visitors on the server path, p50 of a decode, against 1",
                quantity(medians[counts[-1]], "s"),
                quantity(medians[1], "s"),
                medians[1] / medians[counts[-1]],
                note=", ".join(f"{count}: {quantity(m, 's')}" for count, m in medians.items()),
                samples={str(count): values for count, values in waits.items()},
            )
        ]
        what = f"{counts[-1]} visitors on the browser path, p50 slider to pixels, against 1"
        if browser is None:
            return [*rows, missing(what, NO_CHROMIUM)]
        pages: list[Drag] = []
        requests: list[str] = []
        shown: dict[int, list[float]] = {}
        for count in counts:
            while len(pages) < count:
                pages.append(dragging(browser, f"{address}/", READY, requests=requests))
                # The first time in front, a page loads the thumbnails. The slider must not stay where a drag begins.
                pages[-1]([0.5])
            requests.clear()
            values = np.random.default_rng(count).random((count, max(drags // count, 2))).tolist()
            # One after the other, because real visitors do not share a machine.
            shown[count] = [s for drag, line in zip(pages, values, strict=True) for s in drag(line)]
        medians = {count: statistics.median(values) for count, values in shown.items()}
    sent = [url for url in requests if not url.endswith("/app_id")]
    return [
        *rows,
        Row(
            what,
            quantity(medians[counts[-1]], "s"),
            quantity(medians[1], "s"),
            medians[1] / medians[counts[-1]],
            "no request",
            not sent,
            f"{len(sent)} requests to the server while they dragged, not counting {len(requests) - len(sent)} health "
            "checks; " + ", ".join(f"{count}: {quantity(m, 's')}" for count, m in medians.items()),
            {str(count): values for count, values in shown.items()},
        ),
    ]


def drag_on_server(address: str, count: int, drags: int) -> list[float]:
    """Measures seconds of each decode of ``count`` visitors, each of whom sends the next request at once."""

    def visit(number: int) -> list[float]:
        latents = np.random.default_rng(number).standard_normal((drags, 16), np.float32)
        seconds = []
        with httpx.Client(base_url=address, timeout=PATIENCE) as client:
            for latent in latents:
                began = time.perf_counter()
                client.post(f"/monet/decode/{MODEL}", content=latent.tobytes()).raise_for_status()
                seconds.append(time.perf_counter() - began)
        return seconds[2:]

    with ThreadPoolExecutor(count) as pool:
        return [s for seconds in pool.map(visit, range(count)) for s in seconds]

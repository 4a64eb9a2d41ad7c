"""Benchmark of dragging an object on the stage, seven slots at 64x64: latency from the pointer to the pixels."""

from __future__ import annotations

import numpy as np

from benchmarks.measure import Row, Settings, missing, quantity
from benchmarks.page import LATENCIES, NO_CHROMIUM, PATIENCE, READY, Chromium, app

SCENE = "model=multi_dsprites&kind=sample&data=multi_dsprites&index=0&slots=7&how=crop"
WANTED = {0.5: 16, 0.95: 33}
"""Goals in milliseconds by quantile: one and two frames at 60 Hz."""
ROUND = 40
"""Events in a full circle of the pointer."""
# Position of the object in pixels of the window, and the size of a picture's pixel there.
PLACE = """() => {
    const { labels, scene, view } = monetExplorer.frames.frame;
    const own = [...labels.keys()].filter((p) => labels[p] === view.slot);
    const mean = (of) => own.reduce((sum, p) => sum + of(p) + 0.5, 0) / own.length;
    const box = document.querySelector("[data-name=image] .mx-large").getBoundingClientRect();
    const scale = box.width / scene.size;
    const [x, y] = [mean((p) => p % scene.size), mean((p) => Math.floor(p / scene.size))];
    return [box.x + scale * x, box.y + scale * y, scale];
}"""
ANSWERED = f"""(before) => new Promise((resolve) => {{
    const end = performance.now() + 500;  // an object that is already there causes no repaint
    const watch = () => {LATENCIES}.length > before ? resolve({LATENCIES}.at(-1))
        : performance.now() > end ? resolve(null) : setTimeout(watch, 1);
    watch();
}})"""


def hand(settings: Settings) -> list[Row]:
    """Measures the latency from a pointer event to the changed pixels, median and 95 % quantile."""
    with app(settings) as address, Chromium() as browser:
        if browser is None:
            return [missing("hand to pixels", NO_CHROMIUM)]
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(f"{address}/#{SCENE}")
        page.wait_for_function(f"{READY} && monetExplorer.store.scene.slots === 7")
        page.wait_for_selector("[data-name=image] .mx-large")
        page.wait_for_timeout(1000)
        x, y, scale = page.evaluate(PLACE)
        page.mouse.move(x, y)
        page.mouse.down()
        latencies: list[float] = []
        for event in range(settings.rounds(6 * ROUND)):
            before = page.evaluate(f"{LATENCIES}.length")
            around = 2 * np.pi * (event + 1) / ROUND
            page.mouse.move(x + 12 * scale * np.sin(around) / 2, y + 12 * scale * (1 - np.cos(around)) / 2)
            if (milliseconds := page.evaluate(ANSWERED, before)) is not None:
                latencies.append(milliseconds / 1000)
        page.mouse.up()
    counted = latencies[3:]  # the first events repaint the whole page
    rows = []
    for share, wanted in WANTED.items():
        seconds = float(np.quantile(counted, share))
        note = f"{len(counted)} events of a real mouse, K = 7 at 64x64"
        met = seconds <= wanted / 1000
        rows.append(
            Row(f"hand to pixels, {share:.0%}", quantity(seconds, "s"), "", None, f"at most {wanted} ms", met, note)
        )
    return rows

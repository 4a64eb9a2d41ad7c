"""Benchmark of the page's canvas: decompositions per second while an object is dragged."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

from benchmarks.measure import Row, Settings, missing
from benchmarks.page import NO_CHROMIUM, PATIENCE, READY, Chromium, app

SECONDS = 6.0
STUDIO = "monetExplorer.studio"
ANSWERED = f"{STUDIO}?.live.shown && {STUDIO}.live.shown.about.composition === {STUDIO}.desk.composition"
COUNT = f"() => {{ window.answers = 0; {STUDIO}.live.onAnswer(() => window.answers++); }}"


class Case(NamedTuple):
    """A model with its own number of slots, and the goal in decompositions per second."""

    model: str
    slots: int
    wanted: float


CASES = (Case("tetrominoes", 4, 15), Case("multi_dsprites", 6, 8))


def canvas(settings: Settings) -> list[Row]:
    """Measures decompositions per second of the page's network while the mouse drags an object in a circle."""
    with app(settings) as address, Chromium() as browser:
        if browser is None:
            return [missing("a composed scene, live", NO_CHROMIUM)]
        rows = []
        for model, slots, wanted in CASES:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(1000 * PATIENCE)
            page.emulate_media(reduced_motion="reduce")
            page.goto(f"{address}/#model={model}&kind=sample&data={model}&index=0&slots={slots}&how=crop")
            page.wait_for_function(READY)
            page.get_by_role("button", name="Compose a scene", exact=True).click()
            page.wait_for_function(ANSWERED)
            screen = page.locator("#mx-compose .mx-easel .mx-canvas")
            screen.scroll_into_view_if_needed()
            box = screen.bounding_box()
            side, thing = page.evaluate(f"[{STUDIO}.place.frame.side, {STUDIO}.desk.composition.things.at(-1)]")
            assert box is not None
            scale = box["width"] / side
            border = (side - page.evaluate(f"{STUDIO}.place.frame.picture")) / 2
            x, y = box["x"] + scale * (border + thing["x"]), box["y"] + scale * (border + thing["y"])
            page.mouse.move(x, y)
            page.mouse.down()
            page.evaluate(COUNT)
            start = time.perf_counter()
            step = 0
            while (passed := time.perf_counter() - start) < SECONDS:
                step += 1
                turn = 2 * math.pi * passed / 3
                page.mouse.move(x + 6 * scale * math.sin(turn), y + 6 * scale * (1 - math.cos(turn)))
            rate = page.evaluate("answers") / (time.perf_counter() - start)
            page.mouse.up()
            where = page.locator("#mx-compose .mx-live-status").text_content() or ""
            rows.append(
                Row(
                    f"decompositions while a scene is composed, {model}, K = {slots}",
                    f"{rate:.3g} a second",
                    wanted=f"{wanted:g} a second",
                    met=rate >= wanted,
                    note=f"{SECONDS:g} s of dragging, {step} events of the mouse; {where.split(',')[0]}",
                )
            )
            page.close()
        return rows

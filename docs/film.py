"""Records ``docs/stage.webp``, the README's animation, in Chromium: ``python -m docs.film``.

The mouse moves and turns an object on the stage, then drags a latent's slider. Every frame is a screenshot of the page.
"""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from benchmarks.hand import PLACE
from tests.browser.chromium import find
from tests.serving import ROOT, Server

TARGET = ROOT / "docs" / "stage.webp"
SCENE = "model=multi_dsprites&kind=sample&data=multi_dsprites&index=0&slots=6&how=crop"
WINDOW = {"width": 1280, "height": 800}
WIDTH = 800
MILLISECONDS = 70
"""Duration of a frame."""
READY = "document.documentElement.dataset.monet === 'ready' && monetExplorer.frames.frame"
POINTER = """([x, y]) => {
    const dot = document.querySelector("#film-pointer") ?? document.body.appendChild(document.createElement("div"));
    dot.id = "film-pointer";
    dot.style.cssText = `position:fixed;left:${x - 9}px;top:${y - 9}px;width:18px;height:18px;border-radius:50%;`
        + "border:2px solid #fff;background:#0008;pointer-events:none;z-index:99999";
}"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(ROOT / "checkpoints", Path(folder)).start()
        browser = playwright.chromium.launch(executable_path=find())
        try:
            page = browser.new_page(viewport=WINDOW)
            page.goto(f"{server.address}/?__theme=light#{SCENE}")
            page.wait_for_function(READY)
            page.keyboard.press("Escape")  # closes the tour
            page.wait_for_timeout(1500)
            frames = [shrunk(picture) for picture in film(page)]
        finally:
            browser.close()
            server.stop()
    frames[0].save(TARGET, save_all=True, append_images=frames[1:], duration=MILLISECONDS, loop=0, quality=60, method=6)
    print(f"{TARGET.relative_to(ROOT)}: {len(frames)} frames, {TARGET.stat().st_size / 1e6:.2f} MB")


def film(page: Page) -> Iterator[bytes]:
    """Yields screenshots of an object moved in a circle, turned and back, and a slider moved to its ends and back."""
    x, y, scale = page.evaluate(PLACE)
    yield from drag(page, [(x - 5 * scale * math.sin(a), y + 10 * scale * (1 - math.cos(a))) for a in turn(36)])
    across, down = (at - middle for at, middle in zip(centre(page.locator(".mx-handle-turn")), (x, y), strict=True))
    angles = [math.atan2(down, across) + 0.6 * (1 - math.cos(a)) for a in turn(30)]
    reach = math.hypot(across, down)
    yield from drag(page, [(x + reach * math.cos(a), y + reach * math.sin(a)) for a in angles])
    slider = page.locator(".mx-latent", has_text="green").locator("input[type=range]")
    box = slider.bounding_box()
    assert box is not None
    middle, height = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    value = float(slider.input_value())
    low, high = float(slider.get_attribute("min") or -4), float(slider.get_attribute("max") or 4)
    start = box["x"] + box["width"] * (value - low) / (high - low)
    yield from drag(
        page, [(start + (middle - start) * min(1, 2 * a) + 0.3 * box["width"] * math.sin(a), height) for a in turn(30)]
    )


def centre(element: Locator) -> tuple[float, float]:
    """Returns the middle of an element in the window."""
    box = element.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def turn(steps: int) -> list[float]:
    """Returns the angles of a full turn."""
    return [2 * math.pi * step / steps for step in range(steps + 1)]


def drag(page: Page, path: list[tuple[float, float]]) -> Iterator[bytes]:
    """Yields screenshots while the mouse is dragged along a path."""
    page.mouse.move(*path[0])
    page.mouse.down()
    for place in path:
        page.mouse.move(*place)
        page.evaluate(POINTER, place)
        page.wait_for_timeout(60)
        yield page.screenshot()
    page.mouse.up()
    for _ in range(6):
        yield page.screenshot()


def shrunk(picture: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()

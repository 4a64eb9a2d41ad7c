"""Shared fixtures: two small checkpoints, the app that serves them, and its page in Chromium."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from monet import checkpoints
from monet.data import Unavailable
from monet.model import MONet, MONetConfig
from monet.training import moments
from tests.browser import chromium as finder
from tests.serving import ROOT, Server

CONFIGS = {
    "multi_dsprites": MONetConfig(num_slots=6),
    "tetrominoes": MONetConfig(resolution=40, picture_size=35, attention_channels=(8, 16, 32, 64), num_slots=4),
}
SITE_MODELS = ("multi_dsprites", "tetrominoes")
PATIENCE = 120
"""Time limit in seconds, reached only on a machine that is busy with other work."""

# The networks of the tests are small: a second thread gains little, and waits long where other work keeps the cores.
torch.set_num_threads(1)
expect.set_options(timeout=1000 * PATIENCE)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Skips a test that cannot render here, with the reason; with ``CI`` set, it fails."""
    try:
        return (yield)
    except Unavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def untrained(config: MONetConfig, seed: int = 1) -> MONet:
    """A model in eval mode with random weights, wide enough apart that every slot owns pixels, latents differ from
    their prior and show in the picture. Trained weights are never needed to know whether the app is right."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = MONet(config)
    with torch.no_grad():
        model.attention.unet.logits.weight *= 10
        model.vae.encoder.posterior.weight *= 20
        for layer in (*model.vae.decoder.convolutions, model.vae.decoder.output):
            layer.weight *= 2
        model.vae.decoder.output.weight[3] *= 10
        model.vae.decoder.output.bias[:3] += 0.5
    return model.eval()


@pytest.fixture(scope="session")
def checkpoints_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoints ``multi_dsprites`` (64x64, K=6) and ``tetrominoes`` (35 in 40x40, K=4), the second
    with moments of a training."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name, config in CONFIGS.items():
        checkpoints.save(untrained(config), folder / name, title=f"Untrained, {name}", data=name)
    before = tmp_path_factory.mktemp("before")
    checkpoints.save(untrained(CONFIGS["tetrominoes"], 2), before, title="Before", data="tetrominoes")
    moments.from_weights(folder / "tetrominoes", {0: before, 2000: folder / "tetrominoes"}, 2)
    return folder


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shipped checkpoints exported as plain files, below a path with a space."""
    folder = tmp_path_factory.mktemp("plain") / "a path" / "site"
    shipped = Path(__file__).parents[1] / "checkpoints"
    from monet.explorer.site import export  # imports Gradio, which most tests do not need

    export.main([str(folder), "--checkpoints", str(shipped), "--model", *SITE_MODELS])
    return folder


@pytest.fixture(scope="session")
def app(checkpoints_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of ``python app.py`` with the checkpoints above, without a final slash."""
    server = Server(checkpoints_folder, tmp_path_factory.mktemp("app"))
    try:
        yield server.start(5 * PATIENCE).address
    finally:
        server.stop()


@pytest.fixture(scope="session")
def trained_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the app with trained checkpoints, whose objects can be moved."""
    folder = tmp_path_factory.mktemp("trained")
    for name in CONFIGS:
        (folder / name).symlink_to(ROOT / "checkpoints" / name)
    server = Server(folder, tmp_path_factory.mktemp("trained_app"))
    try:
        yield server.start(5 * PATIENCE).address
    finally:
        server.stop()


@pytest.fixture(scope="module")
def chromium_arguments() -> list[str]:
    """Arguments of Chromium; a test file may override them."""
    return []


@pytest.fixture(scope="module")  # no longer: Playwright's event loop stays in the thread as long as it lives
def context(app: str, chromium_arguments: list[str]) -> Iterator[BrowserContext]:
    """Chromium with a window of 1440x900, whose cache serves all pages of a file of tests. Tests that need it are
    skipped where it is missing, and fail with ``CI`` set."""
    path = finder.find()
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Chromium is missing: python -m tests.browser.chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium_arguments)
        context = browser.new_context(base_url=app, viewport={"width": 1440, "height": 900})
        context.set_default_timeout(1000 * PATIENCE)
        yield context
        browser.close()


@pytest.fixture
def expected_errors() -> list[str]:
    """Regular expressions of errors that a test provokes in the page; empty by default."""
    return []


@pytest.fixture
def page(context: BrowserContext, app: str, expected_errors: list[str]) -> Iterator[Page]:
    """An empty page that remembers nothing. Afterwards: no uncaught exception and no error in the console that the
    test did not expect, no request to anywhere but the app."""
    errors: list[str] = []
    requests: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # What goes wrong while a frame is drawn is caught there, and a warning.
        if message.type == "error" or message.text.startswith("decoding:"):
            errors.append(message.text)

    page = context.new_page()
    page.on("console", listen)
    page.on("pageerror", lambda error: errors.append(f"uncaught: {error}"))
    page.on("request", lambda request: requests.append(request.url))
    yield page
    if page.url.startswith(app):
        page.evaluate("() => localStorage.clear()")
    page.close()
    assert [e for e in errors if not any(re.search(pattern, e) for pattern in expected_errors)] == []
    assert [url for url in requests if not url.startswith((f"{app}/", "data:", "blob:"))] == []


FIGURES = pytest.StashKey[dict[str, str]]()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> dict[str, str]:
    """A test's measurements by name, for the table at the end of the long tests."""
    return request.config.stash.setdefault(FIGURES, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if "not soak" not in config.option.markexpr:
        for name, words in config.stash.get(FIGURES, {}).items():
            terminalreporter.write_line(f"| {name} | {words} |")

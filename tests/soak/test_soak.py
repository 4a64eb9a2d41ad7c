"""The long tests; they print every figure in SECURITY.md."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monet import checkpoints
from monet.inference import decode_pixels
from monet.pictures import PictureError, read
from tests.hostile_files import everything, ordinary
from tests.hostile_requests import assert_in_words, every_request
from tests.serving import ROOT, Server

pytestmark = pytest.mark.soak
VISITORS, SECONDS = 16, 60


@pytest.fixture(scope="module")
def server(checkpoints_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(checkpoints_folder, tmp_path_factory.mktemp("soak"))
    yield server.start()
    server.stop()


def visit(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.address, timeout=300)


def opens(client: httpx.Client, seed: int) -> None:
    scene = {"kind": "seed", "data": "tetrominoes", "seed": seed}
    answer = client.post("/gradio_api/run/decompose", json={"data": ["", scene, "tetrominoes", 4, "crop"]})
    assert answer.json()["data"][0]["title"].endswith(f"seed {seed}")


def test_every_hostile_file_is_a_picture_or_a_sentence(figures) -> None:
    command = [sys.executable, "-m", "tests.soak.reader"]
    reader = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert reader.returncode == 0, reader.stderr
    results = [json.loads(line) for line in reader.stdout.splitlines()]
    assert len(results) >= 300
    slowest, largest = (max(results, key=lambda r, by=by: r[by]) for by in ("seconds", "megabytes"))
    refused = sum(result["answer"].endswith(".") for result in results)
    assert slowest["seconds"] < 2 and largest["megabytes"] < 300, (slowest, largest)
    figures["hostile files read"] = f"{len(results)}, of them {refused} refused in one sentence"
    figures["slowest file"] = f"{slowest['seconds']:.2f} s of processor time ({slowest['name']})"
    figures["largest file in memory"] = f"{largest['megabytes']:.0f} MB ({largest['name']})"


def test_mutated_files_are_pictures_or_sentences(figures) -> None:
    tried = 0

    @settings(max_examples=3000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(
        st.sampled_from(sorted(ordinary().values())),
        st.lists(st.tuples(st.integers(0, 3000), st.binary(min_size=1, max_size=5)), max_size=6),
        st.integers(0, 3000),
    )
    def mutate(content: bytes, changes: list[tuple[int, bytes]], cut: int) -> None:
        nonlocal tried
        tried += 1
        for at, new in changes:
            at %= len(content)
            content = content[:at] + new + content[at + len(new) :]
        try:
            assert read(content[: len(content) - cut % 50]).dtype == np.uint8
        except PictureError as error:
            assert str(error).endswith(".")

    mutate()
    figures["mutated files (hypothesis)"] = str(tried)


def test_the_server_takes_every_hostile_file_and_answers_the_next_request(server: Server, figures) -> None:
    sent = 0
    with visit(server) as client:
        for name, content in everything(seed=1):
            if len(content) > 4 * 2**20 and sent % 8:  # the reader above read them all
                continue
            answer = client.post("/gradio_api/upload", files={"files": (f"{sent}.png", content)})
            assert answer.status_code == 200, name
            picture = {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}
            answer = client.post("/gradio_api/run/decompose", json={"data": [picture, None, "tetrominoes", 4, "crop"]})
            table = answer.json()
            assert "data" in table or (len(table["error"]) > 20 and "\n" not in table["error"]), name
            sent += 1
            if sent % 10 == 0:
                opens(client, sent)
        opens(client, 1)
    figures["hostile files uploaded"] = f"{sent}, and the server kept answering"


def test_every_endpoint_answers_much_nonsense_in_words(server: Server, figures) -> None:
    tried = 0
    with visit(server) as client:
        for method, path, options in every_request(client.get("/config").json(), seed=1, per_function=8):
            assert_in_words(client, method, path, options)
            tried += 1
        opens(client, 1)
    figures["hostile requests"] = f"{tried}, each answered with a message"


def at_once(visitors: int, drag: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=drag, args=(number,)) for number in range(visitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_sixteen_visitors_drag_for_a_minute(server: Server, checkpoints_folder: Path, figures) -> None:
    model = checkpoints.load(checkpoints_folder / "tetrominoes")
    took: list[list[float]] = [[] for _ in range(VISITORS)]
    wrong: list[str] = []
    memory: list[tuple[float, float]] = []
    begin = time.monotonic()

    def drag(number: int) -> None:
        latents = np.random.default_rng(number).standard_normal((4, 16)).astype("<f4")
        expected = [decode_pixels(model, latent[None]).tobytes() for latent in latents]
        with visit(server) as client:
            while time.monotonic() < begin + SECONDS:
                for latent, pixels in zip(latents, expected, strict=True):
                    start = time.monotonic()
                    answer = client.post("/monet/decode/tetrominoes", content=latent.tobytes())
                    took[number].append(time.monotonic() - start)
                    if answer.content != pixels:
                        wrong.append(f"{answer.status_code}: {answer.text[:100]}")
                if number == 0:
                    memory.append((time.monotonic() - begin, server.memory()))

    at_once(VISITORS, drag)
    assert wrong == []
    means = [statistics.mean(times) for times in took]
    unfair = max(means) / statistics.median(means)
    settled = next(m for at, m in memory if at > 10)
    growth = max(m for at, m in memory if at > 10) / settled - 1
    requests = sum(map(len, took))
    figures["visitors dragging at once"] = f"{VISITORS} for {SECONDS} s: {requests} requests, none failed"
    figures["response time"] = f"median {1000 * statistics.median(t for times in took for t in times):.0f} ms"
    figures["slowest visitor"] = f"{unfair:.2f} times the median one"
    figures["memory after the first 10 s"] = f"{100 * growth:+.1f} %"
    assert unfair <= 3
    assert growth < 0.05


def test_a_thousand_scenes_in_a_row(server: Server, figures) -> None:
    with visit(server) as client:
        for seed in range(50):
            opens(client, seed)
        before = server.memory()
        for seed in range(1000):
            opens(client, seed)
        growth = server.memory() / before - 1
    figures["memory after 1,000 scenes"] = f"{100 * growth:+.1f} % of {before:.0f} MB"
    assert growth < 0.05

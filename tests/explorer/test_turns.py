"""Tests of the queue for the model: one thread at a time; a visitor is served, or told that the queue is full."""

import asyncio
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from starlette.applications import Starlette

from monet.explorer import server, turns
from monet.explorer.layout import build
from monet.explorer.models import Models
from monet.model import MONet


@pytest.fixture
def models(checkpoints_folder: Path, tmp_path: Path) -> Models:
    """Models whose folder no longer exists."""
    folder = tmp_path / "checkpoints"
    shutil.copytree(checkpoints_folder, folder)
    models = Models(folder)
    shutil.rmtree(folder)
    return models


@pytest.mark.slow
def test_one_thread_at_a_time_is_in_the_model_and_a_full_queue_says_so(models: Models, monkeypatch) -> None:
    inside, most = 0, 0
    lock = threading.Lock()

    def watch(method: Any) -> Any:
        def entered(*arguments: Any, **options: Any) -> Any:
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.005)  # long enough for another to come in, were it let
            try:
                return method(*arguments, **options)
            finally:
                with lock:
                    inside -= 1

        return entered

    monkeypatch.setattr(MONet, "forward", watch(MONet.forward))
    monkeypatch.setattr(MONet, "decode", watch(MONet.decode))
    endpoint = next(f.fn for f in build(models).fns.values() if f.api_name == "decompose")
    scene = {"kind": "sample", "data": "tetrominoes", "index": 0}
    app = Starlette(routes=server.routes(models))

    async def ask() -> list[Any]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app", timeout=None) as client:
            latent = torch.zeros(16).numpy().tobytes()
            programs = [endpoint(scene=scene, model="tetrominoes") for _ in range(4)]
            pages = [client.post("/monet/decode/tetrominoes", content=latent) for _ in range(90)]
            return await asyncio.gather(*programs, *pages)

    found, answers = (everybody := asyncio.run(ask()))[:4], everybody[4:]
    assert all(parts["model"] == "tetrominoes" for parts, *_ in found)
    served = [answer for answer in answers if answer.status_code == 200]
    refused = {(answer.status_code, answer.text) for answer in answers if answer not in served}
    assert most == 1
    assert len(served) == 1 + turns.MAX_WAITING - len(found)
    assert len({answer.content for answer in served}) == 1
    assert refused == {(503, "the server is busy, 64 requests are waiting: try again in a moment")}

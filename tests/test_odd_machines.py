"""Tests of the app on unusual machines: ports in use, no home, read-only folders, IPv6 only."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from PIL import Image

from monet.explorer.listen import PORTS
from tests.confined import confined, refusal
from tests.serving import ROOT, Server

pytestmark = pytest.mark.slow  # starts servers

NOT_CONFINED = pytest.mark.skipif(bool(refusal()), reason=f"no user namespaces here: {refusal()}")


def takes_apart(address: str, folder: Path) -> None:
    """Asserts that the page opens and that a sample and an own picture are decomposed."""
    Image.new("RGB", (50, 90), "orange").save(folder / "orange.png")
    with httpx.Client(base_url=address, timeout=120, headers={"origin": address}) as client:
        page = client.get("/")
        assert page.status_code == 200 and f'"root":"{address}"' in page.text
        sample = {"kind": "sample", "data": "tetrominoes", "index": 1}
        assert client.post("/monet/decompose/tetrominoes", json=sample).json()["origin"] == sample
        uploaded = client.post("/gradio_api/upload", files={"files": (folder / "orange.png").open("rb")}).json()
        picture = {"path": uploaded[0], "meta": {"_type": "gradio.FileData"}}
        answer = client.post("/gradio_api/run/decompose", json={"data": [picture, None, "tetrominoes", 4, "crop"]})
        assert len(answer.json()["data"][0]["slots"]) == 4


@pytest.fixture
def taken() -> Iterator[int]:
    """Occupies the first port that the app would use."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # then somebody else has it
            other.bind(("127.0.0.1", PORTS[0]))
            other.listen()
        yield PORTS[0]


def test_a_taken_port_is_left_alone_or_refused_where_it_was_asked_for(taken, checkpoints_folder, tmp_path) -> None:
    command = [sys.executable, "-u", "app.py", "--checkpoints", str(checkpoints_folder), "--threads", "1"]
    environment = os.environ | {"GRADIO_TEMP_DIR": str(tmp_path)}
    refused = subprocess.Popen(
        [*command, "--port", str(taken)], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout
        said = []
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            pytest.fail("".join(said))
        port = int(found[1])
        assert port in PORTS[1:] and f"Port {taken} is taken, so the app uses {port}.\n" in said
        takes_apart(f"http://127.0.0.1:{port}", tmp_path)
        _, error = refused.communicate(timeout=120)
        assert refused.returncode == 1
        assert error == f"The port is taken (127.0.0.1:{taken}): choose another one with --port.\n"
    finally:
        for started in (process, refused):
            started.terminate()
            started.wait()


@NOT_CONFINED
@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="there is no IPv6")
def test_ipv6_alone_without_a_home_on_a_disk_that_cannot_be_written(checkpoints_folder, tmp_path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    nothing = {"HOME": None, "GRADIO_TEMP_DIR": None, "TMPDIR": str(scratch)}
    server = Server(checkpoints_folder, tmp_path, host="::1", environment=nothing, within=confined(scratch))
    try:
        address = server.start().address
        assert address == f"http://[::1]:{server.port}"
        takes_apart(address, tmp_path)
        for host, status in ((f"[::1]:{server.port}", 200), ("[::2]", 400), ("evil.example", 400)):
            assert httpx.get(address, headers={"host": host}).status_code == status
        for origin in ("http://[::1]", "http://[::2]:7860", "http://evil.example"):
            sent = httpx.post(f"{address}/monet/decode/tetrominoes", content=bytes(64), headers={"origin": origin})
            assert sent.status_code == 403
        assert any(scratch.iterdir()), "uploads lie in the temporary folder"
    finally:
        server.stop()
    assert "Traceback" not in (log := server.log.read_text()) and "ead-only" not in log
    assert not list(scratch.glob("monet-explorer-*"))


@NOT_CONFINED
def test_a_home_that_may_not_be_written_stays_as_it_is(checkpoints_folder, tmp_path) -> None:
    scratch, home = tmp_path / "scratch", tmp_path / "scratch" / "home"
    home.mkdir(parents=True)
    home.chmod(0o555)
    caches = dict.fromkeys(("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "HF_HOME", "GRADIO_TEMP_DIR"))
    server = Server(
        checkpoints_folder, tmp_path, environment={**caches, "HOME": str(home), "TMPDIR": str(scratch)},
        within=confined(scratch),
    )  # fmt: skip
    try:
        takes_apart(server.start().address, tmp_path)
    finally:
        server.stop()
    assert list(home.iterdir()) == [] and "Traceback" not in server.log.read_text()

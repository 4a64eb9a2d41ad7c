"""Starts ``python app.py`` as a separate process and talks to it."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from monet.explorer.listen import in_url, is_local

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """Returns an unused port, below those that the system assigns, so that no other process gets it."""
    for port in random.SystemRandom().sample(range(20_000, 30_000), 100):
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


class Server:
    """The app with given checkpoints; ``start`` waits until it answers.

    Args:
        checkpoints: folder of them.
        folder: for its log, its uploads and its training runs.
        options: more of the command line.
        host: what it listens on; None leaves that to the app.
        program: the Python file that is run in ``cwd``.
        environment: variables besides those of this process; None takes one away.
        within: the command that runs the app's command, see :mod:`tests.confined`.
    """

    def __init__(
        self, checkpoints: Path, folder: Path, *options: str, host: str | None = "127.0.0.1", program: str = "app.py",
        cwd: Path = ROOT, environment: Mapping[str, str | None] | None = None, within: Sequence[str] = (),
    ):  # fmt: skip
        self.port = free_port()
        self.address = f"http://{in_url(host) if host and is_local(host) else '127.0.0.1'}:{self.port}"
        self.log, self.uploads = folder / "log", folder / "gradio"
        self._command = [*within, sys.executable, program, "--port", str(self.port), "--threads", "1"]
        self._command += ["--host", host] if host else []
        self._cwd, self._environment = cwd, dict(environment or {})
        self.runs = folder / "runs"
        self._command += ["--checkpoints", str(checkpoints), "--runs", str(self.runs), *options]

    def start(self, patience: float = 600) -> Server:
        with self.log.open("ab") as out:
            environment = os.environ | {"GRADIO_TEMP_DIR": str(self.uploads)} | self._environment
            set_ones = {name: value for name, value in environment.items() if value is not None}
            self.process = subprocess.Popen(
                self._command, cwd=self._cwd, env=set_ones, stdout=out, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + patience
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                if httpx.get(self.address).status_code in (200, 401):
                    return self
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError(f"the app does not answer:\n{self.log.read_text(errors='replace')}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    @staticmethod
    @contextmanager
    def listener() -> Iterator[tuple[str, list[str]]]:
        """Another server: its URL, and the requests that it got."""
        calls: list[str] = []

        class Note(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                calls.append(self.path)

            do_HEAD = do_GET

        with ThreadingHTTPServer(("127.0.0.1", 0), Note) as other:
            thread = threading.Thread(target=other.serve_forever)
            thread.start()
            yield f"http://127.0.0.1:{other.server_port}", calls
            other.shutdown()
            thread.join()

    def memory(self) -> float:
        """Resident megabytes of the process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise AssertionError("the app does not run")

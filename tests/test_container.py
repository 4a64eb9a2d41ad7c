"""Tests of the container: its build steps and two replicas behind nginx, here or, where it is installed, in Docker."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from importlib import metadata
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from monet.explorer.signin import AT_ONCE
from tests import container, nginx
from tests.confined import confined, refusal
from tests.container import ROOT, command, needed, one
from tests.serving import Server, free_port

pytestmark = pytest.mark.slow  # starts servers

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
REPLICAS = {name: service for name, service in COMPOSE["services"].items() if "build" in service}
AUTH = "class:sëcret"
GIVEN = tuple(AUTH.encode().split(b":"))
OTHER_REQUIREMENTS = ("requirements-dev.txt", "requirements-training.txt", "requirements-files.txt")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the Dockerfile fills; packages that it does not install are hidden from Python."""
    folder = tmp_path_factory.mktemp("image")
    container.build(folder)
    absent = set.union(*(needed(ROOT / name) for name in OTHER_REQUIREMENTS)) - needed(ROOT / "requirements.txt")
    modules = {m for m, of in metadata.packages_distributions().items() if {o.lower() for o in of} <= absent}
    assert {"pytest", "matplotlib"} <= modules
    hidden = tmp_path_factory.mktemp("hidden")
    (hidden / "sitecustomize.py").write_text(f"import sys\nsys.modules |= dict.fromkeys({sorted(modules)})\n")
    (folder / "hidden").symlink_to(hidden)
    return folder


class Balanced:
    """The services of compose on local ports: two confined replicas and nginx."""

    def __init__(self, image: Path, folder: Path):
        self.folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.replicas = [self._replica(service, image, folder / name) for name, service in REPLICAS.items()]
        text = (ROOT / "nginx.conf").read_text(encoding="utf-8").replace("/tmp/", f"{folder}/")
        text = text.replace("listen 8080", f"listen {self.port}")
        for name, replica in zip(REPLICAS, self.replicas, strict=True):
            text = text.replace(f"{name}:7860", f"127.0.0.1:{replica.port}")
        user = "user root;" if Path.home() == Path("/root") else ""
        (folder / "nginx.conf").write_text(f"{user} daemon off;\n{text}", encoding="utf-8")

    def _replica(self, service: dict[str, Any], image: Path, folder: Path) -> Server:
        assert service["read_only"] and service["tmpfs"] == ["/tmp"]
        scratch = folder / "tmp"
        scratch.mkdir(parents=True)
        options = [re.sub(r"\$\{MONET_PUBLIC_URL:-.*\}", f"{self.address}/", word) for word in service["command"]]
        options = [option.replace("10.0.0.0/8", "127.0.0.0/8") for option in options]  # compose's network, here
        program = command(one("ENTRYPOINT"))
        assert program[0] == sys.executable
        environment = {
            "MONET_AUTH": AUTH, "HOME": "/", "TMPDIR": str(scratch), "GRADIO_TEMP_DIR": None, "MONET_CHECKPOINTS": None,
            "PYTHONPATH": str(image / "hidden"),
        }  # fmt: skip
        return Server(
            image / "checkpoints", folder, *program[2:], *options, host=None, program=program[1], cwd=image,
            environment=environment, within=confined(scratch),
        )  # fmt: skip

    def start(self) -> Balanced:
        for replica in self.replicas:
            replica.start()
        path = nginx.find()
        assert path
        log = str(self.folder / "error.log")
        self.balancer = subprocess.Popen([path, "-c", str(self.folder / "nginx.conf"), "-e", log])
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                httpx.get(self.address)
                return self
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError("nginx does not answer")

    def stop(self) -> None:
        for process in (*(r.process for r in self.replicas), getattr(self, "balancer", None)):
            if process:
                process.terminate()
                process.wait(20)


@pytest.fixture(scope="module")
def balanced(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balanced]:
    if nginx.find() is None or refusal():
        pytest.skip(refusal() or "there is no nginx")
    balanced = Balanced(image, tmp_path_factory.mktemp("balanced"))
    try:
        yield balanced.start()
    finally:
        balanced.stop()


def health(port: int) -> int:
    """Returns the health check's result for an app on another port than the container's."""
    _, _, check = one("HEALTHCHECK").partition("CMD ")
    assert ":7860/" in check
    return subprocess.run(command(check.replace(":7860/", f":{port}/")), cwd="/", capture_output=True).returncode


def test_a_replica_is_healthy_while_it_runs_and_asks_for_the_password(balanced: Balanced) -> None:
    for replica in balanced.replicas:
        assert health(replica.port) == 0
        assert httpx.get(replica.address).status_code == 401
    assert health(free_port()) == 1


def test_what_a_visitor_uploads_is_found_by_the_replica_that_is_asked_next(balanced: Balanced) -> None:
    """Twenty visitors reach both replicas, each visitor always the same one."""
    mine = ROOT / "monet/assets/samples/clevr6/00.png"
    for number in range(20):
        with httpx.Client(base_url=balanced.address, auth=GIVEN, timeout=120) as visitor:
            assert visitor.get("/").status_code == 200 and "monet_visitor" in visitor.cookies, number
            sent = visitor.post("/gradio_api/upload", files={"files": mine.open("rb")})
            picture = {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}
            opened = {"data": [picture, None, "tetrominoes", 4, "crop"]}
            answer = visitor.post("/gradio_api/run/decompose", json=opened, headers={"origin": balanced.address})
            assert len(answer.json()["data"][0]["slots"]) == 4, answer.text
    assert all(any((r.log.parent / "tmp").glob("monet-explorer-*/*")) for r in balanced.replicas)


def test_the_balancer_makes_nobody_another_pages_server(balanced: Balanced) -> None:
    evil = {"origin": "https://evil.example"}
    assert httpx.post(f"{balanced.address}/monet/decode/x", headers=evil, auth=GIVEN).status_code == 403
    for spoofed in ({}, {"x-forwarded-host": f"127.0.0.1:{balanced.port}"}):
        assert httpx.get(balanced.address, headers={"host": "evil.example"} | spoofed, auth=GIVEN).status_code == 400


def test_who_guesses_passwords_behind_the_balancer_keeps_nobody_else_out(balanced: Balanced) -> None:
    def ask(visitor: str, password: str | bytes, claimed: str = "") -> int:
        transport = httpx.HTTPTransport(local_address=visitor)
        with httpx.Client(transport=transport, timeout=60, headers={"x-forwarded-for": claimed}) as client:
            # One replica for all: what they share is what counts.
            cookie = {"cookie": "monet_visitor=one"}
            return client.get(
                balanced.address.replace("localhost", "127.0.0.1"), auth=("class", password), headers=cookie
            ).status_code

    with ThreadPoolExecutor(3 * AT_ONCE) as pool:
        guesses = [pool.submit(ask, "127.0.0.2", f"{n}", f"10.0.0.{n}") for n in range(3 * AT_ONCE)]
        wait(guesses, return_when=FIRST_COMPLETED)  # one is answered before its time, so all that may wait do
        assert ask("127.0.0.3", GIVEN[1]) == 200
        answers = [guess.result() for guess in guesses]
    assert set(answers) == {401, 429}


def test_the_container_gives_up_rights_and_lets_nobody_in_unasked() -> None:
    assert int(one("USER").split(":")[0]) > 0 and one("EXPOSE") == "7860"
    for service in COMPOSE["services"].values():
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    for service in REPLICAS.values():
        assert service["environment"]["MONET_AUTH"].startswith("${MONET_AUTH:?")
        assert "ports" not in service
    addresses = re.findall(r"^\s*server (\S+):7860;", (ROOT / "nginx.conf").read_text(encoding="utf-8"), re.MULTILINE)
    assert addresses == list(REPLICAS)


def daemon() -> bool:
    return bool(shutil.which("docker")) and not subprocess.run(["docker", "info"], capture_output=True).returncode


@pytest.mark.skipif(not daemon(), reason="no Docker daemon runs here")
def test_docker_builds_the_image_and_it_becomes_healthy() -> None:
    def docker(*arguments: str) -> str:
        return subprocess.run(
            ["docker", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.strip()

    port = free_port()
    environment = ("-e", f"MONET_AUTH={AUTH}", "-p", f"127.0.0.1:{port}:7860")
    name = docker("run", "--detach", "--rm", "--read-only", "--tmpfs", "/tmp", *environment, docker("build", "-q", "."))
    try:
        deadline = time.monotonic() + 120
        while docker("inspect", "--format", "{{.State.Health.Status}}", name) != "healthy":
            assert time.monotonic() < deadline, docker("logs", name)
            time.sleep(1)
        address = f"http://127.0.0.1:{port}/"
        assert httpx.get(address).status_code == 401
        assert httpx.get(address, auth=GIVEN).status_code == 200
    finally:
        docker("stop", name)

"""Tests of the wheel: built without a network, installed without the checkout, used from another folder."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import httpx
import pytest

import monet
from monet.__main__ import COMMANDS
from tests.serving import Server

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
MOST_BYTES = 5_000_000
DATA = (
    "monet/py.typed",
    "monet/assets/samples/clevr6/00.png",
    "monet/training/recipes/clevr6.toml",
    "monet/explorer/static/main.js",
    "monet/explorer/static/engine/network/network.wasm",
)
PATTERNS = ("*.py", "*.js", "*.css", "*.wasm", "*.toml", "*.png", "*.svg")

APART = """
import json, sys
import monet, monet.data.samples as samples
from monet.explorer import server
from monet.explorer.layout import build
from monet.explorer.models import Models
from pathlib import Path

scene = monet.decompose(monet.load("tetrominoes"), samples.read("tetrominoes", 0).image)
page = build(Models(Path(sys.argv[1])))
print(json.dumps({
    "file": monet.__file__, "masks": scene.masks.shape, "title": page.title, "parts": len(page.blocks),
    "static": (server.STATIC / "main.js").is_file(),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # setuptools leaves a build folder where it builds
    shutil.copytree(ROOT / "monet", source / "monet", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source))
    (built,) = folder.glob("*.whl")
    return built


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", *arguments, "--quiet", "--no-index", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--target", str(folder), str(wheel))
    return folder


def run(installed: Path, folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command with the installed package, in a folder that cannot see the checkout."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("MONET_", "PYTHON"))}
    variables |= {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1", **environment}
    return subprocess.run([sys.executable, *command], cwd=folder, env=variables, capture_output=True, text=True)


def test_the_wheel_is_small_and_has_its_data_and_no_weights(wheel):
    assert wheel.stat().st_size < MOST_BYTES
    names = zipfile.ZipFile(wheel).namelist()
    assert set(DATA) <= set(names)
    assert not [name for name in names if name.endswith((".safetensors", ".c", ".h"))]
    assert {name.split("/")[0].split("-")[0] for name in names} == {"monet", "monet_explorer"}
    ours = {path.relative_to(ROOT).as_posix() for pattern in PATTERNS for path in (ROOT / "monet").rglob(pattern)}
    assert ours <= set(names)


def test_a_scene_is_taken_apart_and_the_page_is_built_elsewhere(installed, checkpoints_folder, tmp_path):
    done = run(installed, tmp_path, "-c", APART, str(checkpoints_folder), MONET_CHECKPOINTS=str(checkpoints_folder))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert Path(said["file"]).is_relative_to(installed)
    assert (said["masks"], said["title"], said["static"]) == ([4, 40, 40], "MONet Explorer", True)
    assert said["parts"] > 20  # the page with models, not the one that says how to get some


def test_the_console_script_opens_the_app_and_asks_no_proxy(installed, checkpoints_folder, tmp_path):
    with Server.listener() as (proxy, calls):
        environment = {f"{scheme}_proxy": proxy for scheme in ("http", "https", "all")} | {"no_proxy": ""}
        environment |= {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
        program = str(installed / "bin" / "monet-explorer")
        server = Server(checkpoints_folder, tmp_path, program=program, cwd=tmp_path, environment=environment)
        try:
            address = server.start(300).address
            for path in ("/", "/monet/static/main.js", "/monet/samples/clevr6/00.png"):
                assert httpx.get(f"{address}{path}", trust_env=False).status_code == 200
        finally:
            server.stop()
        assert calls == []


def test_without_checkpoints_the_current_folder_is_looked_in(installed, tmp_path):
    done = run(installed, tmp_path, "-m", "monet", "checkpoints", "list")
    assert (done.returncode, done.stdout.split()) == (0, ["NAME", "TITLE", "DATA", "SLOTS", "PIXELS"])
    done = run(installed, tmp_path, "-m", "monet", "checkpoints", "list", "--help")
    assert "(checkpoints)" in done.stdout


def test_console_scripts_are_there_and_the_version_is_one(installed, tmp_path):
    (found,) = metadata.distributions(path=[str(installed)])
    assert found.version == monet.__version__
    scripts = {entry.name: entry.value for entry in found.entry_points if entry.group == "console_scripts"}
    assert scripts.keys() == {"monet", "monet-explorer"}
    for name, words in (("monet", "decompose"), ("monet-explorer", "--public-url")):
        done = run(installed, tmp_path, str(installed / "bin" / name), "--help")
        assert done.returncode == 0 and words in done.stdout and f"usage: {name}" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_the_program_of_its_module(name, installed, tmp_path):
    done = run(installed, tmp_path, "-m", "monet", name, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: {'monet-explorer' if name == 'app' else f'python -m {COMMANDS[name][0]}'} ")


def test_an_unknown_command_is_refused(installed, tmp_path):
    done = run(installed, tmp_path, "-m", "monet", "fly")
    assert done.returncode == 2 and "fly" in done.stderr

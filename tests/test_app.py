"""Tests of app.py: its options, and what it launches."""

import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from monet.explorer import server

pytestmark = pytest.mark.slow  # starts the app

ROOT = Path(__file__).parents[1]


class Launched(Exception):
    """Carries what ``app.py`` would launch, instead of a server."""


@pytest.fixture
def run_app(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs ``app.py`` with arguments up to the launch; returns what it would have launched."""

    def launch(demo: Any, models: Any, stored: Any, **options: Any) -> None:
        raise Launched(demo, models, options)

    def run(*arguments: str) -> tuple[Any, ...]:
        monkeypatch.setattr(sys, "argv", ["app.py", "--threads", str(torch.get_num_threads()), *arguments])
        with pytest.raises(Launched) as launched:
            runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
        return launched.value.args

    monkeypatch.setattr(server, "launch", launch)
    return run


def test_a_broken_checkpoint_is_named_at_the_start_and_skipped(run_app, checkpoints_folder, tmp_path, capsys):
    folder = tmp_path / "checkpoints"
    shutil.copytree(checkpoints_folder, folder)
    (folder / "tetrominoes" / "model.safetensors").write_bytes(b"damaged")
    _, models, _ = run_app("--checkpoints", str(folder))
    assert list(models.checkpoints) == ["multi_dsprites"]
    assert "skipped: tetrominoes: model.safetensors is damaged" in capsys.readouterr().err


def test_by_default_only_this_machine_is_served(run_app, checkpoints_folder):
    _, _, options = run_app("--checkpoints", str(checkpoints_folder))
    assert (options["host"], options["port"]) == ("127.0.0.1", None)


@pytest.mark.parametrize(
    ("arguments", "opened"),
    [
        ([], True),
        (["--host", "127.1.2.3"], True),
        (["--host", "0.0.0.0", "--i-know"], False),
        (["--host", "0.0.0.0", "--auth", "a:b"], False),
        (["--host", "0.0.0.0", "--i-know", "--allow-training"], True),
    ],
)
def test_nobody_trains_where_others_can_reach_the_server_unless_it_is_asked_for(
    run_app, checkpoints_folder, tmp_path, arguments, opened
):
    folders = ["--checkpoints", str(checkpoints_folder), "--runs", str(tmp_path / "runs")]
    runs = run_app(*folders, *arguments)[2]["runs"]
    assert (runs.folder == tmp_path / "runs") if opened else (runs is None)


def test_agents_are_let_in_only_when_asked_for_and_where_the_package_is(
    run_app, checkpoints_folder, monkeypatch, capsys
):
    folder = ["--checkpoints", str(checkpoints_folder)]
    assert run_app(*folder)[2]["mcp_server"] is False
    assert run_app(*folder, "--mcp")[2]["mcp_server"] is True
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(SystemExit):
        runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
    assert 'pip install "gradio[mcp]"' in capsys.readouterr().err


def test_the_file_has_the_page_as_demo_for_gradios_own_tools(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gradio", "--unknown-option"])
    assert runpy.run_path(str(ROOT / "app.py"), run_name="app")["demo"].title == "MONet Explorer"

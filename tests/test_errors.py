"""Tests of errors of the machine (full disk, missing rights): one sentence on the command line, no trace."""

import errno
import io
import os
import runpy
import sys
from pathlib import Path

import pytest
import torch

from monet.errors import exit_on_error, sentence
from monet.explorer import server, uploads
from monet.training import state
from monet.training.run import STATES
from tests.test_training import TINY

APP = str(Path(__file__).parents[1] / "app.py")


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, checkpoints_folder: Path, tmp_path: Path):
    """Runs ``app.py`` with arguments; returns the arguments of the launch."""
    launched: dict[str, object] = {}
    monkeypatch.setattr(server, "launch", lambda demo, models, stored, **options: launched.update(options))
    monkeypatch.setattr(uploads, "PARENT", tmp_path)
    monkeypatch.delenv("MONET_AUTH", raising=False)

    def run(*arguments: str) -> dict[str, object]:
        options = ["app.py", "--threads", str(torch.get_num_threads()), "--checkpoints", str(checkpoints_folder)]
        monkeypatch.setattr(sys, "argv", [*options, *arguments])
        runpy.run_path(APP, run_name="__main__")
        return launched

    return run


def one_sentence(caught: pytest.ExceptionInfo[SystemExit]) -> str:
    message = str(caught.value.code)
    assert message.endswith(".") and "\n" not in message and "Errno" not in message
    return message


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org"])
def test_nobody_else_is_let_in_by_mistake(app, capsys, host) -> None:
    with pytest.raises(SystemExit) as caught:
        app("--host", host)
    assert caught.value.code == 2
    assert f"others can reach {host}: set a password with --auth USER:PASSWORD" in capsys.readouterr().err


@pytest.mark.slow
def test_who_lets_others_in_is_told_what_it_means(app, capsys, monkeypatch) -> None:
    assert app("--host", "0.0.0.0", "--i-know")["auth"] is None
    assert "anybody who can reach this machine can use the models" in capsys.readouterr().err
    assert app("--host", "0.0.0.0", "--auth", "ada:secret:1")["auth"] == "ada:secret:1"
    printed = capsys.readouterr().err
    assert "anybody who knows the user name and the password" in printed
    assert "The connection is not encrypted" in printed
    monkeypatch.setenv("MONET_AUTH", "ada:hidden")
    assert app("--host", "0.0.0.0")["auth"] == "ada:hidden"
    assert "hidden" not in capsys.readouterr().err
    for half in ("ada", "ada:", ":secret", ""):
        with pytest.raises(SystemExit):
            app("--auth", half)


@pytest.mark.slow
def test_this_machine_alone_needs_no_password(app, capsys) -> None:
    assert app("--host", "localhost")["auth"] is None
    assert "Listening" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_taken_port(app, monkeypatch) -> None:
    def launch(*_: object, **options: object) -> None:
        raise OSError(errno.EADDRINUSE, "Address already in use", "127.0.0.1:7860")

    monkeypatch.setattr(server, "launch", launch)
    with pytest.raises(SystemExit) as caught:
        app()
    assert one_sentence(caught) == "The port is taken (127.0.0.1:7860): choose another one with --port."


@pytest.mark.parametrize(("number", "words"), [
    (errno.EROFS, "The disk is read-only"), (errno.EACCES, "There is no permission"),
    (errno.ENOSPC, "There is no space left on the disk"),
])  # fmt: skip
def test_a_folder_for_uploads_that_cannot_be_made(app, monkeypatch, number, words) -> None:
    def refuse(**options: object) -> str:
        raise OSError(number, os.strerror(number), "/somewhere")

    monkeypatch.setattr(uploads.tempfile, "mkdtemp", refuse)
    with pytest.raises(SystemExit) as caught:
        app()
    assert one_sentence(caught).startswith(f"{words} (/somewhere): ")


@pytest.mark.slow
def test_a_training_run_on_a_full_disk_keeps_its_last_state(tmp_path, monkeypatch) -> None:
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    folder = tmp_path / "run"
    command = ["training", "--config", str(tmp_path / "tiny.toml"), "--folder", str(folder), "--steps", "2"]
    monkeypatch.setattr(sys, "argv", command)
    runpy.run_module("monet.training", run_name="__main__")
    before = {path: path.read_bytes() for path in (folder / STATES).rglob("*.safetensors")}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(state, "save", full)
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("monet.training", run_name="__main__")
    assert one_sentence(caught).startswith("There is no space left on the disk")
    assert before == {path: path.read_bytes() for path in (folder / STATES).rglob("*.safetensors")} != {}


@pytest.mark.slow
def test_a_training_run_in_a_place_that_is_no_folder(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(
        sys, "argv", ["training", "--config", "tetrominoes", "--folder", str(tmp_path / "file" / "run")]
    )
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("monet.training", run_name="__main__")
    assert str(tmp_path / "file") in one_sentence(caught)


def test_a_fault_that_nobody_thought_of_is_a_sentence_too() -> None:
    assert sentence(OSError("odd")) == "The system reports an error: odd."
    assert (
        sentence(OSError(errno.EIO, "Input/output error", "x"))
        == "The system reports an error (x): Input/output error."
    )


def test_a_terminal_without_a_sign_gets_another_one(monkeypatch):
    printed = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    monkeypatch.setattr(sys, "stdout", printed)
    with exit_on_error():
        print("0.5 ± 0.1, ×2, −40°, Ä")
    printed.flush()
    assert printed.buffer.getvalue() == b"0.5 +- 0.1, x2, -40 degrees, ?\n"

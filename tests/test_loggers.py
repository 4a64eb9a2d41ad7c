"""Tests of experiment loggers: figures are logged locally, and a missing library is named in a sentence."""

import os
import sys
from types import SimpleNamespace

import pytest

from monet.training import loggers
from monet.training.journal import Journal
from monet.training.recipe import load
from monet.training.run import Run
from tests.test_training import TINY


@pytest.mark.parametrize("name", loggers.LOGGERS)
def test_a_logger_that_is_not_installed_is_told_in_a_sentence_before_a_folder_is_made(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    with pytest.raises(ValueError, match=f"--log {name} needs {name}, which is not installed: pip install {name}"):
        Run(load(str(tmp_path / "tiny.toml")), tmp_path / "run", log=name)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_the_figures_of_the_log_reach_the_logger_and_nothing_goes_elsewhere(tmp_path, monkeypatch):
    told: list[tuple[int, dict[str, float]]] = []
    begun: list[dict[str, object]] = []
    ended: list[bool] = []

    def init(**options):
        begun.append({**options, "elsewhere": [v for v in loggers.ELSEWHERE if v in os.environ]})
        return SimpleNamespace(log=lambda f, step: told.append((step, f)), finish=lambda: ended.append(True))

    monkeypatch.setenv("TRACKIO_SPACE_ID", "somebody/space")
    monkeypatch.setenv("TRACKIO_DIR", "elsewhere")
    monkeypatch.setitem(sys.modules, "trackio", SimpleNamespace(init=init))
    monkeypatch.setattr(Journal, "evaluate", lambda self: "")
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    run = Run(load(str(tmp_path / "tiny.toml")), tmp_path / "run", log="trackio")
    run.train(50)
    (table,) = begun
    assert table["elsewhere"] == [] and "space_id" not in table
    assert os.environ["TRACKIO_DIR"] == str(tmp_path / "run" / "trackio")
    ((step, figures),) = told
    assert step == 50
    header, row = ((tmp_path / "run" / "log.csv").read_text(encoding="utf-8")).splitlines()
    for name, value in zip(header.split(",")[1:], row.split(",")[1:], strict=True):
        assert figures[name] == pytest.approx(float(value), rel=1e-5)
    assert ended == [True]

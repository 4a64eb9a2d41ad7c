"""Tests of loading and saving by the Hub's library, and of the programs on the model cards."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from huggingface_hub import HfApi, ModelCard
from huggingface_hub.errors import HfHubHTTPError
from PIL import Image

import monet
from monet import checkpoints
from monet.checkpoints import CARD, CONFIG, WEIGHTS, CheckpointError, hub, metadata
from monet.checkpoints import __main__ as command
from monet.training import card

NAME = "tetrominoes"
SHIPPED = sorted(path.parent for path in checkpoints.FOLDER.glob(f"*/{CARD}"))
FETCH = "snapshot_download"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a shipped checkpoint."""
    return Path(shutil.copytree(checkpoints.FOLDER / NAME, tmp_path / "mine"))


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test on any request to the Hub."""
    monkeypatch.setattr(hub, FETCH, lambda *_, **__: pytest.fail("asked the Hub"))


@pytest.mark.parametrize("source", [NAME, checkpoints.FOLDER / NAME], ids=["name", "folder"])
def test_what_is_here_is_the_model_that_load_gives(source, no_hub):
    model, expected = monet.MONet.from_pretrained(source), checkpoints.load(source)
    assert same(model, expected) and model.config == expected.config and not model.training
    assert isinstance(monet.load(source), monet.MONet)


def test_a_model_of_the_hub_is_what_was_fetched(folder, monkeypatch):
    asked: dict[str, Any] = {}

    def fetch(name: str, **options: Any) -> str:
        asked.update(options, name=name)
        return str(folder)

    monkeypatch.setattr(hub, FETCH, fetch)
    model = monet.MONet.from_pretrained("somebody/monet", revision="v1", local_files_only=True)
    assert same(model, checkpoints.load(folder))
    assert (asked["name"], asked["revision"], asked["local_files_only"]) == ("somebody/monet", "v1", True)
    assert not any(pattern.endswith((".bin", ".pt", ".py", "*")) for pattern in asked["allow_patterns"])


@pytest.mark.parametrize("to", [None, "renamed"])
def test_a_checkpoint_is_downloaded_under_a_name_and_never_over_another(folder, monkeypatch, tmp_path, capsys, to):
    monkeypatch.setattr(hub, FETCH, lambda *_, **__: str(folder))
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path / "all")
    monkeypatch.setattr(sys, "argv", ["checkpoints", "download", "somebody/fetched", *filter(None, [to])])
    command.main()
    assert same(checkpoints.load(to or "fetched"), checkpoints.load(folder))
    with pytest.raises(SystemExit) as caught:
        command.main()
    assert caught.value.code == 1 and "exists already" in capsys.readouterr().err


def test_what_the_hub_does_not_give_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("somebody/nothing-here", "no such/name/at all"):
        with pytest.raises(CheckpointError, match="no local checkpoint, and the Hub provides no such model") as caught:
            monet.MONet.from_pretrained(name, cache_dir=tmp_path, local_files_only=True)
        assert "\n" not in str(caught.value)


def test_weights_of_the_hub_are_checked_like_those_of_a_folder(folder, monkeypatch):
    (folder / WEIGHTS).write_bytes(b"damaged")
    monkeypatch.setattr(hub, FETCH, lambda *_, **__: str(folder))
    with pytest.raises(CheckpointError, match=f"{WEIGHTS} is damaged"):
        monet.MONet.from_pretrained("somebody/monet")


def test_saved_again_a_checkpoint_is_what_it_was(folder, tmp_path):
    monet.MONet.from_pretrained(folder).save_pretrained(tmp_path / "again")
    files = {path.name for path in folder.iterdir()}
    assert files == {path.name for path in (tmp_path / "again").iterdir()}
    assert same(checkpoints.load(tmp_path / "again"), checkpoints.load(folder))
    before, after = (json.loads((place / CONFIG).read_text()) for place in (folder, tmp_path / "again"))
    assert before.items() <= after.items()
    assert checkpoints.read(tmp_path / "again").config == checkpoints.read(folder).config
    for file in files - {CONFIG, WEIGHTS}:
        assert (tmp_path / "again" / file).read_bytes() == (folder / file).read_bytes()


@pytest.mark.parametrize("place", ["mine", "another"])
def test_changed_weights_take_no_figures_along(folder, tmp_path, place):
    model = monet.MONet.from_pretrained(folder)
    with torch.no_grad():
        model.vae.decoder.output.bias += 0.5
    model.save_pretrained(tmp_path / place)
    saved = checkpoints.read(tmp_path / place)
    assert same(checkpoints.load(saved), model)
    assert (saved.title, saved.data, saved.measured) == ("Tetrominoes", NAME, {})
    if place == "another":
        assert {path.name for path in saved.folder.iterdir()} == {CARD, CONFIG, WEIGHTS}
        assert "model-index" not in (saved.folder / CARD).read_text(encoding="utf-8")


def test_a_new_model_is_saved_with_a_card(tmp_path):
    config = monet.MONetConfig(resolution=16, num_slots=3, attention_channels=(4, 8))
    model = monet.MONet(config)
    model.save_pretrained(tmp_path / "new")
    assert checkpoints.load(tmp_path / "new").config == config
    assert same(checkpoints.load(tmp_path / "new"), model)
    assert ModelCard.load(tmp_path / "new" / CARD).data.library_name == metadata.LIBRARY


def test_what_is_pushed_is_the_checkpoint(folder, monkeypatch, tmp_path):
    class Made:
        repo_id = "somebody/monet"

    def upload(self: HfApi, *, folder_path: Path, repo_id: str, **_: Any) -> str:
        shutil.copytree(folder_path, tmp_path / "hub")
        return repo_id

    monkeypatch.setattr(HfApi, "create_repo", lambda *_, **__: Made())
    monkeypatch.setattr(HfApi, "upload_folder", upload)
    assert monet.MONet.from_pretrained(folder).push_to_hub("somebody/monet") == "somebody/monet"
    assert same(checkpoints.load(tmp_path / "hub"), checkpoints.load(folder))
    assert (tmp_path / "hub" / CARD).read_bytes() == (folder / CARD).read_bytes()


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_cards_say_what_was_measured(folder):
    data = ModelCard.load(folder / CARD).data
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    assert (data.library_name, data.pipeline_tag, data.datasets) == (
        metadata.LIBRARY, metadata.TASK, [config["data"]],
    )  # fmt: skip
    assert metadata.PAPER in data.tags
    (dataset,) = {result.dataset_type for result in data.eval_results}
    figures = {result.metric_type: result.metric_value for result in data.eval_results}
    assert (dataset, figures) == (config["data"], {k: v for k, v in config["measured"].items() if k != "scenes"})


@pytest.mark.slow
@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_the_program_on_a_card_runs(folder, monkeypatch, tmp_path, no_hub):
    text = (folder / CARD).read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text[text.index(metadata.USE) :].split("\n## ")[0], re.DOTALL)
    Image.effect_noise((70, 50), 80).convert("RGB").save(tmp_path / "picture.png")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(program, names)
    config = checkpoints.read(folder).config
    assert names["scene"].masks.shape[0] == config.num_slots
    torch.testing.assert_close(torch.as_tensor(names["scene"].masks).sum(0).min(), torch.tensor(1.0))


def test_a_card_is_renewed_and_the_rest_of_it_stays(folder):
    path, text = folder / CARD, (folder / CARD).read_text(encoding="utf-8")
    old = "---\ntags: [stale]\n---\n\n" + text.split("---\n", 2)[2].lstrip().replace("0.98", "0.97")
    path.write_text(old, encoding="utf-8")
    card.renew(folder)
    once = path.read_text(encoding="utf-8")
    card.renew(folder)
    assert path.read_text(encoding="utf-8") == once
    assert once.count(metadata.USE) == 1 and "stale" not in once and "0.97" in once
    body = re.sub(rf"{metadata.USE}.*?(?=## )", "", once.split("---\n", 2)[2], flags=re.DOTALL)
    assert body == re.sub(rf"{metadata.USE}.*?(?=## )", "", old.split("---\n", 2)[2], flags=re.DOTALL)


def test_an_error_of_the_hub_is_a_checkpoint_error(monkeypatch):
    def refuse(*_: Any, **__: Any) -> str:
        answer = httpx.Response(401, request=httpx.Request("GET", "https://example.invalid"))
        raise HfHubHTTPError("401 Unauthorized\nlong text", response=answer)

    monkeypatch.setattr(hub, FETCH, refuse)
    with pytest.raises(CheckpointError, match=r"401 Unauthorized$"):
        monet.MONet.from_pretrained("somebody/private")

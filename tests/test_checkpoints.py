"""Tests of checkpoints: exact round trips, and messages for folders that cannot be used."""

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from monet import checkpoints
from monet.checkpoints import CARD, CONFIG, WEIGHTS, CheckpointError
from monet.model import MONet, MONetConfig

SMALL = MONetConfig(
    resolution=16,
    picture_size=12,
    num_slots=3,
    latent_dim=5,
    attention_channels=(4, 8),
    attention_hidden=8,
    encoder_channels=(4, 4),
    encoder_hidden=8,
    decoder_channels=(4, 6, 4, 4),
    background_scale=0.08,
    foreground_scale=0.1,
)
MEMORY = Path("/proc/self/statm")


@pytest.fixture
def model() -> MONet:
    return MONet(SMALL)


@pytest.fixture
def folder(model: MONet, tmp_path: Path) -> Path:
    """A valid checkpoint, for a test to break."""
    checkpoints.save(model, tmp_path / "small", title="Small", data="tetrominoes")
    return tmp_path / "small"


def configure(folder: Path, **values: object) -> None:
    table = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    (folder / CONFIG).write_text(json.dumps(table | values), encoding="utf-8")


def refusal(folder: Path) -> str:
    """Returns the message with which :func:`load` refuses a checkpoint."""
    with pytest.raises(CheckpointError) as caught:
        checkpoints.load(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder.name}: ")
    return message


def test_what_was_saved_is_loaded_to_the_bit(model, folder):
    loaded = checkpoints.load(folder)
    assert loaded.config == SMALL
    assert not loaded.training
    expected, found = model.state_dict(), loaded.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_loaded_weights_lie_in_memory_as_those_of_a_new_network(model, folder):
    """Convolutions are fastest in the layout that the network chooses."""
    loaded, new = checkpoints.load(folder).state_dict(), MONet(model.config).state_dict()
    assert {name: tensor.stride() for name, tensor in loaded.items()} == {n: t.stride() for n, t in new.items()}


def test_the_folder_says_what_it_is(folder):
    checkpoint = checkpoints.read(folder)
    assert (checkpoint.name, checkpoint.title, checkpoint.data) == ("small", "Small", "tetrominoes")
    assert (checkpoint.folder, checkpoint.config) == (folder, SMALL)
    assert checkpoint.measured == {}
    assert {path.name for path in folder.iterdir()} == {CONFIG, WEIGHTS}


def test_the_folder_says_what_was_measured(model, folder):
    checkpoints.save(model, folder, title="Small", measured={"scenes": 320, "mse": 0.0042})
    assert checkpoints.read(folder).measured == {"scenes": 320, "mse": 0.0042}


def test_saving_again_replaces_the_weights_and_keeps_the_model_card(folder):
    (folder / CARD).write_text("measured by hand", encoding="utf-8")
    other = MONet(SMALL)
    checkpoints.save(other, folder, title="Small, later")
    assert torch.equal(checkpoints.load(folder).vae.encoder.hidden.weight, other.vae.encoder.hidden.weight)
    assert (folder / CARD).read_text(encoding="utf-8") == "measured by hand"
    checkpoints.save(other, folder, title="Small, later", card="measured anew")
    assert (folder / CARD).read_text(encoding="utf-8") == "measured anew"


def test_weights_of_half_precision_are_loaded_as_float32(folder):
    halves = {name: tensor.bfloat16() for name, tensor in load_file(folder / WEIGHTS).items()}
    save_file(halves, folder / WEIGHTS)
    loaded = checkpoints.load(folder).state_dict()
    assert {tensor.dtype for tensor in loaded.values()} == {torch.float32}
    assert all(torch.equal(loaded[name], half.float()) for name, half in halves.items())


def test_a_name_means_the_folder_of_that_name_below_checkpoints(folder, monkeypatch):
    monkeypatch.setattr(checkpoints, "FOLDER", folder.parent)
    assert checkpoints.load("small").config == SMALL


def test_an_unknown_name_is_refused():
    with pytest.raises(CheckpointError, match="no-such-model: no such checkpoint"):
        checkpoints.load("no-such-model")


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS])
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    assert refusal(folder) == f"small: {file} is missing"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"not JSON", b"[1, 2]", b'"text"', b"null", b"\xff\xfe\x00", b'{"resolution": ' + b"9" * 5000 + b"}",
     b"[" * 200_000],
    ids=["empty", "cut", "words", "list", "string", "null", "not UTF-8", "endless number", "endless nesting"],
)  # fmt: skip
def test_a_configuration_that_is_no_table_is_refused(folder, content):
    (folder / CONFIG).write_bytes(content)
    assert "config.json is not a MONet configuration" in refusal(folder)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("resolution", 15, "resolution 15 must be a multiple of 2"),
        ("resolution", 4096, "resolution 4096"),
        ("picture_size", 17, "picture_size 17"),
        ("num_slots", 0, "num_slots 0"),
        ("num_slots", 65, "num_slots 65"),
        ("latent_dim", 0, "every width"),
        ("attention_channels", [4, 7], "must be even"),
        ("decoder_channels", [4, 4], "four widths"),
        ("background_scale", 0, "background_scale must be a positive number"),
        ("foreground_scale", -0.1, "foreground_scale must be a positive number"),
    ],
)
def test_a_configuration_of_no_possible_network_is_refused_with_its_value(folder, name, value, words):
    configure(folder, **{name: value})
    assert words in refusal(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resolution", "16"), ("resolution", 16.0), ("resolution", None), ("resolution", [16]),
        ("picture_size", 12.5), ("picture_size", "12"),
        ("num_slots", 3.5), ("num_slots", "3"),
        ("latent_dim", 5.0), ("latent_dim", None),
        ("attention_channels", 4), ("attention_channels", []), ("attention_channels", "48"),
        ("attention_channels", [4.0, 8.0]), ("attention_channels", {"4": 8}),
        ("attention_hidden", 8.5),
        ("encoder_channels", []), ("encoder_channels", None),
        ("decoder_channels", [4, 6, 4, None]),
        ("background_scale", "0.1"), ("background_scale", float("inf")), ("foreground_scale", float("nan")),
        ("beta", "0.5"), ("beta", None), ("gamma", [0.5]), ("gamma", float("nan")),
        ("measured", [0.5]), ("measured", {"mse": "good"}),
    ],
)  # fmt: skip
def test_a_configuration_value_of_another_kind_is_refused(folder, name, value):
    configure(folder, **{name: value})
    assert CONFIG in refusal(folder)


def test_a_missing_tensor_is_named(folder):
    weights = load_file(folder / WEIGHTS)
    del weights["vae.decoder.output.bias"]
    save_file(weights, folder / WEIGHTS)
    assert "vae.decoder.output.bias" in refusal(folder)


def test_an_extra_tensor_is_named(folder):
    save_file(load_file(folder / WEIGHTS) | {"vae.surprise": torch.zeros(1)}, folder / WEIGHTS)
    assert "vae.surprise" in refusal(folder)


def test_a_tensor_of_another_shape_is_named_with_both_shapes(folder):
    save_file(load_file(folder / WEIGHTS) | {"vae.encoder.posterior.bias": torch.zeros(11)}, folder / WEIGHTS)
    message = refusal(folder)
    assert "vae.encoder.posterior.bias" in message
    assert "(11,)" in message and "(10,)" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_weight_that_is_not_finite_is_named(folder, value, dtype):
    weights = load_file(folder / WEIGHTS)
    weights["attention.unet.logits.bias"] = torch.tensor([value], dtype=dtype)
    save_file(weights, folder / WEIGHTS)
    assert refusal(folder) == "small: attention.unet.logits.bias in model.safetensors is not finite"


def test_weights_of_whole_numbers_are_refused(folder):
    save_file(load_file(folder / WEIGHTS) | {"attention.unet.logits.bias": torch.tensor([1])}, folder / WEIGHTS)
    assert "attention.unet.logits.bias in model.safetensors is torch.int64" in refusal(folder)


def rewrite_header(file: Path, change: Callable[[dict], object]) -> None:
    """Changes the header of a safetensors file, and no tensor."""
    content = file.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + size :])


@pytest.mark.parametrize(
    "entry",
    [{"dtype": "F33"}, {"dtype": "I32"}, {"dtype": "F16"}, {"shape": [1, 1]}, {"shape": [-1]}, {"shape": [2**62, 4]},
     {"shape": "1"}, {"shape": []}, {"data_offsets": [0, 2**40]}, {"data_offsets": [4, 0]}, {"data_offsets": [0, 4]},
     {"data_offsets": None}, {"dtype": "I64", "shape": [10 * 2**27]}],
    ids=str,
)  # fmt: skip
def test_a_header_that_lies_about_a_tensor_is_refused(folder, entry):
    rewrite_header(folder / WEIGHTS, lambda header: header["attention.unet.logits.bias"].update(entry))
    refusal(folder)


HEADERS = [b"", b"{", b"[]", b"null", b"{}", b"\xff" * 8, b"[" * 100_000, b'{"a": {}}', b'{"__metadata__": 1}']


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: repr(header[:20]))
def test_a_header_that_is_none_is_refused(folder, header):
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(header)) + header + bytes(64))
    refusal(folder)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 2**14), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_weights_are_loaded_or_refused_in_words(model, folder, changes):
    checkpoints.save(model, folder, title="Small")
    content = bytearray((folder / WEIGHTS).read_bytes())
    for position, value in changes:
        content[position % len(content)] = value
    (folder / WEIGHTS).write_bytes(content)
    try:
        loaded = checkpoints.load(folder)
    except CheckpointError as error:
        assert str(error).startswith("small: ")
    else:
        assert all(torch.isfinite(tensor).all() for tensor in loaded.state_dict().values())


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_cut_weights_are_refused(folder, keep):
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[:keep])
    assert "model.safetensors is damaged" in refusal(folder)


def test_a_header_that_claims_ten_gigabytes_is_refused(folder):
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", 10 * 2**30) + b"{}")
    assert "model.safetensors is damaged" in refusal(folder)


def test_a_tensor_that_claims_ten_gigabytes_is_refused(model, folder):
    size = 10 * 2**30
    header = {name: {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]} for name in model.state_dict()}
    text = json.dumps(header).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text)
    refusal(folder)


@pytest.mark.skipif(not MEMORY.exists(), reason="needs Linux to limit the memory of this process")
def test_a_configuration_of_a_giant_network_is_refused_before_it_takes_memory(folder):
    """Every width is allowed, but the MLP of the U-Net would take 17 GB."""
    import resource

    configure(folder, resolution=1024, attention_channels=[2, 128], attention_hidden=64)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    in_use = int(MEMORY.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + 2**31, hard))
    try:
        refusal(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class Bomb:
    """An object whose unpickling writes a file."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("write", [pickle.dump, torch.save], ids=["pickle", "torch.save"])
def test_nothing_is_ever_unpickled(folder, tmp_path, write):
    mark = tmp_path / "unpickled"
    with (folder / WEIGHTS).open("wb") as file:
        write({"vae.decoder.output.bias": Bomb(mark)}, file)
    assert "model.safetensors is damaged" in refusal(folder)
    assert not mark.exists()


def test_find_lists_what_can_be_used_and_names_what_cannot(model, folder):
    root = folder.parent
    checkpoints.save(model, root / "another", title="Another")
    checkpoints.save(model, root / "wrong", title="Wrong")
    configure(root / "wrong", resolution=15)
    (root / "empty").mkdir()
    (root / "notes.txt").write_text("no folder", encoding="utf-8")
    found, problems = checkpoints.find(root)
    assert [checkpoint.name for checkpoint in found] == ["another", "small"]
    assert [str(problem).split(":")[0] for problem in problems] == ["empty", "wrong"]
    assert str(problems[0]) == "empty: config.json is missing"


def test_find_in_a_folder_that_is_not_there_finds_nothing(tmp_path):
    assert checkpoints.find(tmp_path / "nowhere") == ([], [])

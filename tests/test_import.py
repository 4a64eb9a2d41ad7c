"""Tests of the import of notebooks' weights: same outputs, no code run, no file that takes long."""

import argparse
import collections
import io
import json
import math
import os
import pickle
import pickletools
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from monet import checkpoints
from monet.checkpoints import CheckpointError, notebook, pickled
from monet.checkpoints.__main__ import main
from monet.model import MONet, MONetConfig
from tests import reference

SMALL = MONetConfig(
    resolution=24,
    latent_dim=3,
    attention_channels=(4, 6, 8),
    attention_hidden=5,
    encoder_channels=(3, 4, 6),
    encoder_hidden=7,
    decoder_channels=(4, 6, 5, 3),
)


def state_dict(model: MONet) -> dict[str, torch.Tensor]:
    """Returns weights of these sizes by the notebook's names."""
    weights = model.state_dict()
    return {theirs: weights[ours] for theirs, ours in notebook.names(model.config).items()}


def saved(value: object) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


WEIGHTS = state_dict(MONet(SMALL))
SOUND = saved(WEIGHTS)
PICKLE = zipfile.ZipFile(io.BytesIO(SOUND)).read("archive/data.pkl")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.pt"


def repacked(pickle_bytes: bytes, *, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Writes the valid file with another pickle in it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SOUND)) as old, zipfile.ZipFile(stream, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, pickle_bytes if name == "archive/data.pkl" else old.read(name))
    return stream.getvalue()


def refusal(file: Path, content: bytes) -> str:
    """Returns the message of an import: one line that begins with the file's name."""
    file.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        notebook.load(file)
    message = str(caught.value)
    assert message.startswith("model.pt: ")
    assert message.isprintable() and len(message) < 400
    return message


# --------------------------------------------------------------- what it reads


@pytest.fixture(scope="module")
def notebooks_model():
    """A model of the notebook's after one step of its training: with gradients, losses and its optimiser's state."""
    cells = reference.notebook()
    with pytest.MonkeyPatch.context() as patch:
        for kind in (cells.MONet, cells.VAE, cells.Attention):  # as in a notebook, whose cells are __main__
            patch.setattr(kind, "__module__", "__main__")
            patch.setattr(sys.modules["__main__"], kind.__name__, kind, raising=False)
        torch.manual_seed(3)
        model = cells.MONet(5, 2, 1e-4)
        reference.loss(model, 0.1 * torch.rand(2, 3, 64, 64))
        yield reference.enliven(model)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
@pytest.mark.parametrize("protocol", [2, 4, 5])
@torch.no_grad()
def test_imported_model_says_what_the_notebooks_says(notebooks_model, file, protocol):
    torch.save(notebooks_model, file, pickle_protocol=protocol)
    ours = notebook.load(file)
    assert ours.config == MONetConfig(num_slots=5)
    assert not ours.training
    images = torch.rand(2, 3, 64, 64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notebooks_model.vae, "reparameterize", lambda mean, log_std: mean)
        expected = reference.decompose(notebooks_model, images)
    assert expected.log_masks.exp().std() > 0.01, "a model that says the same everywhere would show nothing"
    for name, value in vars(ours(images)).items():
        torch.testing.assert_close(value, vars(expected)[name], atol=1e-5, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_slots_and_scales_are_those_of_the_notebooks_model(notebooks_model, file, monkeypatch):
    monkeypatch.setattr(notebooks_model, "sigma_fg", 0.25)
    torch.save(notebooks_model, file)
    assert notebook.load(file).config == MONetConfig(num_slots=5, foreground_scale=0.25)
    assert notebook.load(file, num_slots=4).config == MONetConfig(num_slots=4, foreground_scale=0.25)


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
@pytest.mark.parametrize("slots", ["5", [5], True])
def test_slots_of_a_notebooks_model_are_a_number(notebooks_model, file, monkeypatch, slots):
    monkeypatch.setattr(notebooks_model, "K", slots)
    assert "num_slots is not a number" in refusal(file, saved(notebooks_model))


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_notebooks_model_with_another_layer_is_refused_because_it_is_another_network(
    notebooks_model, file, monkeypatch
):
    monkeypatch.setitem(notebooks_model.vae.encoder_nn._modules, "1", torch.nn.ELU())
    assert "names torch.nn.modules.activation.ELU" in refusal(file, saved(notebooks_model))


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_format_of_old_pytorch_is_refused_with_what_to_do(notebooks_model, file):
    torch.save(notebooks_model, file, _use_new_zipfile_serialization=False)
    assert "before 1.6; load and save it with a newer one" in refusal(file, file.read_bytes())


@pytest.mark.parametrize("config", [SMALL, MONetConfig(resolution=40, attention_channels=(8, 16, 32, 64))])
def test_sizes_of_a_state_dict_are_those_of_its_weights(file, config):
    model = MONet(config)
    torch.save(state_dict(model), file)
    loaded = notebook.load(file)
    assert loaded.config == config
    weights = model.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in loaded.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_other_precision_become_float32(file, dtype):
    torch.save({name: tensor.to(dtype) for name, tensor in WEIGHTS.items()}, file)
    loaded = notebook.load(file).state_dict()
    for theirs, ours in notebook.names(SMALL).items():
        assert loaded[ours].dtype == torch.float32
        assert torch.equal(loaded[ours], WEIGHTS[theirs].to(dtype).float())


# ------------------------------------------------------- as other programs wrap it

OTHER = {name: tensor + 1 for name, tensor in WEIGHTS.items()}


def under(prefix: str, weights: dict[str, torch.Tensor] = WEIGHTS) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in weights.items()}


class Network(torch.nn.Module):
    """A module whose parameters have the notebook's names, for PyTorch's own wrappers."""

    def __init__(self) -> None:
        super().__init__()
        for name, tensor in WEIGHTS.items():
            module = self
            *path, last = name.split(".")
            for part in path:
                if part not in module._modules:
                    module.add_module(part, torch.nn.Module())
                module = module._modules[part]
            module.register_parameter(last, torch.nn.Parameter(tensor.clone()))


SETTINGS = {
    "lr": 1e-3,
    "best": np.float64(0.25),
    "count": np.int64(3),
    "flag": np.bool_(True),
    "options": argparse.Namespace(folder=Path("runs"), dtype=torch.float32, device=torch.device("cpu"), size=(2, 3)),
    "milestones": collections.Counter([3, 3, 5]),
    "shape": torch.zeros(2, 3).shape,
}
WRAPPED = {
    "DataParallel": lambda: torch.nn.DataParallel(Network()).state_dict(),
    # As torch.compile calls them, whose import takes seconds.
    "compiled": lambda: under("_orig_mod."),
    "compiled in part": lambda: {n.replace("attention.", "attention._orig_mod."): x for n, x in WEIGHTS.items()},
    "compiled, then DataParallel": lambda: under("module._orig_mod."),
    "averaged": lambda: torch.optim.swa_utils.AveragedModel(Network()).state_dict(),
    "beside other networks": lambda: {**under("net."), "critic.weight": torch.zeros(3, 3)},
    "with a counter": lambda: {**WEIGHTS, "step": torch.tensor(7)},
    "nested": lambda: {"model_state_dict": WEIGHTS, "epoch": 3, "optimizer_state_dict": optimizer(), **SETTINGS},
    "deeply nested": lambda: {"checkpoint": {"state": {"generator": under("module.")}}, "args": SETTINGS},
    "Lightning": lambda: {
        "epoch": 3, "pytorch-lightning_version": "2.4.0", "state_dict": under("model."),
        "callbacks": {"best": Path("a")},
        "optimizer_states": [optimizer()], "hyper_parameters": SETTINGS,
    },
}  # fmt: skip


def optimizer() -> dict[str, object]:
    network = Network()
    adam = torch.optim.Adam(network.parameters())
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    adam.step()
    return adam.state_dict()


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("wrapped", WRAPPED.values(), ids=WRAPPED)
def test_weights_are_found_however_a_script_wraps_them(file, wrapped, protocol):
    torch.save(wrapped(), file, pickle_protocol=protocol)
    same_weights(notebook.load(file), WEIGHTS)


def same_weights(model: MONet, expected: dict[str, torch.Tensor]) -> None:
    loaded = model.state_dict()
    for theirs, ours in notebook.names(model.config).items():
        assert torch.equal(loaded[ours], expected[theirs])


SETS = {
    "prefixes": ({**under("online."), **under("ema.", OTHER), "step": torch.tensor(3)}, "online", "ema"),
    "keys": ({"model": WEIGHTS, "ema": OTHER, "step": 7}, "model", "ema"),
    "one within the other": ({**WEIGHTS, **under("ema_model.module.", OTHER)}, "", "ema_model.module"),
    "Lightning's": ({"state_dict": {**under("model."), **under("ema.", OTHER)}}, "state_dict.model", "state_dict.ema"),
}


@pytest.mark.parametrize(("value", "first", "second"), SETS.values(), ids=SETS)
def test_of_several_sets_of_weights_somebody_says_which(file, value, first, second):
    message = refusal(file, saved(value))
    assert repr(first) in message and repr(second) in message and "--prefix" in message
    same_weights(notebook.load(file, prefix=first), WEIGHTS)
    same_weights(notebook.load(file, prefix=f"{second}."), OTHER)
    with pytest.raises(CheckpointError, match="no weights with prefix 'nobody'; there are"):
        notebook.load(file, prefix="nobody")


@pytest.mark.parametrize("prefix", ["", "model."])
def test_safetensors_are_imported(tmp_path, prefix):
    for name in ("weights.safetensors", "weights.bin"):
        save_file({name: tensor.contiguous() for name, tensor in under(prefix).items()}, tmp_path / name)
        same_weights(notebook.load(tmp_path / name), WEIGHTS)


@pytest.mark.parametrize("change", [lambda b: b[:-5], lambda b: b[:30], lambda b: b"", lambda b: SOUND])
def test_damaged_safetensors_are_refused(tmp_path, change):
    path = tmp_path / "weights.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in WEIGHTS.items()}, path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CheckpointError, match=r"^weights\.safetensors: damaged"):
        notebook.load(path)


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
def test_pointer_of_git_lfs_is_named_with_what_fetches_it(tmp_path, monkeypatch, capsys, name):
    folder = tmp_path / "a clone" / "tiny"
    checkpoints.save(MONet(SMALL), folder, title="Tiny")
    (folder / name).write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{64 * '7'}\nsize 9999\n")
    command = f"git -C '{folder}' lfs pull"
    with pytest.raises(CheckpointError) as caught:
        notebook.load(folder / name)
    assert "a Git LFS pointer" in str(caught.value) and command in str(caught.value)
    run(monkeypatch, "list", "--folder", str(folder.parent))
    listed = capsys.readouterr().out
    told = f"unusable: tiny: {name} is a Git LFS pointer" in listed and command in listed
    assert told == (name == checkpoints.WEIGHTS)


def test_data_of_an_import_may_be_anybodys_or_nobodys(file, tmp_path, monkeypatch, capsys):
    file.write_bytes(SOUND)
    run(monkeypatch, "import", str(file), str(tmp_path / "mine"), "--data", "cells")
    assert checkpoints.read(tmp_path / "mine").data == "cells"
    capsys.readouterr()
    run(monkeypatch, "import", str(file), str(tmp_path / "found"))
    assert "unknown; give --data NAME" in capsys.readouterr().out
    assert json.loads((tmp_path / "found/config.json").read_text())["data"] == "unknown"
    assert checkpoints.read(tmp_path / "found").data == ""


def test_import_makes_a_checkpoint_that_is_listed(file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path / "checkpoints")
    file.write_bytes(SOUND)
    run(monkeypatch, "import", str(file), "mine", "--slots", "4", "--data", "tetrominoes", "--title", "My own")
    run(monkeypatch, "list", "--folder", str(tmp_path / "checkpoints"))
    assert "mine" in capsys.readouterr().out.splitlines()[-1]
    (checkpoint,), problems = checkpoints.find(tmp_path / "checkpoints")
    assert not problems
    assert (checkpoint.name, checkpoint.title, checkpoint.data) == ("mine", "My own", "tetrominoes")
    assert checkpoint.config.num_slots == 4
    loaded = checkpoints.load("mine").state_dict()
    assert torch.equal(loaded["vae.encoder.hidden.weight"], WEIGHTS["vae.encoder_nn.7.weight"])
    card = (checkpoint.folder / checkpoints.CARD).read_text(encoding="utf-8")
    assert "from `model.pt`" in card and "nothing has been measured" in card


def test_import_does_not_replace_a_checkpoint(file, tmp_path, monkeypatch, capsys):
    file.write_bytes(SOUND)
    (tmp_path / "taken").mkdir()
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "import", str(file), str(tmp_path / "taken"))
    assert ended.value.code == 1
    assert "exists already" in capsys.readouterr().err
    assert not list((tmp_path / "taken").iterdir())


def test_list_names_what_cannot_be_used(tmp_path, monkeypatch, capsys):
    (tmp_path / "broken").mkdir()
    run(monkeypatch, "list", "--folder", str(tmp_path))
    assert "unusable: broken: config.json is missing" in capsys.readouterr().out


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["checkpoints", *arguments])
    main()


# ------------------------------------------------------------ what it refuses


def text(value: str) -> bytes:
    return pickle.BINUNICODE + struct.pack("<I", len(value)) + value.encode()


def named(module: str, name: str) -> bytes:
    return text(module) + text(name) + pickle.STACK_GLOBAL


def call(module: str, name: str, *arguments: bytes) -> bytes:
    return named(module, name) + pickle.MARK + b"".join(arguments) + pickle.TUPLE + pickle.REDUCE


def program(*parts: bytes) -> bytes:
    return pickle.PROTO + b"\x04" + b"".join(parts) + pickle.STOP


class Asks:
    """Unpickled, it calls a function."""

    def __init__(self, function: object, *arguments: object):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


TOUCH = "touch canary"
EVAL = "open('canary', 'w')"
MONET = named("__main__", "MONet") + pickle.EMPTY_TUPLE + pickle.NEWOBJ
RUN = {
    **{f"os.system, protocol {p}": (pickle.dumps(Asks(os.system, TOUCH), p), "system") for p in range(6)},
    "builtins.eval": (pickle.dumps(Asks(eval, EVAL)), "builtins.eval"),
    "__builtin__.eval": (pickle.dumps(Asks(eval, EVAL), 2), "builtins.eval"),
    "a call as the argument of a call": (pickle.dumps({"a": [Asks(list, (Asks(eval, EVAL),))]}), "builtins.list"),
    "a call among sound weights": (
        program(text("vae"), call("torch._utils", "_rebuild_parameter", call("posix", "system", text(TOUCH)))),
        "posix.system",
    ),
    "INST": (b"(S'" + TOUCH.encode() + b"'\niposix\nsystem\n.", "posix.system"),
    "OBJ": (b"(cposix\nsystem\nS'" + TOUCH.encode() + b"'\no.", "posix.system"),
    "a module's __setstate__": (
        program(MONET, pickle.EMPTY_DICT, text("__setstate__"), named("posix", "system"), pickle.SETITEM, pickle.BUILD,
                text(TOUCH), pickle.BUILD),
        "posix.system",
    ),
    "a stand-in called": (program(call("__main__", "MONet", text(TOUCH))), "__main__.MONet"),
    "an optimiser called": (program(call("torch.optim.sgd", "SGD", text(TOUCH))), "torch.optim.sgd.SGD"),
    "a layer's own __init__": (
        program(named("torch.nn.modules.linear", "Linear.__init__.__globals__")),
        "torch.nn.modules.linear.Linear.__init__.__globals__",
    ),
    "a chain through what is allowed": (
        program(call("collections", "OrderedDict.__class__.__subclasses__")),
        "collections.OrderedDict.__class__.__subclasses__",
    ),
    "another codec than that of bytes": (
        program(call("_codecs", "encode", text(EVAL), text("unicode_escape"))),
        "_codecs.encode",
    ),
    "a chain through a setting": (
        program(call("argparse", "Namespace.__init__.__globals__")),
        "argparse.Namespace.__init__.__globals__",
    ),
    "a chain through torch": (program(call("torch", "serialization.os.system", text(TOUCH))), "torch.serialization.os"),
    "a chain through an optimiser": (program(named("torch.optim.sgd", "os.system")), "torch.optim.sgd.os.system"),
    "a module of the optimisers": (program(call("torch.optim._functional", "x.y")), "torch.optim._functional.x.y"),
    **{
        f"{module}.{name}": (program(call(module, name, text(EVAL))), f"{module}.{name}")
        for module, name in [
            ("builtins", "getattr"), ("builtins", "exec"), ("builtins", "__import__"), ("operator", "attrgetter"),
            ("importlib", "import_module"), ("subprocess", "Popen"), ("functools", "partial"), ("_codecs", "encode"),
            ("torch", "load"), ("torch.hub", "load"), ("torch.hub", "load_state_dict_from_url"), ("torch.jit", "load"),
            ("torch.storage", "_load_from_bytes"), ("torch.serialization", "_get_layout"),
            ("torch._utils", "_import_dotted_name"), ("torch._utils", "_rebuild_wrapper_subclass"),
            ("torch._utils", "_rebuild_parameter_with_state"), ("torch._tensor", "_rebuild_from_type_v2"),
            ("torch._utils", "_rebuild_device_tensor_from_numpy"), ("torch._dynamo.bytecode_transformation", "x"),
            ("torch.nn.modules.module", "Module"), ("torch.nn.parallel.data_parallel", "DataParallel"),
            ("numpy.core.multiarray", "_reconstruct"), ("monet.checkpoints.pickled", "Inert"), ("__main__", "main"),
        ]
    },
}  # fmt: skip


@pytest.mark.parametrize("wrap", [repacked, bytes], ids=["archive", "bare"])
@pytest.mark.parametrize(("content", "asked"), RUN.values(), ids=RUN)
def test_file_that_wants_to_run_code_is_refused_with_the_name_of_it(file, content, asked, wrap, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert asked in refusal(file, wrap(content))
    assert not Path("canary").exists()


@pytest.mark.parametrize("name", ["os.system, protocol 0", "builtins.eval", "INST", "OBJ", "a chain through torch"])
def test_those_files_would_run_code_elsewhere(tmp_path, name, monkeypatch):
    """Python's own unpickler runs these files; otherwise the test above would show nothing."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(RUN[name][0])
    assert Path("canary").exists()


HANDED = ["collections.OrderedDict", "numpy.dtype", "argparse.Namespace", "_codecs.encode", "torch.float32",
          "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter",
          "torch.FloatStorage", "torch.nn.modules.linear.Linear", "__main__.MONet"]  # fmt: skip


@pytest.mark.parametrize("name", HANDED)
@pytest.mark.parametrize("slots", [False, True])
def test_file_cannot_change_what_it_is_handed(file, name, slots):
    """The opcode BUILD sets attributes, also of classes, and could so affect the next file."""
    state = pickle.EMPTY_DICT + text("__new__") + text("left behind") + pickle.SETITEM
    state = pickle.NONE + state + pickle.TUPLE2 if slots else state
    refusal(file, repacked(program(named(*name.rsplit(".", 1)), state, pickle.BUILD)))
    file.write_bytes(SOUND)
    assert notebook.load(file).config == SMALL
    assert "left behind" not in vars(pickled.Inert).values()


LISTS = 60 * pickle.MARK + pickle.EMPTY_LIST + 60 * (pickle.DUP + pickle.LIST)
"""Nested lists, each twice in the next: short to store, exponentially long to print."""

COSTLY = {
    "a memo of 17 GB": (program(pickle.EMPTY_DICT, pickle.LONG_BINPUT, b"\xff\xff\xff\x7f"), "LONG_BINPUT beyond"),
    "a memo of 17 GB in words": (program(pickle.EMPTY_DICT, pickle.PUT, b"2147483647\n"), "PUT beyond"),
    "a tuple too deep to hash": (
        program(pickle.EMPTY_DICT, pickle.EMPTY_TUPLE, 300_000 * pickle.TUPLE1, pickle.NONE, pickle.SETITEM),
        "TUPLE1 beyond",
    ),
    "a text of 10 GB": (program(pickle.BINUNICODE8, struct.pack("<Q", 10 * 2**30)), "10737418240 bytes"),
    "bytes of 10 GB": (program(pickle.BYTEARRAY8, struct.pack("<Q", 10 * 2**30)), "10737418240 bytes"),
    "a frame of 10 GB": (program(pickle.FRAME, struct.pack("<Q", 10 * 2**30)), "truncated"),
    "a megabyte and more": (program(500_000 * pickle.EMPTY_LIST, 600_000 * pickle.POP), "limit of 1,048,576"),
    "a storage called like 2**60 lists": (
        program(
            pickle.MARK, text("storage"), named("torch", "FloatStorage"), LISTS, text("cpu"), pickle.BININT1, b"\x01",
            pickle.TUPLE, pickle.BINPERSID,
        ),
        "a storage without a name",
    ),
    "2**60 lists as the number of slots": (
        program(MONET, pickle.MARK, text("K"), LISTS, pickle.DICT, pickle.BUILD),
        "has no _parameters",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "words"), COSTLY.values(), ids=COSTLY)
def test_pickle_that_would_take_all_memory_is_refused(file, content, words):
    assert words in refusal(file, repacked(content))


def patched(entry: str, size: int) -> bytes:
    """Writes the valid file with another size in its directory."""
    content = bytearray(SOUND)
    start = content.rindex(b"PK\x01\x02", 0, content.rindex(entry.encode()))
    content[start + 20 : start + 28] = struct.pack("<II", size, size)
    return bytes(content)


@pytest.mark.parametrize("entry", ["archive/data.pkl", "archive/data/0", "archive/byteorder"])
@pytest.mark.parametrize("size", [2**32 - 2, 2**27, 1, 0])
def test_entry_that_claims_another_size_is_refused(file, entry, size):
    assert entry in refusal(file, patched(entry, size)) or size < 2**20


def test_compressed_archive_is_refused_before_it_unfolds(file):
    content = repacked(20 * 2**20 * b"N", compression=zipfile.ZIP_DEFLATED)
    assert len(content) < 2**20
    assert "compressed" in refusal(file, content)


@pytest.mark.parametrize("keep", [0, 1, 30, 1000, -1, -30])
def test_cut_file_is_refused(file, keep):
    refusal(file, SOUND[:keep])


@pytest.mark.parametrize(
    "content", [b"", b"words", b"\x89PNG\r\n\x1a\n", b"PK\x05\x06" + 18 * b"\0", pickle.dumps({"a": 1}), b"\x80\x04"]
)
def test_other_file_is_refused(file, content):
    refusal(file, content)


def test_archive_of_something_else_is_refused(file):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    assert "word/data.pkl is missing" in refusal(file, stream.getvalue())


def test_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"nothing\.pt: No such file"):
        notebook.load(tmp_path / "nothing.pt")


def test_file_name_cannot_break_the_line(tmp_path):
    file = tmp_path / "a\nb\x1b[31m.pt"
    file.write_bytes(b"")
    with pytest.raises(CheckpointError) as caught:
        notebook.load(file)
    assert str(caught.value).isprintable()


# ------------------------------------------------------------ weights that are wrong


def test_missing_weight_is_named(file):
    for name in ("vae.decoder_nn.8.bias", "attention.middle_nn.1.weight", "attention.down_nn_1.0.weight"):
        assert name in refusal(file, saved({key: value for key, value in WEIGHTS.items() if key != name}))


def test_extra_weight_is_named(file):
    assert "vae.surprise" in refusal(file, saved(WEIGHTS | {"vae.surprise": torch.zeros(1)}))


def test_weight_of_another_shape_is_named_with_both_shapes(file):
    message = refusal(file, saved(WEIGHTS | {"vae.encoder_nn.8.bias": torch.zeros(7)}))
    assert "vae.encoder_nn.8.bias" in message and "(7,)" in message and "(6,)" in message


@pytest.mark.parametrize("shape", [(), (3,), (0, 0, 0, 0), (5000, 4, 3, 3), (2, 2, 2, 2, 2)])
@pytest.mark.parametrize("name", ["attention.down_nn_1.0.weight", "attention.middle_nn.1.weight"])
def test_weight_that_says_a_size_and_has_no_possible_shape_is_refused(file, name, shape):
    refusal(file, saved(WEIGHTS | {name: torch.zeros(shape)}))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weight_that_is_not_finite_is_named(file, value):
    bias = torch.tensor([0, value, 0])
    message = refusal(file, saved(WEIGHTS | {"vae.encoder_nn.0.bias": bias}))
    assert message == "model.pt: vae.encoder_nn.0.bias in the file is not finite"


def test_weight_that_is_infinite_in_float32_only_is_named(file):
    bias = torch.tensor([0, 1e300, 0], dtype=torch.float64)
    assert "not finite" in refusal(file, saved(WEIGHTS | {"vae.encoder_nn.0.bias": bias}))


def test_weights_of_whole_numbers_are_refused(file):
    message = refusal(file, saved(WEIGHTS | {"vae.encoder_nn.0.bias": torch.zeros(3, dtype=torch.int64)}))
    assert "vae.encoder_nn.0.bias in the file is torch.int64" in message


def test_tensor_that_blows_up_one_number_is_refused(file):
    """A stride of zero makes a huge tensor of one stored number."""
    large = torch.zeros(1).expand(4096, 4, 3, 3)
    assert "larger than its storage" in refusal(file, saved(WEIGHTS | {"attention.down_nn_1.0.weight": large}))


def test_many_tensors_of_one_storage_are_refused(file):
    """Each tensor is within its storage; together they are larger than the file."""
    weights = state_dict(MONet(MONetConfig()))
    shared = torch.zeros(max(tensor.numel() for tensor in weights.values()))
    views = {name: shared[: tensor.numel()].view(tensor.shape) for name, tensor in weights.items()}
    assert "declare more bytes than the file has" in refusal(file, saved(views))


@pytest.mark.parametrize(
    "value", [[1, 2], {"epoch": 3, "model": "WEIGHTS"}, {"a": {"b": {}}}, {}, torch.zeros(3), None, {1: torch.ones(1)}]
)
def test_file_that_holds_no_state_dict_is_refused(file, value):
    refusal(file, saved(value))


# ---------------------------------------------------------------------- fuzz


def gives_a_model_or_a_sentence(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    try:
        model = notebook.load(file)
    except CheckpointError as error:
        assert str(error).startswith("model.pt: ")
        assert str(error).isprintable() and len(str(error)) < 400
    else:
        assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())


FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.slow
@FUZZ
@given(changes=st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=8),
       keep=st.integers(len(SOUND) // 2, 2 * len(SOUND)))  # fmt: skip
def test_changed_file_gives_a_model_or_a_sentence(file, changes, keep):
    content = bytearray(SOUND)
    for position, value in changes:
        content[position] = value
    gives_a_model_or_a_sentence(file, bytes(content[:keep]))


@pytest.mark.slow
@FUZZ
@given(changes=st.lists(st.tuples(st.integers(0, len(PICKLE) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_changed_pickle_in_a_sound_archive_gives_a_model_or_a_sentence(file, changes):
    content = bytearray(PICKLE)
    for position, value in changes:
        content[position] = value
    gives_a_model_or_a_sentence(file, repacked(bytes(content)))


OPCODES = [operation.code.encode("latin-1") for operation in pickletools.opcodes]
PART = st.one_of(
    st.sampled_from(OPCODES),
    st.sampled_from([named(*name.rsplit(".", 1)) for name in HANDED]),
    st.sampled_from([MONET, text("_modules"), text("storage"), text("0"), pickle.BININT1 + b"\x02"]),
    st.binary(max_size=3),
)


@pytest.mark.slow
@FUZZ
@given(parts=st.lists(PART, max_size=40))
def test_made_up_pickle_gives_a_model_or_a_sentence(file, parts):
    gives_a_model_or_a_sentence(file, repacked(program(*parts)))

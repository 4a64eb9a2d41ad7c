"""Finds the weights of the notebook's network in files of other programs.

Training scripts store a model's weights in a dictionary beside optimiser and settings. Wrappers add prefixes to the
names: ``module.`` (DataParallel, averaged copies), ``_orig_mod.`` (torch.compile), ``model.`` (Lightning). So a set of
weights is identified by a path of dictionaries and a prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from safetensors import safe_open
from torch import Tensor

from monet.checkpoints import CheckpointError, pickled, refuse_pointer
from monet.checkpoints.archive import MAX_FILE_BYTES, named, printable
from monet.checkpoints.pickled import Description, Inert

LAYER = re.compile(
    r"(?P<prefix>(?:.*\.)?)(?:attention|vae)\.(?:(?:_orig_mod|module)\.)*"
    r"(?:down_nn_|middle_nn|up_nn_|final_nn|encoder_nn|decoder_nn)"
)
"""Matches the beginning of the names of the notebook's weights."""
WRAPPER = re.compile(r"(?<=\.)(?:_orig_mod|module)\.")
"""Matches the part of a name that torch.compile or DataParallel inserts."""
MAX_DEPTH = 8
"""Deepest nesting of dictionaries."""


class Slice(NamedTuple):
    """A tensor of a safetensors file that has not been read."""

    key: str
    shape: tuple[int, ...]


class File(Protocol):
    """An open file.

    Attributes:
        name: display name for messages.
        value: nested dictionaries of tensor descriptions.
    """

    name: str
    value: Any

    def tensors(self, descriptions: Mapping[str, Any]) -> dict[str, Tensor]:
        """Reads the described tensors."""
        ...


@dataclass
class Weights:
    """A set of weights in a file.

    Attributes:
        tensors: descriptions by the notebook's names.
        settings: attributes of a whole model; empty for a state dict.
    """

    tensors: dict[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


class _Safetensors:
    def __init__(self, name: str, path: Path):
        self.name = name
        self._file = safe_open(path, framework="pt")
        self.value = {key: Slice(key, tuple(self._file.get_slice(key).get_shape())) for key in self._file.keys()}  # noqa: SIM118

    def tensors(self, descriptions: Mapping[str, Slice]) -> dict[str, Tensor]:
        return {name: self._file.get_tensor(d.key) for name, d in descriptions.items()}


@contextmanager
def opened(path: Path) -> Iterator[File]:
    """Opens a file of ``torch.save`` or of safetensors.

    Raises:
        CheckpointError: see :func:`monet.checkpoints.pickled.opened`; or a Git LFS pointer.
    """
    name = printable(path.name)
    with named(name):
        with path.open("rb") as stream:
            head = stream.read(9)
        length = path.stat().st_size
    refuse_pointer(name, path)
    if path.suffix != ".safetensors" and not (head[8:] == b"{" and int.from_bytes(head[:8], "little") < length):
        with pickled.opened(path) as file:
            yield file
        return
    with named(name):
        if length > MAX_FILE_BYTES:
            raise CheckpointError(f"{length:,} bytes are more than the limit of {MAX_FILE_BYTES:,}")
        tensors = _Safetensors(name, path)
    yield tensors


def sets(file: File) -> dict[str, Weights]:
    """Finds the sets of weights in a file by prefix, which is "" or ends with a dot.

    Raises:
        CheckpointError: there is none.
    """
    found: dict[str, Weights] = {}
    for path, table, settings in _tables(file):
        prefixes = dict.fromkeys(match["prefix"] for key in table if (match := LAYER.match(key)))
        for prefix in prefixes:
            inner = tuple(other for other in prefixes if len(other) > len(prefix))
            chosen = Weights(settings=settings)
            for key, tensor in table.items():
                # A scalar is a counter of updates or averaged copies.
                if key.startswith(prefix) and not key.startswith(inner) and (tensor.shape or LAYER.match(key)):
                    chosen.tensors[WRAPPER.sub("", key[len(prefix) :])] = tensor
            found[path + prefix] = chosen
    if not found:
        raise CheckpointError(
            f"{file.name}: holds no weights of the notebook's model; their names must begin with attention. and vae."
        )
    return found


def choose(file: File, prefix: str | None) -> Weights:
    """Selects the set of weights of a prefix, with or without its final dot; the only set if the prefix is None.

    Raises:
        CheckpointError: there is no such set, or several, which the message names.
    """
    found = sets(file)
    names = ", ".join(repr(printable(name.rstrip("."))) for name in found)
    if prefix is None:
        if len(found) > 1:
            raise CheckpointError(f"{file.name}: holds several sets of weights: {names}; choose one with --prefix")
        return next(iter(found.values()))
    chosen = [weights for name, weights in found.items() if name.rstrip(".") == prefix.rstrip(".")]
    if not chosen:
        raise CheckpointError(f"{file.name}: holds no weights with prefix {printable(prefix)!r}; there are {names}")
    return chosen[0]


def _tables(file: File) -> Iterator[tuple[str, dict[str, Any], Mapping[str, Any]]]:
    """Yields every dictionary of tensors: its path, its tensors by name, and attributes if it is a whole model."""
    waiting: list[tuple[str, Any]] = [("", file.value)]
    seen = set()
    while waiting:
        path, value = waiting.pop(0)
        if id(value) in seen or path.count(".") > MAX_DEPTH:
            continue
        seen.add(id(value))
        if isinstance(value, Inert):
            if not path or "_modules" in value.attributes:
                yield path, dict(_of_module(file.name, value)), value.attributes
        elif isinstance(value, dict):
            entries = {key: entry for key, entry in value.items() if isinstance(key, str)}
            yield path, {key: x for key, x in entries.items() if isinstance(x, Description | Slice)}, {}
            waiting += [(f"{path}{key}.", x) for key, x in entries.items() if isinstance(x, Inert | dict)]


def _of_module(file: str, model: Inert) -> Iterator[tuple[str, Description]]:
    """Yields the tensors of a module and its submodules with their names in a state dict."""
    modules: list[tuple[str, Any]] = [("", model)]
    seen = set()
    while modules:
        prefix, module = modules.pop()
        if not isinstance(module, Inert) or id(module) in seen:
            raise CheckpointError(f"{file}: a layer of its model is not a layer, or occurs twice")
        seen.add(id(module))
        for kind in ("_parameters", "_buffers", "_modules"):
            table = module.attributes.get(kind)
            if not isinstance(table, dict):
                raise CheckpointError(f"{file}: a layer of its model has no {kind}")
            for name, value in table.items():
                if value is None or not isinstance(name, str):
                    continue
                if kind == "_modules":
                    modules.append((f"{prefix}{name}.", value))
                elif isinstance(value, Description):
                    yield prefix + name, value
                else:
                    raise CheckpointError(f"{file}: a layer of its model holds other values than weights")

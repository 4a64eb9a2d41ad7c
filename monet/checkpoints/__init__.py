"""Reads and writes checkpoints: folders with ``config.json``, ``model.safetensors`` and a model card (Hub layout)."""

from __future__ import annotations

import functools
import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from monet.model import MONet, MONetConfig
from monet.pictures import How

SHIPPED = Path(__file__).parents[2] / "checkpoints"
FOLDER = Path(os.environ.get("MONET_CHECKPOINTS") or (SHIPPED if SHIPPED.is_dir() else "checkpoints"))
"""Folder of checkpoint names: environment variable MONET_CHECKPOINTS, else the repository's folder in a checkout, else
``checkpoints`` in the current directory."""
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
LIMITS = "## Limits"
"""Heading of a model card's last section. It is written by hand, and an export keeps it."""
MAX_CONFIG_BYTES = 2**20
UNKNOWN = "unknown"
"""Value of ``data`` in ``config.json`` if the data set is unknown."""

POINTER = b"version https://git-lfs.github.com/spec/"
"""First bytes of a Git LFS pointer file."""

Shapes = dict[str, tuple[int, ...]]
"""Tensor shapes by name."""


class CheckpointError(ValueError):
    """A checkpoint cannot be used. The message names the folder and the reason."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder with its configuration; the weights are not loaded.

    Attributes:
        name: the folder's name.
        folder: path of the folder.
        config: the network's configuration.
        title: display name.
        data: name of the training data set, "" if unknown.
        measured: means over ``scenes`` scenes of the test split by metric, empty if not measured.
        fit: how the training pictures were made square.
    """

    name: str
    folder: Path
    config: MONetConfig
    title: str
    data: str
    measured: Mapping[str, float] = field(default_factory=dict)
    fit: How = "crop"


def find(folder: Path = FOLDER) -> tuple[list[Checkpoint], list[CheckpointError]]:
    """Lists the checkpoints in a folder by name, and the errors of unusable ones. Weights are not read."""
    found, problems = [], []
    for path in sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []:
        try:
            found.append(read(path))
        except CheckpointError as error:
            problems.append(error)
    return found, problems


def read(name_or_folder: str | Path) -> Checkpoint:
    """Finds a checkpoint by its name under ``checkpoints/`` or by its folder.

    Raises:
        CheckpointError: no such folder, a missing file, or a configuration that no network can be built from.
    """
    folder = Path(name_or_folder)
    if not folder.is_dir() and (FOLDER / folder).is_dir():
        folder = FOLDER / folder
    name = folder.name
    if not folder.is_dir():
        known = ", ".join(checkpoint.name for checkpoint in find()[0]) or "none yet"
        raise CheckpointError(f"{name}: no such checkpoint; there are {known}")
    for file in (CONFIG, WEIGHTS):
        if not (folder / file).is_file():
            raise CheckpointError(f"{name}: {file} is missing")
    refuse_pointer(name, folder / WEIGHTS)
    try:
        with (folder / CONFIG).open("rb") as stream:
            table = json.loads(stream.read(MAX_CONFIG_BYTES))
        options = {f.name for f in fields(MONetConfig)}
        config = MONetConfig(**{key: value for key, value in table.items() if key in options})
        measured = {str(name): float(value) for name, value in table.get("measured", {}).items()}
        if (fit := table.get("fit", "crop")) not in get_args(How):
            raise ValueError(f"fit {fit!r} is none of {', '.join(get_args(How))}")
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{name}: {CONFIG} is not a MONet configuration: {error}") from error
    data = str(table.get("data", ""))
    return Checkpoint(
        name, folder, config, str(table.get("title", name)), "" if data == UNKNOWN else data, measured, fit
    )


def refuse_pointer(name: str, file: Path) -> None:
    """Raises CheckpointError if a file is a Git LFS pointer."""
    with file.open("rb") as stream:
        if stream.read(len(POINTER)) == POINTER:
            fetch = f"git -C {shlex.quote(str(file.parent))} lfs pull"
            raise CheckpointError(
                f"{name}: {file.name} is a Git LFS pointer, not the file itself; fetch it with {fetch}"
            )


def load(name_or_folder: str | Path | Checkpoint) -> MONet:
    """Loads a model in eval mode; float32, on the CPU.

    Names and shapes in the header of the weights are compared with the configuration before a tensor is read, so a
    wrong size costs no memory. Nothing is unpickled.

    Raises:
        CheckpointError: as :func:`read`, or weights that are damaged, of other names or shapes, or not finite.
    """
    checkpoint = name_or_folder if isinstance(name_or_folder, Checkpoint) else read(name_or_folder)
    expected = shapes(checkpoint.config)
    try:
        with safe_open(checkpoint.folder / WEIGHTS, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in list(file.keys())}
            check_shapes(checkpoint.name, WEIGHTS, found, CONFIG, expected)
            weights = {name: file.get_tensor(name) for name in expected}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{checkpoint.name}: {WEIGHTS} is damaged: {error}") from error
    return assemble(checkpoint.config, as_float32(checkpoint.name, WEIGHTS, weights))


def assemble(config: MONetConfig, weights: dict[str, Tensor]) -> MONet:
    """Returns a model in eval mode with copies of the given weights; initial weights are never drawn."""
    with torch.device("meta"):
        model = MONet(config)
    model.to_empty(device="cpu")  # keeps the layout of each weight in memory, as load_state_dict does
    model.load_state_dict(weights)
    return model.eval()


@functools.lru_cache(maxsize=32)
def shapes(config: MONetConfig) -> Shapes:
    """Returns the shape of every weight of a network, by name; allocates no memory."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in MONet(config).state_dict().items()}


def check_shapes(name: str, file: str, found: Shapes, source: str, expected: Shapes) -> None:
    """Compares the tensors in a file with those that ``source`` expects.

    Raises:
        CheckpointError: names the first tensor that is missing, unexpected or has another shape.
    """
    if found.keys() != expected.keys():
        odd = min(found.keys() ^ expected.keys())
        raise CheckpointError(f"{name}: {file} does not have the tensors of {source}; the first difference is {odd}")
    for tensor, shape in expected.items():
        if found[tensor] != shape:
            raise CheckpointError(f"{name}: {tensor} in {file} is {found[tensor]}, {source} expects {shape}")


def as_float32(name: str, file: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Converts the weights of a file to float32.

    Raises:
        CheckpointError: names the first tensor that is not floating-point, or not finite in float32.
    """
    converted = {tensor: values.float() for tensor, values in weights.items()}
    for tensor, values in converted.items():
        if not weights[tensor].is_floating_point():
            raise CheckpointError(f"{name}: {tensor} in {file} is {weights[tensor].dtype}, not floating-point")
        if not torch.isfinite(values).all():
            raise CheckpointError(f"{name}: {tensor} in {file} is not finite")
    return converted


def save(
    model: MONet,
    folder: Path,
    *,
    title: str,
    data: str = "",
    card: str | None = None,
    measured: Mapping[str, float] | None = None,
    fit: How = "crop",
) -> None:
    """Writes a checkpoint folder, each file atomically.

    Args:
        model: the model; its weights are stored as float32.
        folder: created if needed; an existing model card stays unless ``card`` is given.
        title: display name.
        data: name of the training data set, "" if unknown.
        card: text of the model card, Markdown.
        measured: see :class:`Checkpoint`.
        fit: see :class:`Checkpoint`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table: dict[str, Any] = {"architecture": "MONet", "title": title, "data": data or UNKNOWN}
    table |= {"fit": fit, **asdict(model.config)}
    if measured:
        table["measured"] = dict(measured)
    weights = {name: tensor.float().contiguous() for name, tensor in model.state_dict().items()}
    part = folder / f"{WEIGHTS}.part"
    save_file(weights, part, metadata={"format": "pt"})
    part.replace(folder / WEIGHTS)
    for name, text in ((CONFIG, json.dumps(table, indent=2) + "\n"), (CARD, card)):
        if text is not None:
            write(folder / name, text)


def write(file: Path, text: str) -> None:
    """Writes a text file of a checkpoint atomically."""
    part = file.with_name(f"{file.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)

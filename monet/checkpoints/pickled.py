"""Reads files of ``torch.save`` without running code from them.

Such a file is a zip archive of one pickle, ``NAME/data.pkl``, and one uncompressed entry per storage,
``NAME/data/KEY``. A pickle is a program: it can name any function of any module and call it. Here names are only
looked up in a table and never imported. The table's entries make plain values: dictionaries, descriptions of tensors,
and inert placeholders for modules and optimisers. Any other name raises an error.
"""

from __future__ import annotations

import math
import pickle
import pickletools
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from monet.checkpoints import CheckpointError
from monet.checkpoints.archive import MAX_FILE_BYTES, named, printable, read_entry, root_of, size_of

MAX_PICKLE_BYTES = 2**20
"""Largest pickle; that of the notebook's model has 40 kB."""
MAX_AXES = 8
MAX_TUPLES = 10_000
"""Largest number of tuples; the notebook's model has 900. Python hashes nested tuples on the C stack, which is limited.
"""

LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""First bytes of every file of PyTorch before 1.6."""

STORAGES = {
    "torch.DoubleStorage": torch.float64, "torch.FloatStorage": torch.float32, "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16, "torch.LongStorage": torch.int64, "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16, "torch.CharStorage": torch.int8, "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}  # fmt: skip

NETWORKS = {"MONet", "VAE", "Attention"}
"""The notebook's own classes, in any module."""

LAYERS = {
    f"torch.nn.modules.{name}"
    for name in (
        "container.Sequential", "conv.Conv2d", "linear.Linear", "flatten.Flatten", "activation.ReLU",
        "instancenorm.InstanceNorm2d", "pooling.AvgPool2d", "upsampling.Upsample",
    )
}  # fmt: skip
"""Layers of the notebook's networks. Other layers would make another network, so they are rejected."""


class _Sealed:
    """Base of values that a pickle gets. Without ``__setstate__`` a pickle could set attributes of their class."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError(f"a state for {type(self).__name__}")


class Inert(_Sealed):
    """Placeholder for an object of the file: holds its attributes and does nothing."""

    __slots__ = ("attributes",)
    name = ""
    attributes: dict[Any, Any]

    def __new__(cls, *arguments: object) -> Inert:
        inert = super().__new__(cls)
        inert.attributes = {}
        return inert

    def __init__(self, *arguments: object) -> None:  # unpickling skips it for objects, so this is a call
        raise CheckpointError(f"the file tries to call {self.name}; nothing was run")

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.attributes = state


class _Dictionary(dict[Any, Any], _Sealed):
    """An ordered dictionary, a default dictionary or a set: created empty, filled by the pickle afterwards."""

    __slots__ = ()

    def __init__(self, *arguments: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        """Ignores the layer versions of a state dict."""


class Storage(_Sealed):
    """Storage of a tensor: archive entry, type and number of values."""

    __slots__ = ("count", "dtype", "entry")

    def __init__(self, entry: str, dtype: torch.dtype, count: int):
        self.entry, self.dtype, self.count = entry, dtype, count


class Description(_Sealed):
    """A tensor of the file that has not been read: its storage, offset, shape and strides."""

    __slots__ = ("offset", "shape", "storage", "stride")
    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def __new__(cls, storage: Any, offset: Any, shape: Any, stride: Any, *rest: object) -> Description:
        if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(stride, tuple):
            raise pickle.UnpicklingError("a tensor without storage or shape")
        numbers = (offset, *shape, *stride)
        possible = all(type(n) is int and 0 <= n <= MAX_FILE_BYTES for n in numbers)
        if not possible or len(shape) != len(stride) or len(shape) > MAX_AXES:
            raise pickle.UnpicklingError("a tensor of impossible shape")
        # The last element must lie in the storage, and strides of zero must not expand few values to many.
        end = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
        if 0 not in shape and (end >= storage.count or math.prod(shape) > storage.count):
            raise pickle.UnpicklingError("a tensor that is larger than its storage")
        description = super().__new__(cls)
        description.storage, description.offset, description.shape, description.stride = storage, offset, shape, stride
        return description


class _Ignored(_Sealed):
    """Placeholder for a value that is not a weight: holds nothing and does nothing."""

    __slots__ = ()

    def __new__(cls, *arguments: object) -> _Ignored:
        return super().__new__(cls)

    def __init__(self, *arguments: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


class _Latin1(_Sealed):
    """Bytes as pickle protocol 2 writes them: a text and its encoding."""

    __slots__ = ()

    def __new__(cls, *arguments: object) -> Any:
        match arguments:
            case (str(text), "latin1"):
                return text.encode("latin1")
        raise CheckpointError("the file tries to call _codecs.encode for something else than bytes; nothing was run")


class _Parameter(_Sealed):
    """A parameter: replaced by its tensor."""

    __slots__ = ()

    def __new__(cls, data: object, *rest: object) -> Any:
        return data


IGNORED = {
    "argparse.Namespace", "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath", "numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
    "torch.Size", "torch.device", *(str(dtype) for dtype in STORAGES.values()),
}  # fmt: skip
"""Types that training scripts store beside the weights: settings, paths, and losses as NumPy numbers."""

TABLES = {
    "collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict", "builtins.set",
    *(f"{module}.AttributeDict" for module in ("lightning.fabric.utilities.data", "lightning_fabric.utilities.data",
                                               "lightning.pytorch.utilities.parsing",
                                               "pytorch_lightning.utilities.parsing")),
}  # fmt: skip

NAMES: dict[str, Any] = {
    **STORAGES,
    **dict.fromkeys(TABLES, _Dictionary),
    **dict.fromkeys(IGNORED, _Ignored),
    "_codecs.encode": _Latin1,
    "torch._utils._rebuild_tensor_v2": Description,
    "torch._utils._rebuild_parameter": _Parameter,
}
"""Allowed names, besides the classes that become :class:`Inert`."""


class _Unpickler(pickle.Unpickler):
    """Python's unpickler, whose two ways to reach outside the pickle only look up tables."""

    def __init__(self, data: bytes, archive: zipfile.ZipFile | None):
        super().__init__(BytesIO(data))
        self._archive = archive
        self._root = root_of(archive) if archive else ""
        self._inert: dict[str, type[Inert]] = {}

    def find_class(self, module: str, name: str) -> Any:
        full = f"{'builtins' if module == '__builtin__' else module}.{name}"
        if full in NAMES:
            return NAMES[full]
        if full in LAYERS or name in NETWORKS or (module.startswith("torch.optim.") and name.isidentifier()):
            return self._inert.setdefault(full, type("Inert", (Inert,), {"__slots__": (), "name": printable(full)}))
        raise CheckpointError(f"the file names {printable(full)}, which weights do not need; nothing was run")

    def persistent_load(self, pid: Any) -> Storage:
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or self._archive is None:
            raise pickle.UnpicklingError("an external object that is not a storage")
        if not isinstance(key, str) or type(count) is not int:
            raise pickle.UnpicklingError("a storage without a name or size")
        entry = f"{self._root}data/{key}"
        if size_of(self._archive, entry) != count * dtype.itemsize:
            raise CheckpointError(f"{printable(entry)} does not have the size that the pickle declares")
        return Storage(entry, dtype, count)


class TorchFile:
    """An open file of ``torch.save``; tensors are read on request.

    Attributes:
        name: display name for messages.
        value: the pickled object: numbers, texts, lists, dictionaries, :class:`Description` and :class:`Inert`.
    """

    def __init__(self, name: str, value: Any, archive: zipfile.ZipFile, size: int):
        self.name, self.value, self._archive, self._size = name, value, archive, size

    def tensors(self, descriptions: Mapping[str, Description]) -> dict[str, Tensor]:
        """Reads tensors, contiguous.

        Raises:
            CheckpointError: the tensors need more bytes than the file has, or an entry is damaged.
        """
        read = {}
        with named(self.name):
            claimed = sum(math.prod(d.shape) * d.storage.dtype.itemsize for d in descriptions.values())
            if claimed > self._size:
                raise CheckpointError("the tensors declare more bytes than the file has")
            for name, d in descriptions.items():
                data = bytearray(read_entry(self._archive, d.storage.entry))
                flat = torch.frombuffer(data, dtype=d.storage.dtype)
                read[name] = flat.as_strided(d.shape, d.stride, d.offset).contiguous()
        return read


@contextmanager
def opened(path: Path) -> Iterator[TorchFile]:
    """Opens a file of ``torch.save``.

    Raises:
        CheckpointError: no such file, a damaged one, one of PyTorch before 1.6, one that declares more bytes than it
            has, or one that names anything else than the notebook's model does; the message has that name.
    """
    name = printable(path.name)
    with named(name):
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise CheckpointError(f"{size:,} bytes are more than the limit of {MAX_FILE_BYTES:,}")
        if not zipfile.is_zipfile(path):
            _refuse(path)
        archive = zipfile.ZipFile(path)
    with archive:
        with named(name):
            root = root_of(archive)
            if f"{root}byteorder" in archive.namelist() and read_entry(archive, f"{root}byteorder", 6) != b"little":
                raise CheckpointError("written on a big-endian machine, which is not supported")
            value = _unpickle(read_entry(archive, f"{root}data.pkl", MAX_PICKLE_BYTES), archive)
        yield TorchFile(name, value, archive, size)


def _refuse(path: Path) -> NoReturn:
    """Raises an error that says what a file without a zip archive is; a bare pickle is checked for forbidden names."""
    with path.open("rb") as stream:
        data = stream.read(MAX_PICKLE_BYTES)
    if data.startswith(LEGACY):
        raise CheckpointError("written in the format of PyTorch before 1.6; load and save it with a newer one")
    if data.startswith(b"PK"):
        raise CheckpointError("the zip archive is truncated or damaged")
    try:
        _unpickle(data, None)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError("not a zip archive, which torch.save writes") from error
    raise CheckpointError("a bare pickle, not a zip archive of torch.save")


def _unpickle(data: bytes, archive: zipfile.ZipFile | None) -> Any:
    tuples = 0
    for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
        tuples += operation.name.startswith("TUPLE")
        # The memo is an array: a pickle of ten bytes that writes to a high index would take all memory.
        if tuples > MAX_TUPLES or (operation.name.endswith("PUT") and isinstance(argument, int) and argument > count):
            raise pickle.UnpicklingError(f"{operation.name} beyond the limits of torch.save")
    return _Unpickler(data, archive).load()

"""Reads files of ``torch.save`` without running code from them.

Such a file is a zip archive of one pickle, ``NAME/data.pkl``, and one uncompressed entry per storage,
``NAME/data/KEY``. A pickle is a program: it may name any function of any module and call it. Here a name is only
looked up in a table, nothing is ever imported for it. What the table holds makes plain values: dictionaries,
descriptions of tensors, and inert stand-ins for modules and optimisers. Every other name is a refusal.
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
"""The pickle of the notebook's model has 40 kB."""
MAX_AXES = 8
MAX_TUPLES = 10_000
"""Of the notebook's model: 900. Python hashes nested tuples on the C stack, which has an end."""

LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""What every file of PyTorch before 1.6 begins with."""

STORAGES = {
    "torch.DoubleStorage": torch.float64, "torch.FloatStorage": torch.float32, "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16, "torch.LongStorage": torch.int64, "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16, "torch.CharStorage": torch.int8, "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}  # fmt: skip

NETWORKS = {"MONet", "VAE", "Attention"}
"""The notebook's own classes, in ``__main__`` or wherever its cells were copied to."""

LAYERS = {
    f"torch.nn.modules.{name}"
    for name in (
        "container.Sequential", "conv.Conv2d", "linear.Linear", "flatten.Flatten", "activation.ReLU",
        "instancenorm.InstanceNorm2d", "pooling.AvgPool2d", "upsampling.Upsample",
    )
}  # fmt: skip
"""What the notebook's networks are made of. With another layer it would be another network, so that is refused."""


class _Sealed:
    """A value that a pickle is handed. Without ``__setstate__`` it could set attributes of the value's class."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError(f"a state for {type(self).__name__}")


class Inert(_Sealed):
    """Stands in for an object of the file: holds the attributes that the file gives it, and does nothing."""

    __slots__ = ("attributes",)
    name = ""
    attributes: dict[Any, Any]

    def __new__(cls, *arguments: object) -> Inert:
        inert = super().__new__(cls)
        inert.attributes = {}
        return inert

    def __init__(self, *arguments: object) -> None:  # unpickling makes objects without it: this is a call
        raise CheckpointError(f"the file asks to call {self.name}; nothing was run")

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.attributes = state


class _Dictionary(dict[Any, Any], _Sealed):
    """An ordered or a default dictionary, or a set: empty whatever it is made from, filled by the pickle later."""

    __slots__ = ()

    def __init__(self, *arguments: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        """A state dict says here which versions its layers had."""


class Storage(_Sealed):
    """Where numbers lie in the archive."""

    __slots__ = ("count", "dtype", "entry")

    def __init__(self, entry: str, dtype: torch.dtype, count: int):
        self.entry, self.dtype, self.count = entry, dtype, count


class Description(_Sealed):
    """A tensor of the file that has not been read: its storage, and how it lies there."""

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
            raise pickle.UnpicklingError("a tensor of no possible shape")
        # The place of its last number, which must be in the storage, and as many numbers as it shows: it may not be
        # blown up from few by strides of zero.
        end = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
        if 0 not in shape and (end >= storage.count or math.prod(shape) > storage.count):
            raise pickle.UnpicklingError("a tensor that is larger than its storage")
        description = super().__new__(cls)
        description.storage, description.offset, description.shape, description.stride = storage, offset, shape, stride
        return description


class _Ignored(_Sealed):
    """Stands in for a value that is no weight, whatever it is made from: holds nothing, does nothing."""

    __slots__ = ()

    def __new__(cls, *arguments: object) -> _Ignored:
        return super().__new__(cls)

    def __init__(self, *arguments: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


class _Latin1(_Sealed):
    """Bytes, as a pickle of protocol 2 writes them: a text and how to encode it."""

    __slots__ = ()

    def __new__(cls, *arguments: object) -> Any:
        match arguments:
            case (str(text), "latin1"):
                return text.encode("latin1")
        raise CheckpointError("the file asks to call _codecs.encode, and not as bytes are written; nothing was run")


class _Parameter(_Sealed):
    """A trained tensor is its tensor."""

    __slots__ = ()

    def __new__(cls, data: object, *rest: object) -> Any:
        return data


ASIDE = {
    "argparse.Namespace", "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath", "numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
    "torch.Size", "torch.device", *(str(dtype) for dtype in STORAGES.values()),
}  # fmt: skip
"""What training scripts put beside the weights: settings, paths, and the best loss as a number of NumPy's."""

TABLES = {
    "collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict", "builtins.set",
    *(f"{module}.AttributeDict" for module in ("lightning.fabric.utilities.data", "lightning_fabric.utilities.data",
                                               "lightning.pytorch.utilities.parsing",
                                               "pytorch_lightning.utilities.parsing")),
}  # fmt: skip

NAMES: dict[str, Any] = {
    **STORAGES,
    **dict.fromkeys(TABLES, _Dictionary),
    **dict.fromkeys(ASIDE, _Ignored),
    "_codecs.encode": _Latin1,
    "torch._utils._rebuild_tensor_v2": Description,
    "torch._utils._rebuild_parameter": _Parameter,
}
"""All that a file may name, besides the classes that become :class:`Inert`."""


class _Unpickler(pickle.Unpickler):
    """Python's own, with each of its two ways out of the pickle replaced by a look into a table."""

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
        asked = printable(full)
        raise CheckpointError(f"the file asks for {asked}, which weights do not need; nothing was run")

    def persistent_load(self, pid: Any) -> Storage:
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or self._archive is None:
            raise pickle.UnpicklingError("something outside the pickle that is no storage")
        if not isinstance(key, str) or type(count) is not int:
            raise pickle.UnpicklingError("a storage without a name or size")
        entry = f"{self._root}data/{key}"
        if size_of(self._archive, entry) != count * dtype.itemsize:
            raise CheckpointError(f"{printable(entry)} has another size than the pickle says")
        return Storage(entry, dtype, count)


class TorchFile:
    """A file of ``torch.save``: its value, and its tensors when they are asked for.

    Attributes:
        name: of the file, as in messages.
        value: the pickled object: numbers, texts, lists, dictionaries, :class:`Description` and :class:`Inert`.
    """

    def __init__(self, name: str, value: Any, archive: zipfile.ZipFile, size: int):
        self.name, self.value, self._archive, self._size = name, value, archive, size

    def tensors(self, descriptions: Mapping[str, Description]) -> dict[str, Tensor]:
        """Reads tensors, contiguous.

        Raises:
            CheckpointError: more of them than the file has bytes, or a damaged entry.
        """
        read = {}
        with named(self.name):
            claimed = sum(math.prod(d.shape) * d.storage.dtype.itemsize for d in descriptions.values())
            if claimed > self._size:
                raise CheckpointError("the tensors claim more bytes than the file has")
            for name, d in descriptions.items():
                data = bytearray(read_entry(self._archive, d.storage.entry))
                flat = torch.frombuffer(data, dtype=d.storage.dtype)
                read[name] = flat.as_strided(d.shape, d.stride, d.offset).contiguous()
        return read


@contextmanager
def opened(path: Path) -> Iterator[TorchFile]:
    """A file of ``torch.save``, for as long as it is open.

    Raises:
        CheckpointError: no such file, a damaged one, one of PyTorch before 1.6, one that claims to be larger than it
            is, and one that asks for anything else than the notebook's model does, with the name of that.
    """
    name = printable(path.name)
    with named(name):
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise CheckpointError(f"{size:,} bytes are more than the {MAX_FILE_BYTES:,} that are read")
        if not zipfile.is_zipfile(path):
            _refuse(path)
        archive = zipfile.ZipFile(path)
    with archive:
        with named(name):
            root = root_of(archive)
            if f"{root}byteorder" in archive.namelist() and read_entry(archive, f"{root}byteorder", 6) != b"little":
                raise CheckpointError("it was written on a big-endian machine, which is not read")
            value = _unpickle(read_entry(archive, f"{root}data.pkl", MAX_PICKLE_BYTES), archive)
        yield TorchFile(name, value, archive, size)


def _refuse(path: Path) -> NoReturn:
    """Says what a file is that is no zip archive; a bare pickle is asked what it wants first."""
    with path.open("rb") as stream:
        data = stream.read(MAX_PICKLE_BYTES)
    if data.startswith(LEGACY):
        raise CheckpointError("written in the format of PyTorch before 1.6; load and save it with a newer one")
    if data.startswith(b"PK"):
        raise CheckpointError("the zip archive has no end: cut short, or damaged")
    try:
        _unpickle(data, None)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError("no zip archive, which is what torch.save writes") from error
    raise CheckpointError("a bare pickle, not what torch.save writes")


def _unpickle(data: bytes, archive: zipfile.ZipFile | None) -> Any:
    tuples = 0
    for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
        tuples += operation.name.startswith("TUPLE")
        # The memo is an array: a pickle of ten bytes that writes to its far end would take all memory.
        if tuples > MAX_TUPLES or (operation.name.endswith("PUT") and isinstance(argument, int) and argument > count):
            raise pickle.UnpicklingError(f"{operation.name} beyond what torch.save writes")
    return _Unpickler(data, archive).load()

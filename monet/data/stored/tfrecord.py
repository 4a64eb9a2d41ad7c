"""Streams DeepMind's TFRecord files of tf.train.Example records without TensorFlow or protobuf.

A file is a sequence of frames, gzipped or not: length, checksum of the length, payload, checksum of the payload. A
payload maps names to features. A uint8 tensor is a list of one-byte strings, three bytes for every value, which the
fast path decodes; a float32 tensor is a packed list.

Files are not trusted: any bytes are read within bounded memory, and every fault is reported as a
:class:`RecordError`.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

import google_crc32c
import numpy as np

MAX_RECORD = 64 * 2**20
"""Longest accepted payload in bytes; the longest known, CLEVR's, has 3.3 million."""

_GZIP = b"\x1f\x8b\x08"
_GZIP_WINDOW = 31  # zlib's code for gzip header and checksum
_LIST = {"uint8": 1, "float32": 2}
_LIST_NAMES = {1: "bytes", 2: "floats", 3: "integers"}


@dataclass(frozen=True)
class Feature:
    """A tensor that every record holds under a name."""

    shape: tuple[int, ...]
    kind: Literal["uint8", "float32"] = "uint8"


class RecordError(ValueError):
    """A file is malformed or damaged.

    Attributes:
        file: its path or address.
        record: number of the record, from 0.
        reason: the fault.
    """

    def __init__(self, file: str, record: int, reason: str):
        super().__init__(f"{file}, record {record}: {reason}")
        self.file, self.record, self.reason = file, record, reason


class _Malformed(Exception):
    """A fault of a record; :func:`records` adds the file and the record number."""


def records(
    stream: io.BufferedReader[Any], file: str, features: Mapping[str, Feature]
) -> Iterator[dict[str, np.ndarray]]:
    """Reads the records of a file one by one, each as arrays by feature name; reads only as far as requested.

    Args:
        stream: the file from its first byte, gzip or not; the caller closes it.
        file: path or address for error messages.
        features: the exact features that every record must hold.

    Yields:
        arrays of the features' shapes and kinds that own their memory.

    Raises:
        RecordError: a truncated file or gzip stream, a wrong length or checksum, a missing or unknown feature, one of
            another kind, or values that do not fit the shape.
    """
    frames = _Gunzip(stream) if stream.peek(3).startswith(_GZIP) else stream
    for index in count():
        try:
            payload = _payload(frames)
            if payload is None:
                return
            record = _parse(memoryview(payload), features)
        except _Malformed as error:
            raise RecordError(file, index, str(error)) from None
        except zlib.error as error:
            raise RecordError(file, index, f"the compressed stream is damaged ({error})") from None
        yield record


# ---------------------------------------------------------------------- frames


class _Gunzip:
    """Unpacks a gzip stream only as far as requested, so that data before a damaged part is still read."""

    def __init__(self, stream: io.BufferedReader[Any]):
        self._stream, self._input = stream, b""
        self._member = zlib.decompressobj(_GZIP_WINDOW)

    def read(self, size: int) -> bytes:
        parts = []
        while size:
            if not self._input:
                self._input = self._stream.read1(2**16)
            if self._member.eof:
                if not self._input:
                    break
                self._member = zlib.decompressobj(_GZIP_WINDOW)
            part = self._member.decompress(self._input, size)
            if not part and not self._input and not self._member.eof:
                raise _Malformed("the compressed stream ends too early; the file is incomplete")
            self._input = self._member.unused_data or self._member.unconsumed_tail
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _payload(frames: io.BufferedReader[Any] | _Gunzip) -> bytes | None:
    """Reads the payload of the next frame; None at the end of the file."""
    head = frames.read(12)
    if not head:
        return None
    if len(head) < 12:
        raise _Malformed("the file ends within the record's length")
    _check("length", head[:8], head[8:])
    length = int.from_bytes(head[:8], "little")
    if length > MAX_RECORD:
        raise _Malformed(f"its length of {length} bytes exceeds the limit of {MAX_RECORD}")
    payload, stored = frames.read(length), frames.read(4)
    if len(payload) < length or len(stored) < 4:
        raise _Malformed(f"the file ends after {len(payload)} of the record's {length} bytes or in its checksum")
    _check("content", payload, stored)
    return payload


def _check(part: str, content: bytes, stored: bytes) -> None:
    # TFRecord masks the CRC-32C: it rotates it and adds a constant, so that checksums of checksums stay useful.
    crc = google_crc32c.value(content)
    if struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF) != stored:
        raise _Malformed(f"the checksum of the record's {part} is wrong")


# ---------------------------------------------------------------------- records

# tf.train.Example, whose every field is length-delimited (number << 3 | 2, length, content):
#   Example { 1: Features }   Features { 1: Entry, again and again }   Entry { 1: name, 2: Feature }
#   Feature { one of 1: BytesList, 2: FloatList, 3: Int64List }   BytesList { 1: string, again and again }
#   FloatList { 1: all values, packed }


def _parse(payload: memoryview, features: Mapping[str, Feature]) -> dict[str, np.ndarray]:
    record: dict[str, np.ndarray] = {}
    for entry in _entries(payload):
        if set(entry) != {1, 2}:
            raise _Malformed("an entry is not a name with a feature")
        name = bytes(entry[1][:100]).decode(errors="replace")
        if name not in features:
            raise _Malformed(f"unknown feature {name!r}; expected are {', '.join(features)}")
        if name in record:
            raise _Malformed(f"feature {name!r} occurs twice")
        try:
            record[name] = _values(entry[2], features[name])
        except _Malformed as error:
            raise _Malformed(f"feature {name!r}: {error}") from None
    if missing := [name for name in features if name not in record]:
        raise _Malformed(f"feature {missing[0]!r} is missing")
    return record


def _entries(payload: memoryview) -> Iterator[dict[int, memoryview]]:
    number, entries = _only(payload)
    if number != 1:
        raise _Malformed("this is not a tf.train.Example")
    for _, entry in _fields(entries):
        parts: dict[int, memoryview] = {}
        for number, content in _fields(entry):
            if number in parts:
                raise _Malformed("an entry is not a name with a feature")
            parts[number] = content
        yield parts


def _values(message: memoryview, feature: Feature) -> np.ndarray:
    number, content = _only(message)
    if number != _LIST[feature.kind]:
        raise _Malformed(f"{_LIST_NAMES.get(number, 'a list of unknown kind')} instead of {feature.kind} values")
    values = _bytes(content) if feature.kind == "uint8" else _floats(content)
    if values.size != math.prod(feature.shape):
        raise _Malformed(f"{values.size} values do not fit the shape {feature.shape}")
    return values.reshape(feature.shape)


def _bytes(content: memoryview) -> np.ndarray:
    wire = np.frombuffer(content, np.uint8)
    if wire.size % 3 == 0 and (wire[0::3] == 0x0A).all() and (wire[1::3] == 1).all():
        return wire[2::3].copy()  # a string of one byte for every value
    return np.frombuffer(_only(content)[1], np.uint8).copy()  # one string for all values, as other writers do


def _floats(content: memoryview) -> np.ndarray:
    packed = _only(content)[1]
    if len(packed) % 4:
        raise _Malformed(f"{len(packed)} bytes are not a multiple of 4, the size of a float")
    return np.frombuffer(packed, "<f4").astype(np.float32)


def _only(message: memoryview) -> tuple[int, memoryview]:
    """Returns number and content of the only field of a message."""
    fields = _fields(message)
    first = next(fields, None)
    if first is None or next(fields, None) is not None:
        raise _Malformed(f"{'no field' if first is None else 'several fields'} instead of one")
    return first


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yields number and content of each field of a message; all must be length-delimited."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 != 2:
            raise _Malformed("this is not a tf.train.Example")
        length, at = _varint(message, at)
        if length > len(message) - at:
            raise _Malformed("a field is longer than its message")
        yield key >> 3, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Decodes a varint, seven bits a byte, least significant first; returns it and the position after it."""
    value = 0
    for shift, byte in zip(range(0, 70, 7), message[at : at + 10], strict=False):
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + shift // 7 + 1
    raise _Malformed("a field's number or length is not terminated")

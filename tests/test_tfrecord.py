"""Tests of TFRecord files and the published data sets' records: read exactly, faults named."""

import gzip
import io
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monet.data.stored import tfrecord
from monet.data.stored.sources import SOURCES, Source
from monet.data.stored.tfrecord import Feature, RecordError

MINI = Path(__file__).parents[2] / "shared" / "real" / "tetrominoes_mini.tfrecords"
SMALL = {"image": Feature((2, 3, 3)), "mask": Feature((2, 2, 3, 1)), "x": Feature((2,), "float32")}

# --- a writer, after the wire format alone


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def strings_of_one_byte(values: np.ndarray) -> bytes:
    wire = np.empty((values.size, 3), np.uint8)
    wire[:] = 0x0A, 1, 0
    wire[:, 2] = values.ravel()
    return wire.tobytes()


def entry(name: str, values: np.ndarray) -> bytes:
    if values.dtype == np.uint8:
        return field(1, field(1, name.encode()) + field(2, field(1, strings_of_one_byte(values))))
    return field(1, field(1, name.encode()) + field(2, field(2, field(1, values.astype("<f4").tobytes()))))


def example(record: Mapping[str, np.ndarray]) -> bytes:
    return field(1, b"".join(entry(name, values) for name, values in record.items()))


def checksum(content: bytes) -> bytes:
    crc = google_crc32c.value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def frame(payload: bytes) -> bytes:
    length = struct.pack("<Q", len(payload))
    return length + checksum(length) + payload + checksum(payload)


def file_of(records: Iterable[Mapping[str, np.ndarray]]) -> bytes:
    return b"".join(frame(example(record)) for record in records)


def random_record(features: Mapping[str, Feature], seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        name: rng.integers(0, 256, f.shape, np.uint8) if f.kind == "uint8" else rng.random(f.shape, np.float32)
        for name, f in features.items()
    }


def read(content: bytes, features: Mapping[str, Feature] = SMALL) -> list[dict[str, np.ndarray]]:
    return list(tfrecord.records(io.BufferedReader(io.BytesIO(content)), "a.tfrecords", features))


def refusal(content: bytes, record: int, features: Mapping[str, Feature] = SMALL) -> str:
    """The reason that a file is refused with, checked to name the file and the record."""
    with pytest.raises(RecordError) as caught:
        read(content, features)
    error = caught.value
    assert (error.file, error.record) == ("a.tfrecords", record)
    message = str(error)
    assert message == f"a.tfrecords, record {record}: {error.reason}" and "\n" not in message and len(message) < 250
    return error.reason


SOME = [random_record(SMALL, seed) for seed in range(3)]
WHOLE = file_of(SOME)
ONE = len(WHOLE) // 3

# --- what is right


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_records_come_back_in_order_and_own_their_memory(pack: type) -> None:
    found = read(pack(WHOLE))
    assert len(found) == 3
    for record, original in zip(found, SOME, strict=True):
        assert record.keys() == original.keys()
        for name, values in record.items():
            assert values.dtype == original[name].dtype and values.flags.writeable
            np.testing.assert_array_equal(values, original[name])


def test_the_order_of_features_is_free_and_a_gzip_file_may_have_members() -> None:
    turned = file_of(dict(reversed(record.items())) for record in SOME)
    found = read(gzip.compress(WHOLE[:ONE]) + gzip.compress(turned[ONE:]))
    for record, original in zip(found, SOME, strict=True):
        for name in SMALL:
            np.testing.assert_array_equal(record[name], original[name])


def test_one_string_for_a_whole_tensor_is_read_too() -> None:
    values = np.arange(18, dtype=np.uint8)
    whole = field(1, field(1, b"image") + field(2, field(1, field(1, values.tobytes()))))
    (record,) = read(frame(field(1, whole)), {"image": SMALL["image"]})
    np.testing.assert_array_equal(record["image"], values.reshape(2, 3, 3))


def test_an_empty_file_has_no_records() -> None:
    assert read(b"") == read(gzip.compress(b"")) == []


@pytest.mark.slow
def test_only_what_is_asked_for_is_read() -> None:
    class Tap(io.BytesIO):
        taken = 0

        def readinto(self, buffer: bytearray) -> int:
            size = super().readinto(buffer)
            self.taken += size
            return size

    features = {"image": Feature((64, 64, 3))}
    tap = Tap(gzip.compress(file_of(random_record(features, seed) for seed in range(400)), 1))
    stream = tfrecord.records(io.BufferedReader(tap), "a.tfrecords", features)
    for _ in range(3):
        next(stream)
    assert tap.taken < len(tap.getvalue()) / 3


# --- what is wrong


def test_a_torn_tail_is_named() -> None:
    for cut in range(1, ONE):
        assert "ends" in refusal(WHOLE[: ONE + cut], 1)


def test_a_torn_gzip_stream_is_named() -> None:
    packed = gzip.compress(file_of(random_record(SMALL, seed) for seed in range(50)))
    for cut in (4, 12, len(packed) // 2, len(packed) - 1):
        with pytest.raises(RecordError, match="incomplete"):
            read(packed[:cut])


def test_damage_in_a_gzip_stream_is_named() -> None:
    packed = bytearray(gzip.compress(WHOLE))
    packed[len(packed) // 2 : len(packed) // 2 + 8] = b"\xff" * 8
    with pytest.raises(RecordError):
        read(bytes(packed))
    assert "damaged" in refusal(gzip.compress(WHOLE) + b"more", 3)
    assert "damaged" in refusal(gzip.compress(WHOLE)[:-8] + bytes(8), 2)  # zlib checks the end with the last byte
    stored = bytearray(gzip.compress(WHOLE, 0))
    stored[stored.index(WHOLE) + 2 * ONE + 5] ^= 1
    assert "checksum of the record's length" in refusal(bytes(stored), 2)


@pytest.mark.parametrize(
    ("at", "part"), [(0, "length"), (7, "length"), (9, "length"), (12, "content"), (-1, "content")]
)
def test_every_byte_is_under_a_checksum(at: int, part: str) -> None:
    damaged = bytearray(WHOLE)
    damaged[ONE + at if at >= 0 else 2 * ONE + at] ^= 0x10
    assert refusal(bytes(damaged), 1) == f"the checksum of the record's {part} is wrong"


def test_a_length_beyond_the_limit_is_refused_before_reading() -> None:
    for size in (tfrecord.MAX_RECORD + 1, 2**63, 2**64 - 1):
        length = struct.pack("<Q", size)
        assert "exceeds the limit" in refusal(WHOLE + length + checksum(length) + bytes(1000), 3)


def payload(*entries: bytes) -> bytes:
    return frame(field(1, b"".join(entries)))


GOOD = {name: entry(name, values) for name, values in SOME[0].items()}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (payload(GOOD["image"], GOOD["x"]), "feature 'mask' is missing"),
        (payload(), "feature 'image' is missing"),
        (payload(*GOOD.values(), entry("y", SOME[0]["x"])), "unknown feature 'y'; expected are image, mask, x"),
        (payload(*GOOD.values(), entry("n" * 10**6, SOME[0]["x"])), "unknown feature 'nnn"),
        (payload(*GOOD.values(), entry("\n\x00", SOME[0]["x"])), "unknown feature '\\n\\x00'"),
        (payload(*GOOD.values(), GOOD["x"]), "feature 'x' occurs twice"),
        (payload(entry("image", SOME[0]["mask"])), "feature 'image': 12 values do not fit the shape (2, 3, 3)"),
        (payload(entry("x", np.zeros(3, np.float32))), "feature 'x': 3 values do not fit the shape (2,)"),
        (payload(entry("x", np.zeros(2, np.uint8))), "feature 'x': bytes instead of float32 values"),
        (payload(entry("image", np.zeros(18, np.float32))), "feature 'image': floats instead of uint8 values"),
        (payload(field(1, field(1, b"x") + field(2, field(3, field(1, b"\0\0"))))), "integers instead of float32"),
        (payload(field(1, field(1, b"x") + field(2, field(9, b"")))), "unknown kind instead of float32"),
        (payload(field(1, field(1, b"x") + field(2, field(2, field(1, b"12345"))))), "not a multiple of 4"),
        (payload(field(1, field(1, b"x") + field(2, field(2, b"")))), "feature 'x': no field instead of one"),
        (payload(field(1, field(1, b"x"))), "not a name with a feature"),
        (payload(field(1, field(1, b"x") + field(1, b"x"))), "not a name with a feature"),
        (frame(b""), "no field instead of one"),
        (frame(b"Tetrominoes"), "not a tf.train.Example"),
        (frame(field(2, b"")), "not a tf.train.Example"),
        (frame(b"\x0a\x05\x00"), "longer than its message"),
        (frame(b"\xff" * 30), "is not terminated"),
        (frame(b"\x0a\x80"), "is not terminated"),
    ],
)
def test_a_wrong_record_is_named(content: bytes, reason: str) -> None:
    assert reason in refusal(WHOLE + content, 3)


# --- fuzzing: whatever the bytes are, records of the right shapes or a RecordError, in little time and memory


def check_fuzzed(content: bytes) -> None:
    try:
        for record in tfrecord.records(io.BufferedReader(io.BytesIO(content)), "fuzz", SMALL):
            assert {name: values.shape for name, values in record.items()} == {n: f.shape for n, f in SMALL.items()}
    except RecordError as error:
        assert error.reason and len(str(error)) < 300


def with_edits(content: bytes, edits: list[tuple[float, bytes]], cut: float) -> bytes:
    for position, replacement in edits:
        at = int(position * len(content))
        content = content[:at] + replacement + content[at + 1 :]
    return content[: int(cut * len(content)) + 1]


share = st.floats(0, 1, exclude_max=True)
edits = st.lists(st.tuples(share, st.binary(max_size=4)), max_size=4)


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x1f\x8b\x08", gzip.compress(b"")[:10]]))
@settings(max_examples=150, deadline=None)
def test_any_bytes(content: bytes, start: bytes) -> None:
    check_fuzzed(start + content)


@pytest.mark.slow
@given(edits, share, st.booleans())
@settings(max_examples=200, deadline=None)
def test_edited_files(changes: list[tuple[float, bytes]], cut: float, packed: bool) -> None:
    check_fuzzed(with_edits(gzip.compress(WHOLE) if packed else WHOLE, changes, cut))


@pytest.mark.slow
@given(edits, share)
@settings(max_examples=300, deadline=None)
def test_edited_records_with_good_checksums(changes: list[tuple[float, bytes]], cut: float) -> None:
    check_fuzzed(frame(with_edits(example(SOME[0]), changes, cut)))


LONGEST = struct.pack("<Q", tfrecord.MAX_RECORD)
HOSTILE: dict[str, Callable[[], bytes]] = {
    "entries": lambda: frame(field(1, b"\x0a\x00" * 2**23)),
    "maps": lambda: frame(b"\x0a\x00" * 2**23),
    "parts": lambda: frame(field(1, field(1, b"\x0a\x00\x12\x00" * 2**22))),
    "empty strings": lambda: payload(field(1, field(1, b"image") + field(2, field(1, b"\x0a\x00" * 2**23)))),
    "values": lambda: payload(field(1, field(1, b"image") + field(2, field(1, b"\x0a\x01\x00" * 2**23)))),
    "short": lambda: LONGEST + checksum(LONGEST) + bytes(100),
    "bomb": lambda: gzip.compress(LONGEST + checksum(LONGEST) + bytes(2**26 + 2**20), 1),
    "members": lambda: gzip.compress(b"") * 40_000,
    "name": lambda: b"\x1f\x8b\x08\x08" + b"name" * 2**19,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_take_little_time_and_memory(name: str) -> None:
    content = HOSTILE[name]()
    tracemalloc.start()
    started = time.process_time()
    check_fuzzed(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - started < 5 and peak < 200e6


# --- the data sets


def masks_of(labels: np.ndarray, rows: int) -> np.ndarray:
    """One-hot masks K,H,W,1 as the files hold them."""
    return (labels == np.arange(rows)[:, None, None]).astype(np.uint8)[..., None] * 255


def record_of(source: Source, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A random record of a data set as its file holds it, and the label map of the whole picture."""
    record = random_record(source.features, seed)
    shape = record["mask"].shape
    rows, height, width = (shape[2], *shape[:2]) if source.masks_last else shape[:3]
    blocks = np.random.default_rng(seed).integers(0, rows, (height // 5 + 1, width // 5 + 1))
    labels = blocks.repeat(5, axis=0).repeat(5, axis=1)[:height, :width]
    masks = masks_of(labels, rows)
    record["mask"] = masks.transpose(1, 2, 0, 3) if source.masks_last else masks
    return record, labels


@pytest.mark.parametrize("name", SOURCES)
def test_a_record_becomes_a_picture_with_labels(name: str) -> None:
    source = SOURCES[name]
    record, labels = record_of(source)
    (found,) = read(gzip.compress(file_of([record]), 1), source.features)
    image, label_map = source.decode(found)
    assert image.dtype == label_map.dtype == np.uint8
    assert image.shape == (source.size, source.size, 3) and label_map.shape == image.shape[:2]
    if source.crop:
        whole = record["image"][29:221, 64:256].astype(float).reshape(64, 3, 64, 3, 3).mean(axis=(1, 3))
        np.testing.assert_allclose(image.astype(float), whole, atol=1)
        np.testing.assert_array_equal(label_map, labels[30:221:3, 65:256:3])
    else:
        np.testing.assert_array_equal(image, np.broadcast_to(record["image"], image.shape))
        np.testing.assert_array_equal(label_map, labels)


@pytest.mark.parametrize(("objects", "kept"), [(3, True), (6, True), (7, False), (10, False)])
def test_clevr6_has_six_objects_at_most_and_the_background_is_none(objects: int, kept: bool) -> None:
    visibility = (np.arange(11) <= objects).astype(np.float32)
    assert SOURCES["clevr6"].keeps({"visibility": visibility}) is kept
    assert SOURCES["clevr"].keeps({"visibility": visibility})


def test_the_genuine_file() -> None:
    if not MINI.exists():
        pytest.skip("the genuine sample is not there")
    source = SOURCES["tetrominoes"]
    with MINI.open("rb") as stream:
        found = list(tfrecord.records(stream, MINI.name, source.features))
    assert len(found) == 10
    for record in found:
        assert (record["mask"].sum(axis=0, dtype=int) == 255).all() and record["visibility"].sum() == 4
        image, labels = source.decode(record)
        np.testing.assert_array_equal(np.bincount(labels.ravel()), [35 * 35 - 300, 100, 100, 100])
        np.testing.assert_array_equal(image.any(axis=2), labels > 0)
        for label in (1, 2, 3):
            rows, columns = np.nonzero(labels == label)
            assert (rows.min(), columns.min()) == (record["x"][label], record["y"][label])


@pytest.mark.slow
def test_objects_room_comes_at_a_thousand_records_a_second() -> None:
    source = SOURCES["objects_room"]
    content = gzip.compress(file_of([record_of(source, seed)[0] for seed in range(15)] * 10), 6)
    started = time.process_time()
    for record in tfrecord.records(io.BufferedReader(io.BytesIO(content)), "a.tfrecords", source.features):
        source.decode(record)
    assert 150 / (time.process_time() - started) > 1000

"""Tests of downloads from a local server: no more is fetched than needed, and no failure leaves a partial store."""

import errno
import gzip
import http.client
import http.server
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from tqdm import tqdm

from monet.data import __main__
from monet.data.stored import download as module
from monet.data.stored import remote, store
from monet.data.stored.download import DownloadError, download
from monet.data.stored.sources import SOURCES, Source
from monet.data.stored.store import Stored, StoreError
from monet.data.stored.tfrecord import RecordError
from tests.test_tfrecord import file_of, record_of

pytestmark = pytest.mark.slow  # a server answers each test

MINI = Path(__file__).parents[2] / "shared" / "real" / "tetrominoes_mini.tfrecords"
TETROMINOES = SOURCES["tetrominoes"]


@dataclass
class Site:
    """A server with one file and selectable faults.

    Attributes:
        content: of the file.
        etag, date: headers; None: not sent.
        breaks: bytes after which the connections break, one after the other; then none breaks.
        stalls: whether a connection that breaks stays open in silence.
        ranges: whether a Range request is answered as asked, as if it had not been asked, from a wrong position, not
            at all (416), or whatever it holds for.
        length: whether Content-Length is sent.
        statuses: to answer with, one after the other; 200 is with the file, and so is what comes after the last one.
        asked: the Range header of every request so far.
        sent: bytes so far.
    """

    content: bytes = b""
    etag: str | None = '"one"'
    date: str | None = None
    breaks: list[int] = field(default_factory=list)
    stalls: bool = False
    ranges: str = "good"
    length: bool = True
    statuses: list[int] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)
    sent: int = 0
    url: str = ""


class Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, site: Site, *arguments: object):
        self.site = site
        super().__init__(*arguments)

    def do_GET(self) -> None:
        site = self.site
        asked = self.headers["Range"]
        site.asked.append(asked)
        status = site.statuses.pop(0) if site.statuses else 200
        if status != 200:
            self.send_response(status)
            self.end_headers()
            return
        start = 0
        if asked and (site.ranges == "anyway" or self.headers["If-Range"] in (site.etag, site.date)):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if asked and site.ranges == "none":
            self.send_response(416)
            self.end_headers()
            return
        if start and site.ranges != "ignored":
            shift = 7 if site.ranges == "shifted" else 0
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start - shift}-{len(site.content) - 1}/{len(site.content)}")
            body = site.content[start - shift :]
        else:
            self.send_response(200)
            body = site.content
        if site.length:
            self.send_header("Content-Length", str(len(body)))
        if site.etag:
            self.send_header("ETag", site.etag)
        if site.date:
            self.send_header("Last-Modified", site.date)
        self.end_headers()
        stop = site.breaks.pop(0) if site.breaks else len(body)
        try:
            for at in range(0, min(stop, len(body)), 2**14):
                site.sent += self.wfile.write(body[at : min(at + 2**14, stop)])
        except ConnectionError:
            return
        if site.stalls and stop < len(body):
            time.sleep(0.6)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site(packed(range(60)))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, site))
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_port}/tetrominoes.tfrecords"
    thread = threading.Thread(target=partial(server.serve_forever, 0.02))
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSE", 0.0)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


record = cache(lambda seed: record_of(TETROMINOES, seed))


@cache
def packed(seeds: range) -> bytes:
    return gzip.compress(file_of(record(seed)[0] for seed in seeds), 1)


def check(stored: Stored, seeds: range) -> None:
    """Asserts that the store holds the scenes of these records, and that no other file is left."""
    stored.verify()
    assert len(stored) == len(seeds)
    for index, seed in enumerate(seeds):
        original, labels = record(seed)
        np.testing.assert_array_equal(stored.images[index], original["image"])
        np.testing.assert_array_equal(stored.labels[index], labels)
    assert os.listdir(stored.path.parent) == [stored.path.name]


def sentence(error: Exception) -> str:
    message = str(error)
    assert message.endswith(".") and "\n" not in message and "Errno" not in message and len(message) < 250
    return message


def refusal(url: str | Path, folder: Path, count: int = 20) -> str:
    """Returns the message of a download that fails and leaves no store."""
    with pytest.raises(DownloadError) as caught:
        download("tetrominoes", count, folder, url)
    assert not (folder / "tetrominoes").exists()
    return sentence(caught.value)


def kept(folder: Path) -> int:
    return (folder / "tetrominoes.part" / "stream").stat().st_size


# --- what goes well


def test_the_first_scenes_are_stored(site: Site, tmp_path: Path) -> None:
    stored = download("tetrominoes", 20, tmp_path / "new" / "data", site.url)
    check(stored, range(20))
    assert stored.about.source == site.url and stored.about.licence and "Kabra" in stored.about.citation
    assert site.asked == [None]


def test_the_rest_is_not_fetched(site: Site, tmp_path: Path) -> None:
    site.content = gzip.compress(file_of(record(seed)[0] for seed in range(20)), 0)
    site.content += os.urandom(30_000_000)
    check(download("tetrominoes", 5, tmp_path, site.url), range(5))
    assert site.sent < 15_000_000  # what the sockets' buffers took


def test_the_whole_file_is_what_there_is(site: Site, tmp_path: Path) -> None:
    check(download("tetrominoes", 10**9, tmp_path, site.url), range(60))


@pytest.mark.parametrize("how", ["plain", "without length", "with a date", "without identity"])
def test_servers_differ(site: Site, tmp_path: Path, how: str) -> None:
    if how == "plain":
        site.content = gzip.decompress(site.content)
    if how == "without length":
        site.length = False
    if how in ("with a date", "without identity"):
        site.etag = None
    if how == "with a date":
        site.date = "Wed, 21 Oct 2015 07:28:00 GMT"
    check(download("tetrominoes", 60, tmp_path, site.url), range(60))


def test_what_is_there_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    for count in (20, 20, 5):
        check(download("tetrominoes", count, tmp_path, site.url), range(20))
    assert len(site.asked) == 1
    check(download("tetrominoes", 40, tmp_path, site.url), range(40))
    assert site.asked == [None, None]
    other = Path(tmp_path / "data.tfrecords")
    other.write_bytes(packed(range(70, 75)))
    stored = download("tetrominoes", 5, tmp_path, other)
    other.unlink()
    check(stored, range(70, 75))


def test_a_damaged_store_is_replaced(site: Site, tmp_path: Path) -> None:
    stored = download("tetrominoes", 20, tmp_path, site.url)
    os.truncate(stored.path / store.IMAGES, 1000)
    check(download("tetrominoes", 20, tmp_path, site.url), range(20))


# --- interruptions


def test_a_broken_connection_is_taken_up_again(site: Site, tmp_path: Path) -> None:
    site.breaks = [50_000, 1, 30_000]
    check(download("tetrominoes", 60, tmp_path, site.url), range(60))
    assert site.asked == [None, "bytes=50000-", "bytes=50001-", "bytes=80001-"]


def test_a_connection_that_stalls_is_taken_up_again(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "TIMEOUT", 0.3)
    site.breaks, site.stalls = [200_000], True
    check(download("tetrominoes", 60, tmp_path, site.url), range(60))
    first, second, *_ = site.asked
    assert first is None and second is not None and 100_000 < int(second[6:-1]) <= 200_000


def test_a_busy_server_is_asked_again_once_it_has_answered(site: Site, tmp_path: Path) -> None:
    site.breaks, site.statuses = [50_000], [200, 503, 429]
    check(download("tetrominoes", 60, tmp_path, site.url), range(60))
    assert site.asked == [None] + ["bytes=50000-"] * 3


def test_a_second_start_goes_on(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "RETRIES", 0)
    site.breaks = [50_000, 40_000]
    for size in (50_000, 90_000):
        assert "repeat the command to resume" in refusal(site.url, tmp_path, 60)
        assert kept(tmp_path) == size
    check(download("tetrominoes", 60, tmp_path, site.url), range(60))
    assert site.asked == [None, "bytes=50000-", "bytes=90000-"]
    assert site.sent == len(site.content)


def test_a_second_start_needs_no_network_for_what_is_kept(site: Site, tmp_path: Path) -> None:
    site.breaks = [160_000] + [0] * 5
    assert "broke after 0.2 MB" in refusal(site.url, tmp_path, 60)
    site.asked = []
    assert len(download("tetrominoes", 20, tmp_path, site.url)) == 20
    assert site.asked == []


def test_control_c_keeps_what_has_arrived(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = Source.decode

    def interrupted(source: Source, record: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        if len(calls) == 10:
            raise KeyboardInterrupt
        calls.append(record)
        return decode(source, record)

    calls: list[dict[str, np.ndarray]] = []
    monkeypatch.setattr(Source, "decode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        download("tetrominoes", 60, tmp_path, site.url)
    assert os.listdir(tmp_path) == ["tetrominoes.part"] and kept(tmp_path) > 10_000
    assert set(os.listdir(tmp_path / "tetrominoes.part")) == {"stream", "stream.json"}
    monkeypatch.setattr(Source, "decode", decode)
    check(download("tetrominoes", 60, tmp_path, site.url), range(60))


# --- what is kept no longer fits


def interrupt(site: Site, folder: Path, size: int = 50_000) -> None:
    site.breaks = [size] + [0] * remote.RETRIES
    refusal(site.url, folder, 60)
    assert kept(folder) == size
    site.asked.clear()


def test_a_changed_file_is_fetched_from_its_beginning(site: Site, tmp_path: Path) -> None:
    interrupt(site, tmp_path)
    site.etag, site.content = '"two"', packed(range(100, 160))
    check(download("tetrominoes", 60, tmp_path, site.url), range(100, 160))
    assert site.asked == ["bytes=50000-", None]


def test_a_file_that_changes_on_the_way_is_fetched_from_its_beginning(site: Site, tmp_path: Path) -> None:
    site.breaks = [50_000]
    content, site.content = site.content, packed(range(100, 160))
    original = module.Remote._disconnect

    def change(remote: module.Remote) -> None:
        site.etag, site.content = '"two"', content
        original(remote)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.Remote, "_disconnect", change)
        check(download("tetrominoes", 60, tmp_path, site.url), range(60))
    assert site.asked == [None, "bytes=50000-", None]


@pytest.mark.parametrize("ranges", ["ignored", "shifted", "none"])
def test_a_server_that_does_not_go_on_is_asked_from_the_beginning(site: Site, tmp_path: Path, ranges: str) -> None:
    interrupt(site, tmp_path)
    site.ranges = ranges
    check(download("tetrominoes", 60, tmp_path, site.url), range(60))
    assert site.asked == ["bytes=50000-", None]


@pytest.mark.parametrize("etag", ['"two"', None])
def test_a_server_that_goes_on_with_another_file_is_found_out(site: Site, tmp_path: Path, etag: str | None) -> None:
    interrupt(site, tmp_path)
    site.ranges, site.etag, site.content = "anyway", etag, packed(range(100, 160))
    if etag is None:  # nothing but the content tells
        site.content = site.content[:].ljust(len(site.content), b"\0")
    check(download("tetrominoes", 60, tmp_path, site.url), range(100, 160))
    assert site.asked == ["bytes=50000-", None]


def test_without_identity_nothing_is_kept_for_later(site: Site, tmp_path: Path) -> None:
    site.etag = None
    site.breaks = [50_000]
    check(download("tetrominoes", 60, tmp_path, site.url), range(60))
    assert site.asked == [None, None]


def test_a_server_that_always_breaks_and_never_goes_on_is_given_up(site: Site, tmp_path: Path) -> None:
    site.ranges, site.breaks = "ignored", [50_000] * 10
    assert "changes during the download" in refusal(site.url, tmp_path, 60)
    assert len(site.asked) == 6


@pytest.mark.parametrize("damage", ["byte", "longer", "note", "no note", "other address", "no stream"])
def test_what_is_kept_is_verified(site: Site, tmp_path: Path, damage: str) -> None:
    interrupt(site, tmp_path)
    stream, note = (tmp_path / "tetrominoes.part" / name for name in ("stream", "stream.json"))
    if damage == "byte":
        content = bytearray(stream.read_bytes())
        content[20_000:20_010] = bytes(10)
        stream.write_bytes(content)
    elif damage == "longer":
        stream.write_bytes(stream.read_bytes() + bytes(10**6))
    elif damage == "note":
        note.write_text('{"url":')
    elif damage == "no note":
        note.unlink()
    elif damage == "no stream":
        stream.unlink()
    else:
        note.write_text(note.read_text().replace("tetrominoes", "clevr"))
    check(download("tetrominoes", 60, tmp_path, site.url), range(60))
    assert site.asked[-1] is None


# --- the file itself


def test_a_damaged_file_is_told_and_not_kept(site: Site, tmp_path: Path) -> None:
    plain = gzip.decompress(site.content)
    site.content = plain[: len(plain) // 2] + b"wrong" + plain[len(plain) // 2 + 5 :]
    for _ in range(2):
        with pytest.raises(RecordError, match="record 30: the checksum") as caught:
            download("tetrominoes", 60, tmp_path, site.url)
        assert caught.value.file == site.url and os.listdir(tmp_path) == []
    assert site.asked == [None, None]
    check(download("tetrominoes", 30, tmp_path, site.url), range(30))


def test_another_file_is_told(site: Site, tmp_path: Path) -> None:
    site.content = file_of([record_of(SOURCES["objects_room"])[0]])
    with pytest.raises(RecordError, match=r"feature 'image': 12288 values do not fit the shape \(35, 35, 3\)"):
        download("tetrominoes", 1, tmp_path, site.url)
    site.content = b"<html>Log in to the network</html>"
    with pytest.raises(RecordError, match="record 0"):
        download("tetrominoes", 1, tmp_path, site.url)
    assert os.listdir(tmp_path) == []


def test_clevr6_counts_scenes_and_not_records(site: Site, tmp_path: Path) -> None:
    any_record = record_of(SOURCES["clevr6"])[0]
    records = [
        {**any_record, "visibility": (np.arange(11) <= objects).astype(np.float32)} for objects in (9, 3, 7, 6, 10, 4)
    ]
    site.content = gzip.compress(file_of(records), 1)
    assert len(download("clevr6", 2, tmp_path, site.url)) == 2
    assert len(download("clevr6", 9, tmp_path, site.url)) == 3
    assert len(download("clevr", 9, tmp_path, site.url)) == 6
    site.content = gzip.compress(file_of(records[:1]), 1)
    with pytest.raises(RecordError, match="without a scene"):
        download("clevr6", 2, tmp_path / "other", site.url)


def test_objects_room_knows_its_background(site: Site, tmp_path: Path) -> None:
    site.content = file_of(record_of(SOURCES["objects_room"], seed)[0] for seed in range(2))
    stored = download("objects_room", 2, tmp_path, site.url)
    assert stored.scene(1).background == (0, 1, 2, 3) and "one wall" in stored.about.note


# --- a file that is there already


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_local_file(tmp_path: Path, pack: type) -> None:
    file = tmp_path / "some.tfrecords"
    file.write_bytes(pack(gzip.decompress(packed(range(7)))))
    check(download("tetrominoes", 5, tmp_path / "data", file), range(5))
    check(download("tetrominoes", 100, tmp_path / "data", str(file)), range(7))


def test_the_genuine_file(tmp_path: Path) -> None:
    if not MINI.exists():
        pytest.skip("the genuine sample is not there")
    stored = download("tetrominoes", 10, tmp_path, MINI)
    stored.verify()
    assert len(stored) == 10 and [len(np.unique(labels)) for labels in stored.labels] == [4] * 10


def test_a_torn_local_file(tmp_path: Path) -> None:
    file = tmp_path / "some.tfrecords"
    content = packed(range(7))
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(RecordError, match="record 3: the compressed stream ends too early"):
        download("tetrominoes", 7, tmp_path / "data", file)
    check(download("tetrominoes", 3, tmp_path / "data", file), range(3))


def test_no_local_file(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "some.tfrecords", tmp_path)
    assert "directory" in refusal(tmp_path, tmp_path)


# --- one clear sentence


def test_unknown_names_and_counts(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="choose one of tetrominoes, multi_dsprites"):
        download("mnist", 1, tmp_path)
    with pytest.raises(DownloadError, match="less than one"):
        download("clevr", 0, tmp_path)


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "no file at"), (407, "requires a login"), (403, "403 Forbidden"), (503, "503 Service"), (599, "599")],
)
def test_an_error_of_the_server(site: Site, tmp_path: Path, status: int, words: str) -> None:
    site.statuses = [status]
    assert words in refusal(site.url, tmp_path)
    assert os.listdir(tmp_path) == [] and len(site.asked) == 1


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def test_no_network(tmp_path: Path) -> None:
    message = refusal(f"http://127.0.0.1:{closed_port()}/file", tmp_path)
    assert "There is no connection to 127.0.0.1 (Connection refused)" in message
    assert "no connection to nowhere.invalid" in refusal("https://nowhere.invalid/file", tmp_path)
    assert "HTTP_PROXY" in refusal("http:///file", tmp_path)
    assert os.listdir(tmp_path) == []


def test_no_network_with_something_kept(site: Site, tmp_path: Path) -> None:
    interrupt(site, tmp_path)
    site.statuses = [503]
    assert "503 Service Unavailable" in refusal(site.url, tmp_path, 60)
    assert kept(tmp_path) == 50_000


def test_a_proxy_that_is_not_there_or_refuses(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://user:secret@127.0.0.1:{closed_port()}")
    message = refusal("https://nowhere.invalid/file", tmp_path)
    assert "through the proxy of HTTPS_PROXY (Connection refused): check that proxy" in message
    assert "secret" not in message
    monkeypatch.setenv("https_proxy", site.url.removesuffix("/tetrominoes.tfrecords"))  # knows no CONNECT
    assert "through the proxy of HTTPS_PROXY (Tunnel connection failed: 501" in refusal(
        "https://nowhere.invalid/file", tmp_path
    )


def test_what_does_not_speak_http(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example.org ready\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert "no connection" in refusal(f"http://127.0.0.1:{server.getsockname()[1]}/file", tmp_path)
        thread.join()


def test_too_little_room_is_told_before_fetching(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 10**5, 10**5))
    message = refusal(site.url, tmp_path)
    assert message.startswith("20 scenes of Tetrominoes need about 0.1 MB") and "where 0.1 MB are free" in message
    assert site.asked == [] and os.listdir(tmp_path) == []
    assert "need about 528.0 MB" in refusal(site.url, tmp_path, 10**5)
    file = tmp_path / "some.tfrecords"
    file.write_bytes(packed(range(5)))
    assert "need about" in refusal(file, tmp_path, 10**9)
    monkeypatch.undo()
    assert len(download("tetrominoes", 10**9, tmp_path, file)) == 5


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("where", ["arrays", "stream"])
def test_a_disk_that_fills_up(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, where: str
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    interrupt(site, tmp_path)
    with monkeypatch.context() as patch:
        if where == "arrays":
            patch.setattr(store.Column, "add", full)
        else:
            patch.setattr(module.Remote, "_receive", full)
        assert "is full: free some space and repeat the command" in refusal(site.url, tmp_path, 60)
    assert kept(tmp_path) == 50_000
    check(download("tetrominoes", 60, tmp_path, site.url), range(60))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_stream_on_a_full_disk(site: Site, tmp_path: Path) -> None:
    work = tmp_path / "tetrominoes.part"
    work.mkdir()
    (work / "stream").symlink_to("/dev/full")
    assert "is full" in refusal(site.url, tmp_path)


def test_a_folder_that_cannot_be_written(site: Site, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    message = refusal(site.url, tmp_path / "data")
    assert "cannot be used" in message and str(tmp_path) in message


@pytest.mark.skipif(sys.platform == "win32", reason="no lock on folders")
def test_two_do_not_download_the_same(site: Site, tmp_path: Path) -> None:
    with store.workshop(tmp_path / "tetrominoes"), pytest.raises(StoreError, match="Another process"):
        download("tetrominoes", 5, tmp_path, site.url)
    assert site.asked == []


def test_something_in_the_way_is_left_alone(site: Site, tmp_path: Path) -> None:
    (tmp_path / "tetrominoes").mkdir()
    (tmp_path / "tetrominoes" / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="in the way"):
        download("tetrominoes", 5, tmp_path, site.url)
    assert os.listdir(tmp_path / "tetrominoes") == ["notes.txt"] and site.asked == []


# --- the command line


def test_the_command(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Eager(tqdm):
        def __init__(self, **options: object):
            super().__init__(**{**options, "mininterval": 0})

    monkeypatch.setattr(module, "tqdm", Eager)
    monkeypatch.setenv("MONET_DATA", str(tmp_path))
    arguments = ["monet.data", "download", "tetrominoes", "--count", "70", "--from", site.url]
    monkeypatch.setattr(sys, "argv", arguments)
    __main__.main()
    output = capsys.readouterr()
    assert "60 scenes of Tetrominoes, genuine are in" in output.out and "holds no more scenes" in output.out
    assert "Licence:" in output.out and "60 records, 0.4 MB" in output.err
    check(store.stored("tetrominoes"), range(60))
    monkeypatch.setattr(sys, "argv", [*arguments[:-1], f"http://127.0.0.1:{closed_port()}/file"])
    with pytest.raises(SystemExit) as caught:
        __main__.main()
    error = capsys.readouterr().err
    assert caught.value.code == 1 and "There is no connection" in error and "Traceback" not in error


def test_the_bucket_is_asked_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def open_url(self: object, request: object, timeout: float) -> None:
        asked.append(request)
        raise http.client.RemoteDisconnected("gone")

    monkeypatch.setattr(remote.urllib.request.OpenerDirector, "open", open_url)
    with pytest.raises(DownloadError, match=r"no connection to storage.googleapis.com \(gone\)"):
        download("objects_room_six_objects", 10**6, tmp_path)
    (request,) = asked
    assert request.full_url == (
        "https://storage.googleapis.com/multi-object-datasets/objects_room/objects_room_test_six_objects.tfrecords"
    )
    assert request.get_header("Accept-encoding") == "gzip" and request.get_header("Range") is None

"""Tests of failures while own pictures are added: no partial store, nothing replaced unasked, little memory."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from monet.data.stored import store
from monet.data.stored.own import AddError
from tests.test_own_data import layout, same, taken


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "pictures"


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "tetrominoes", "objects_room", "some.npz", "mine.part"])
def test_names_that_cannot_be(name: str, tmp_path: Path, source: Path) -> None:
    layout("two folders", source)
    with pytest.raises(AddError):
        taken(tmp_path, source, name)
    assert not (tmp_path / "data").exists()


def test_a_store_is_replaced_only_when_asked_for(tmp_path: Path, source: Path) -> None:
    masks = layout("two folders", source)["masks"]
    taken(tmp_path, source)
    with pytest.raises(AddError, match="--replace"):
        taken(tmp_path, source, masks=masks)
    same(taken(tmp_path, source, masks=masks, replace=True))
    assert os.listdir(tmp_path / "data") == ["mine"]


@pytest.mark.slow
def test_nothing_to_take_is_told_with_the_reasons(tmp_path: Path, source: Path) -> None:
    source.mkdir()
    with pytest.raises(AddError, match="no picture"):
        taken(tmp_path, source)
    (source / "notes.txt").write_text("Tuesday")
    with pytest.raises(AddError, match=r"not a readable PNG.*notes\.txt"):
        taken(tmp_path, source)
    with pytest.raises(FileNotFoundError):
        taken(tmp_path, source / "nowhere")
    np.save(tmp_path / "half.npy", np.zeros((4000, 32, 32, 3), np.uint8) + 9)
    os.truncate(tmp_path / "half.npy", 9_000_000)  # behind the first block
    with pytest.raises(AddError, match="damaged"):
        taken(tmp_path, tmp_path / "half.npy")
    assert os.listdir(tmp_path / "data") == []


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
def test_a_full_disk_leaves_no_half_store(tmp_path: Path) -> None:
    import resource

    np.save(tmp_path / "some.npy", np.zeros((400, 32, 32, 3), np.uint8) + 9)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    try:
        with pytest.raises(OSError):
            taken(tmp_path, tmp_path / "some.npy", size=32)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path / "data") == []


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kills_leave_the_old_store_or_the_new_one(tmp_path: Path) -> None:
    np.save(tmp_path / "old.npy", np.full((5, 8, 8, 3), 99, np.uint8))
    np.save(tmp_path / "new.npy", np.full((300, 8, 8, 3), 199, np.uint8))
    taken(tmp_path, tmp_path / "old.npy", size=8)
    rng = random.Random(0)
    begin = time.monotonic()
    taken(tmp_path, tmp_path / "new.npy", "other", size=8)
    pace = time.monotonic() - begin
    for _ in range(12):
        child = os.fork()
        if child == 0:
            taken(tmp_path, tmp_path / "new.npy", size=8, replace=True)
            os._exit(0)
        time.sleep(rng.uniform(0, pace))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if (tmp_path / "data" / "mine").exists():  # else between two moves; the next one mends it
            mine = store.load(tmp_path / "data" / "mine")
            mine.verify()
            assert (len(mine), mine.images[0, 0, 0, 0]) in ((5, 99), (300, 199))
    assert len(taken(tmp_path, tmp_path / "new.npy", size=8, replace=True).stored) == 300
    assert sorted(os.listdir(tmp_path / "data")) == ["mine", "other"]


def test_progress_may_end_it(tmp_path: Path, source: Path) -> None:
    layout("two folders", source)
    seen = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        taken(tmp_path, source, progress=progress)
    assert seen == [(1, 3), (2, 3)] and os.listdir(tmp_path / "data") == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak")
def test_memory_does_not_grow_with_the_pictures(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from monet.data.stored.own import add\n"
        "for name in ('few', 'many'):\n"
        "    add(f'{sys.argv[1]}/{name}.npy', name, folder=Path(sys.argv[1]) / 'data')\n"
        "    print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    for name, count in (("few", 10), ("many", 6000)):
        np.save(tmp_path / f"{name}.npy", np.full((count, 64, 64, 3), 99, np.uint8))
    run = subprocess.run([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, check=True)
    few, many = (int(peak) / 1024 for peak in run.stdout.split())
    assert many - few < 37  # MB: half of what the pictures have

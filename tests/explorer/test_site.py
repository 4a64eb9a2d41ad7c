"""Tests of the export as plain files: sizes, weights, what is overwritten. Its page is tested in tests/browser."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monet import checkpoints, inference
from monet.data import samples
from monet.data.batches import prepare
from monet.explorer.models import Models
from monet.explorer.payload import decoder_payload, encode
from monet.explorer.site import export
from monet.explorer.site.weights import packed, rounded
from monet.explorer.slotmap import samples_of
from monet.model import MONet, MONetConfig
from tests.conftest import SITE_MODELS, untrained
from tests.kernels import Decoder, Network, binaries

pytestmark = pytest.mark.slow  # exports the page

FOLDER = Path(__file__).parents[2] / "checkpoints"
SHIPPED, _ = checkpoints.find(FOLDER)
MEGABYTE = 1_000_000


def sizes(site: Path) -> dict[str, int]:
    return {path.relative_to(site).as_posix(): path.stat().st_size for path in site.rglob("*") if path.is_file()}


def size_alone(site: Path, name: str) -> int:
    """Returns the size in bytes of an export of one model."""
    models = Models(FOLDER, [name])
    files = export.page_files(models)
    files |= {path: (site / path).read_bytes() for path in sizes(site) if Path(path).name.split(".")[0] == name}
    files[export.WORKER] = export.worker(files)
    return sum(map(len, files.values()))


def test_one_model_has_less_than_6_megabytes(site_folder: Path) -> None:
    for name in SITE_MODELS:
        assert 1 * MEGABYTE < size_alone(site_folder, name) < 6 * MEGABYTE


def test_the_worker_lists_every_file(site_folder: Path) -> None:
    first, _, rest = (site_folder / "sw.js").read_text().partition("\n")
    listed = json.loads(first.removeprefix("self.SITE = ").removesuffix(";"))
    assert set(listed["files"]) == set(sizes(site_folder)) - {"sw.js"}
    assert "SITE.version" in rest
    assert not [path for path in listed["files"] if "/training/" in path or "/own/" in path]


@pytest.mark.parametrize("name", SITE_MODELS)
def test_answers_of_the_files_are_those_of_pytorch(site_folder: Path, name: str) -> None:
    assert_answers(site_folder, name, range(24))


@pytest.mark.soak
def test_all_models_on_all_scenes(tmp_path: Path, figures: dict[str, str]) -> None:
    export.main([str(tmp_path)])
    total = sum(sizes(tmp_path).values())
    assert total < 25 * MEGABYTE
    figures["plain files, all models"] = f"{total / MEGABYTE:.1f} MB"
    for name in (checkpoint.name for checkpoint in SHIPPED):
        one = size_alone(tmp_path, name)
        assert one < 6 * MEGABYTE, name
        worst = assert_answers(tmp_path, name, range(24))
        figures[f"plain files, {name}"] = f"{one / MEGABYTE:.1f} MB, {worst:.0e} from PyTorch on all sample scenes"


def numbers(site: Path, kind: str, name: str) -> tuple[dict[str, Any], np.ndarray]:
    """Returns a model's description and its unpacked weights."""
    spec = json.loads((site / "monet" / kind / name).read_text())
    planes = np.frombuffer(gzip.decompress((site / "monet" / kind / spec["file"]).read_bytes()), np.uint8)
    return spec, np.ascontiguousarray(planes.reshape(4, -1).T).view("<f4").ravel()


def assert_answers(site: Path, name: str, scenes: range) -> float:
    """Asserts that the page's kernels with exported weights are within 1e-3 of PyTorch with the checkpoint's."""
    checkpoint = next(checkpoint for checkpoint in SHIPPED if checkpoint.name == name)
    model = checkpoints.load(checkpoint)
    spec, weights = numbers(site, "network", name)
    network = Network(binaries("network")[0])
    assert network.allocate(spec["config"]) == spec["weights"][1] - spec["weights"][0]
    network.load(weights[slice(*spec["weights"])])
    spec, weights = numbers(site, "decoder", name)
    decoder = Decoder(binaries("decoder")[0])
    decoder.allocate(spec["height"], spec["width"], spec["latentDim"])
    decoder.write("weights", weights[slice(*spec["weights"])])
    decoder.call("prepare")
    worst = 0.0
    for number in scenes:
        pixels = prepare(samples.read(samples_of(checkpoint.data), number), model.config).image
        said = vars(inference.describe(*inference.forward(model, pixels)))
        found = network.decompose(pixels, model.config.num_slots)
        decoded = np.stack([decoder.decode(latent) for latent in found["latent_mean"]])
        found["components"] = decoded[..., :3].transpose(0, 3, 1, 2)
        for key in ("masks", "scopes", "latent_mean", "latent_std", "components"):
            difference = float(np.abs(found[key] - said[key]).max())
            assert difference <= 1e-3, (number, key)
            worst = max(worst, difference)
    return worst


@pytest.mark.parametrize("bits", [1, 7, 10, 22, 23])
def test_rounding_takes_the_nearest(bits: int) -> None:
    values = np.random.default_rng(bits).standard_normal(1000).astype("<f4")
    fraction, exponent = np.frexp(values.astype(np.float64))
    nearest = np.ldexp(np.round(fraction * 2 ** (bits + 1)) / 2 ** (bits + 1), exponent)
    np.testing.assert_array_equal(rounded(values, bits), nearest.astype(np.float32))


def test_packed_numbers_come_back() -> None:
    model = untrained(MONetConfig(resolution=16, attention_channels=(8, 16, 32), attention_hidden=20))
    payload = decoder_payload(model)
    spec, file = packed(payload, "x.bin")
    planes = np.frombuffer(gzip.decompress(file), np.uint8)
    values = np.ascontiguousarray(planes.reshape(4, -1).T).view("<f4").ravel()
    assert encode(values[slice(*spec["weights"])]) == payload["weights"]
    assert encode(values[slice(*spec["probe"]["output"])]) == payload["probe"]["output"]
    assert (spec["file"], spec["height"]) == ("x.bin", 16)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with one small checkpoint."""
    config = MONetConfig(resolution=16, attention_channels=(8, 16, 32), attention_hidden=20, num_slots=2)
    model: MONet = untrained(config)
    checkpoints.save(model, tmp_path / "checkpoints" / "small", title="Small", data="tetrominoes")
    return tmp_path / "checkpoints"


def test_an_export_takes_the_place_of_an_older_one_only(small: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    arguments = [str(site), "--checkpoints", str(small)]
    (site / ".git").mkdir(parents=True)
    export.main(arguments)
    before = (site / "sw.js").read_bytes()
    gone = site / "monet" / "network" / "gone"
    gone.write_text("{}")
    (site / "sw.js").write_bytes(before.replace(b'"index.html"', b'"index.html", "monet/network/gone", "../kept"', 1))
    (tmp_path / "kept").touch()
    (site / "mine").touch()
    export.main(arguments)
    assert (site / "sw.js").read_bytes() == before  # the same files, the same version
    assert not gone.exists() and (site / "mine").exists() and (tmp_path / "kept").exists()


def test_refusals_are_one_sentence(small: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for site, more, sentence in (
        (small, [], "holds other files"),
        (tmp_path / "file", [], "is a file"),
        (tmp_path / "site", ["--model", "nobody"], "There is no checkpoint 'nobody'."),
    ):
        with pytest.raises(export.ExportError, match=sentence):
            export.main([str(site), "--checkpoints", str(small), *more])
    with pytest.raises(export.ExportError, match="There is no checkpoint in"):
        export.main([str(tmp_path / "site"), "--checkpoints", str(tmp_path / "nowhere")])
    assert not (tmp_path / "site").exists()

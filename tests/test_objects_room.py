"""Tests of Objects Room: geometry against a pinhole camera, labels against colours, genuine pictures."""

import builtins
import colorsys
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monet.data import DATASETS, Unavailable
from monet.data.generators import objects_room, room
from monet.data.generators.room import SKY, Thing, View

GENUINE = Path(__file__).parents[2] / "shared" / "real" / "objects_room.npz"
RED, GREEN, BLUE = (1.0, 0.1, 0.1), (0.1, 1.0, 0.1), (0.1, 0.1, 1.0)


def inner(mask: np.ndarray) -> np.ndarray:
    """Returns the inner pixels of a mask: all eight neighbours are in it."""
    padded = np.pad(mask, 1)
    return np.logical_and.reduce([np.roll(padded, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)])[1:-1, 1:-1]


def hues(scene, label: int) -> np.ndarray:
    """Returns the hues in [0, 1) of a label's inner pixels."""
    pixels = scene.image[inner(scene.segmentation == label)] / 255
    return np.array([colorsys.rgb_to_hsv(*pixel)[0] for pixel in pixels])


@pytest.mark.parametrize(
    ("angle", "nod", "x", "y"), [(0.3, 0.0, 0.0, 0.0), (2.0, -0.1, -0.4, 0.7), (4.1, 0.1, 0.5, 0.8)]
)
def test_a_ball_is_where_a_pinhole_camera_sees_it(angle, nod, x, y):
    _, labels = room.render(View(angle, nod, RED, GREEN), [Thing("sphere", x, y, 0.0, BLUE)])
    # The camera looks at the middle of the room from a ring, its height and lens are in the module's text.
    eye = np.array([3.58 * np.cos(angle), 3.58 * np.sin(angle), 0.79])
    ahead = np.array([-np.cos(angle) * np.cos(nod), -np.sin(angle) * np.cos(nod), np.sin(nod)])
    right = np.cross(ahead, [0, 0, 1]) / np.linalg.norm(np.cross(ahead, [0, 0, 1]))
    ball = np.array([x, y, 0.29]) - eye
    focal = 32 / np.tan(np.radians(48.6 / 2))
    column = 32 + focal * (ball @ right) / (ball @ ahead)
    row = 32 - focal * (ball @ np.cross(right, ahead)) / (ball @ ahead)
    rows, columns = np.nonzero(labels == 4)
    assert rows.mean() + 0.5 == pytest.approx(row, abs=0.3)
    assert columns.mean() + 0.5 == pytest.approx(column, abs=0.3)
    assert np.sqrt(len(rows) / np.pi) == pytest.approx(focal * 0.29 / (ball @ ahead), rel=0.06)


def test_the_left_wall_comes_before_the_right_one():
    for angle in np.pi / 4 + np.pi / 2 * np.arange(4):  # in front of a corner
        _, labels = room.render(View(angle, 0.0, RED, GREEN), [])
        left, right = (np.nonzero(labels == label)[1] for label in (2, 3))
        assert set(left) == set(range(32))
        assert set(right) == set(range(32, 64))


def test_labels_agree_with_colours():
    for seed in range(12):
        scene = objects_room.generate(seed)
        sky = scene.segmentation == 0
        assert (scene.image[inner(sky)] == SKY).all()
        assert not (scene.image[inner(~sky)] == SKY).all(1).any()
        for label in np.unique(scene.segmentation)[1:]:
            turned = np.exp(2j * np.pi * hues(scene, label))
            if len(turned):  # one hue each, whatever the light does to it
                assert abs(turned.mean()) > 0.98


def test_objects_of_identical_colours_have_one_hue_and_others_do_not():
    def spread(scene) -> float:
        labels = range(4, scene.segmentation.max() + 1)
        means = [np.exp(2j * np.pi * h).mean() for label in labels if len(h := hues(scene, label))]
        return 1 - abs(np.mean(means))

    same = [spread(objects_room.generate(seed, variant="identical_color")) for seed in range(6)]
    other = [spread(objects_room.generate(seed, variant="six_objects")) for seed in range(6)]
    assert max(same) < 0.01
    assert min(other) > 0.05


def test_every_object_that_is_asked_for_is_in_view():
    for name in ("objects_room_empty_room", "objects_room_six_objects"):
        dataset = DATASETS[name]
        for seed in range(8):
            labels = set(np.unique(dataset.scene(seed).segmentation)) - set(dataset.background)
            assert labels == set(range(4, 4 + dataset.objects[0]))


def test_threads_get_the_scenes_that_they_ask_for():
    expected = [objects_room.generate(seed).image for seed in range(6)]
    found: dict[int, np.ndarray] = {}

    def work(seed: int) -> None:
        found[seed] = objects_room.generate(seed).image

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[seed], expected[seed]) for seed in range(6))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_draws_the_same():
    expected = objects_room.generate(3).image
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, objects_room.generate(3).image.tobytes())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        drawn = pipe.read()
    os.waitpid(child, 0)
    assert drawn == expected.tobytes()


@pytest.mark.slow
def test_pytorch_can_import_its_compiler_after_a_room_was_drawn():
    """Mesa and Triton both contain LLVM; a process of its own, because a clash ends it."""
    pytest.importorskip("triton")
    objects_room.generate(0)  # Unavailable, if rooms cannot be drawn here
    program = "from monet.data.generators import objects_room; objects_room.generate(0); import torch._dynamo"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_without_mujoco_a_sentence_says_how_to_get_it(monkeypatch):
    def refuse(name, *arguments, **options):
        if name == "mujoco":
            raise ImportError(name)
        return imported(name, *arguments, **options)

    imported = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.setattr(room, "_rooms", {})
    with pytest.raises(Unavailable, match=r"MuJoCo, which is missing: run pip install -r requirements-render"):
        objects_room.generate(0)


@pytest.mark.slow
def test_without_opengl_a_sentence_says_what_to_install(monkeypatch):
    pytest.importorskip("mujoco")
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(room, "_rooms", {})
    with pytest.raises(Unavailable, match="needs an OpenGL that renders without a screen: install OSMesa"):
        objects_room.generate(0)


def test_unknown_variant_is_refused_in_words():
    with pytest.raises(ValueError, match="'blue' is none of train, empty_room, six_objects, identical_color"):
        objects_room.generate(0, variant="blue")


@pytest.mark.slow
def test_rooms_look_like_genuine_ones():
    if not GENUINE.is_file():
        pytest.skip("the genuine pictures are not beside the project")
    with np.load(GENUINE) as file:
        genuine = file["image"]
    generated = np.stack([objects_room.generate(seed).image for seed in range(64)])
    assert (genuine[:, 0] == SKY).all()
    assert (generated[:, 0] == SKY).all()

    def features(image: np.ndarray) -> list[float]:
        sky = (image == SKY).all(2)
        hsv = np.asarray(Image.fromarray(image).convert("HSV"))[~sky] / 255
        # Height of the wall's top, saturation and value of what is below, the darkest of it, strength of all edges.
        edges = abs(np.diff(image.astype(float), axis=1)).mean()
        return [sky.mean(), *np.median(hsv[:, 1:], axis=0), np.quantile(hsv[:, 2], 0.05), edges]

    theirs, ours = (np.array([features(image) for image in images]) for images in (genuine, generated))
    error = np.sqrt(theirs.var(0) / len(theirs) + ours.var(0) / len(ours))
    assert (abs(theirs.mean(0) - ours.mean(0)) < 4 * error).all()
    spread = abs(np.log(theirs.std(0) / ours.std(0)))
    # The shadows' depth varies less than in genuine rooms, whose lamp is not known to stand still.
    assert (np.delete(spread, 3) < 0.4).all()

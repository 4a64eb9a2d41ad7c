"""CLEVR-like scenes: the generator's rules, the geometry against a pinhole camera made by hand, the light against
rendered scenes where these are at hand."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import ConvexHull, Delaunay
from scipy.spatial.transform import Rotation

from monet.data.generators import clevr, raycast
from monet.data.generators.solids import GROUND, Shape, Solid

RENDERED = Path(__file__).parents[2] / "shared" / "data" / "clevr6_64.npz"
CAMERA = np.array([7.4811, -6.5076, 5.3437], np.float32)
# A lens of 35 mm before a sensor of 32 mm and 320 pixels, of which rows 29:221 and columns 64:256 are kept.
INTRINSIC = np.array([[350, 0, 160 - 64], [0, 350, 120 - 29], [0, 0, 1]])
TO_CAMERA = np.diag([1, -1, -1]) @ Rotation.from_euler("xyz", [1.1093, 0.0108, 0.8149]).as_matrix().T


def project(points: np.ndarray) -> np.ndarray:
    """Projects points N,3 to columns and rows N,2 in the crop of 192x192 pixels."""
    seen = (points - CAMERA) @ TO_CAMERA.T @ INTRINSIC.T
    return seen[:, :2] / seen[:, 2:]


def solid(shape: Shape, place: tuple[float, float] = (0, 0), size: float = 0.7, metal: bool = False) -> Solid:
    return Solid(shape, place, size, 0.4, (0.3, 0.3, 0.8), metal)


def surface(one: Solid) -> np.ndarray:
    """Returns points N,3 whose convex hull is the solid."""
    angle = np.linspace(0, 2 * np.pi, 80)
    circle = np.stack((np.cos(angle), np.sin(angle)), axis=1)
    if one.shape == "cube":
        unit = np.stack(np.meshgrid(*[(-1, 1)] * 3), axis=-1).reshape(-1, 3).astype(float)
    elif one.shape == "cylinder":
        unit = np.concatenate([np.c_[circle, np.full(80, z)] for z in (-1, 1)])
    else:
        unit = np.concatenate([np.c_[circle * np.sin(t), np.full(80, np.cos(t))] for t in np.linspace(0, np.pi, 60)])
    turned = unit @ Rotation.from_euler("z", one.turn).as_matrix().T
    return turned * one.size + [*one.place, one.size]


@pytest.mark.parametrize("shape", clevr.SHAPES)
def test_a_solid_shows_where_a_pinhole_camera_projects_it(shape):
    rows, columns = np.mgrid[:192, :192] + 0.5
    for place, size in (((0, 0), 0.7), ((-2.5, 1.5), 0.35), ((1.8, -0.7), 0.7), ((-1, -2.2), 0.35)):
        one = solid(shape, place, size)
        points = project(surface(one))
        outline = Delaunay(points[ConvexHull(points).vertices])
        expected = outline.find_simplex(np.stack((columns, rows), axis=-1)) >= 0
        found = raycast.visible([one], CAMERA) != GROUND
        assert expected.sum() > 100
        assert (found != expected).sum() < 0.02 * expected.sum()


def test_the_nearer_of_two_solids_is_seen_and_pixels_belong_to_what_is_at_their_centre():
    far, near = solid("cube", (-1, 1)), solid("sphere", (0.5, -0.3))
    alone = [raycast.visible([one], CAMERA) != GROUND for one in (far, near)]
    assert (alone[0] & alone[1]).sum() > 200
    together = raycast.visible([far, near], CAMERA)
    assert np.array_equal(together == 1, alone[1])
    assert np.array_equal(together == 0, alone[0] & ~alone[1])
    column, row = project(np.array([[0.5, -0.3, 0.7]]))[0] / 3
    assert raycast.centers(together)[int(row), int(column)] == 1


def test_a_lamps_shadow_lies_where_the_sphere_hides_the_lamp():
    sphere, place = solid("sphere"), np.array([-6.0, -5.0, 4.0])
    lamp = raycast.Lamp(tuple(place), 0.0, (200.0, 200.0, 200.0))

    def lamplight(solids: list[Solid]) -> np.ndarray:
        """Returns the lamp's linear light, without the sun's."""
        off, on = (raycast.render(solids, CAMERA, lamps).mean(2) / 255 for lamps in ([], [lamp]))
        return ((on + 0.055) / 1.055) ** 2.4 - ((off + 0.055) / 1.055) ** 2.4

    x, y = np.meshgrid(np.linspace(-2, 3, 101), np.linspace(-2, 3, 101))
    ground = np.stack((x.ravel(), y.ravel(), np.zeros(x.size)), axis=1)
    ground = ground[((project(ground) >= 0) & (project(ground) < 192)).all(1)]
    to_lamp = (place - ground) / np.linalg.norm(place - ground, axis=1, keepdims=True)
    aside = np.linalg.norm(np.cross([0, 0, 0.7] - ground, to_lamp), axis=1)  # from the centre to the ray to the lamp
    columns, rows = np.floor(project(ground) / 3).astype(int).T
    uncovered = (raycast.visible([sphere], CAMERA) == GROUND).reshape(64, 3, 64, 3).all((1, 3))[rows, columns]
    share = lamplight([sphere])[rows, columns] / lamplight([])[rows, columns]
    dark, bright = uncovered & (aside < 0.5), uncovered & (aside > 0.9)
    assert dark.sum() > 50
    assert bright.sum() > 1000
    # Pixels are whole numbers, and those on the edge of the sun's shadow are means of sRGB values.
    np.testing.assert_allclose(share[dark], raycast.SHADE, atol=0.03)
    np.testing.assert_allclose(share[bright], 1, atol=0.03)


@pytest.mark.slow
def test_metal_shines_and_mirrors_and_rubber_does_not():
    lamps, sphere = clevr.LAMPS, solid("sphere")
    inside = raycast.centers(raycast.visible([sphere], CAMERA)) == 0
    rubber, metal = (raycast.render([solid("sphere", metal=m)], CAMERA, lamps)[inside].mean(1) for m in (False, True))
    assert metal.max() > 1.2 * rubber.max()
    red = Solid("sphere", (1.2, -0.2), 0.35, 0, (0.9, 0, 0), False)
    beside = (raycast.visible([sphere, red], CAMERA) == 0).reshape(64, 3, 64, 3).all((1, 3))

    def redness(solids: list[Solid]) -> np.ndarray:
        image = raycast.render(solids, CAMERA, lamps)[beside].astype(float)
        return image[:, 0] / image[:, [0, 2]].sum(1)

    gained = {
        m: (redness([solid("sphere", metal=m), red]) - redness([solid("sphere", metal=m)])).max() for m in (False, True)
    }
    assert gained[True] > 0.1 > 2 * gained[False]


def test_solids_keep_the_generators_distances():
    rng = np.random.default_rng(0)
    forward = Rotation.from_euler("xyz", [1.1093, 0.0108, 0.8149]).apply([0, 0, -1])[:2]
    behind = forward / np.linalg.norm(forward)
    right = np.array([behind[1], -behind[0]])
    seen, tried = [], 0
    while tried < 300:
        solids = clevr.arrange(rng, 6)
        tried += 1
        if solids is None:
            continue
        seen += solids
        for i, a in enumerate(solids):
            for b in solids[:i]:
                offset = np.subtract(a.place, b.place)
                assert np.linalg.norm(offset) - a.size - b.size >= 0.25
                assert abs(offset @ behind) >= 0.4
                assert abs(offset @ right) >= 0.4
    assert {one.shape for one in seen} == set(clevr.SHAPES)
    assert {one.size for one in seen} == {0.35, 0.7}
    assert {one.color for one in seen} == {tuple(color) for color in clevr.COLORS}
    assert abs(np.mean([one.metal for one in seen]) - 0.5) < 4 * 0.5 / len(seen) ** 0.5
    places = np.array([one.place for one in seen])
    assert abs(places).max() <= 3
    assert abs(places).max() > 2.9


@pytest.mark.slow
def test_every_object_shows_and_ten_fit():
    for seed, objects in ((0, (3, 6)), (1, (3, 6)), (2, (10, 10))):
        scene = clevr.generate(seed, objects)
        areas = np.bincount(scene.segmentation.ravel())[1:]
        # 200 of 192x192 pixels are 22 of 64x64; an object covers the centres of a few more or fewer.
        assert areas.min() >= 15


@pytest.mark.slow
def test_scenes_are_as_bright_and_as_coloured_as_rendered_ones():
    if not RENDERED.is_file():
        pytest.skip("the rendered scenes are not beside the project")
    with np.load(RENDERED) as file:
        rendered = file["image"][:1000], file["entity"][:1000]
    scenes = [clevr.generate((7, index)) for index in range(48)]
    generated = np.stack([s.image for s in scenes]), np.stack([s.segmentation for s in scenes])

    theirs, ours = (background(*pictures) for pictures in (rendered, generated))
    assert np.nanmean(abs(ours - theirs)) < 3
    assert abs(np.nanmean(ours - theirs, axis=(0, 1))).max() < 2
    # From its dark top to its bright lower right corner the ground gains as much.
    for a, b in (((0, 0), (7, 7)), ((0, 4), (4, 4)), ((7, 0), (7, 7))):
        np.testing.assert_allclose(ours[b] - ours[a], theirs[b] - theirs[a], atol=6)

    theirs, ours = (object_colors(*pictures) for pictures in (rendered, generated))
    assert theirs.keys() == ours.keys() == set(range(8))
    for color in ours:
        assert len(ours[color]) > 5
        np.testing.assert_allclose(np.mean(ours[color], 0), np.mean(theirs[color], 0), atol=10)


def background(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean colour of the background, 8,8,3."""
    clear = (labels == 0).reshape(-1, 8, 8, 8, 8)
    return (images.reshape(-1, 8, 8, 8, 8, 3) * clear[..., None]).sum((0, 2, 4)) / clear.sum((0, 2, 4))[..., None]


def object_colors(images: np.ndarray, labels: np.ndarray) -> dict[int, list[np.ndarray]]:
    """Mean colours of objects of 60 pixels and more, by the number of the data set's colour that they are most like."""
    reference = clevr.COLORS / clevr.COLORS.sum(1, keepdims=True)
    found: dict[int, list[np.ndarray]] = {}
    for image, label in zip(images, labels, strict=True):
        for k in range(1, label.max() + 1):
            if (label == k).sum() >= 60:
                mean = image[label == k].mean(0)
                linear = (mean / 255) ** 2.2
                color = int(((reference - linear / linear.sum()) ** 2).sum(1).argmin())
                found.setdefault(color, []).append(mean)
    return found

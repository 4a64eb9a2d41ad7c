"""Drags and turns an object: solves for the latents that bring it to a target. ``python -m monet.grasp`` measures it.

An object is described by nine *features* of its component and its decoded mask, with the other slots fixed: centroid,
square root of the area, mean colour, and second central moments divided by the area. A drag sets targets for some of
them; the others keep their values. A turn also has the whole mask as its target, that of the start turned. Damped
Gauss-Newton (Levenberg 1944) finds the step dz of the latents that minimizes

    |W (J dz - r)|^2 + damping |dz|^2

with r the remaining difference, at most ``STRIDE`` per step, W the weights, and J the Jacobian of the features and of
the mask's pixels. Finite differences measure J when the drag begins, rank-one updates keep it (Broyden 1965), and each
step measures one of its columns again. Latents that the target leaves free return to their values at the start of the
drag. ``static/scene/grasp.js`` computes the same numbers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.ndimage import map_coordinates

from monet import checkpoints
from monet.data import samples
from monet.errors import exit_on_error
from monet.inference import decode_pixels, decompose
from monet.model import MONet

FEATURES = ("x", "y", "size", "red", "green", "blue", "xx", "xy", "yy")
WEIGHTS = np.array([1, 1, 1, 4, 4, 4, 8, 8, 8], float)
"""Weight of each feature's error; pixels have 1, colours are in [0, 1], moments are about 0.08 (disc) to 0.5 (bar)."""
TURNING = np.array([1, 1, 1, 16, 16, 16, 24, 24, 24], float)
"""The same while an object turns. Each pixel of the mask has 1, and with 4 colours would change by up to 0.04."""
TURN = 0.12
"""Largest angle, in radians, that one step turns the target by, less while the object is behind: the mask at a much
larger angle tells no direction."""
DAMPING = 0.3
STRIDE = 3.0
"""Longest weighted difference, in pixels, that one step tries to cover; within it J is nearly linear."""
PROBE = 0.15
"""Finite difference in a latent that measures a column of J."""
BOLDEST = 0.6
"""Largest change of a latent in one step."""
REACH = 3.5
"""Latents stay within this many sigmas of the prior, or at their start if that is further out."""
HOME = 0.1
"""Share of the way back to their start that free latents go in each step."""
SMALLEST, LARGEST = 0.25, 4.0
"""Range of the area in multiples of the target's; a step that leaves it has dissolved the object and is rejected."""
ARRIVED = 0.1
"""Weighted distance at which the object has reached its target."""
PATIENCE = 4
"""Steps without progress after which the object counts as settled."""

Decode = Callable[[np.ndarray], np.ndarray]
"""Latents N,Z to pixels N,H,W,4: red, green, blue, mask logit."""


def features(pixels: np.ndarray, rivals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The features and the masks of decoded objects.

    Args:
        pixels: N,H,W,4.
        rivals: H,W, logsumexp of the other slots' mask logits; -inf if there are none.

    Returns:
        N,9 in the order of ``FEATURES``; x and y count from the left and upper edge of the picture, in pixels. N,H,W.
    """
    with np.errstate(over="ignore"):
        mask = 1 / (1 + np.exp(rivals - pixels[..., 3].astype(float)))
    height, width = mask.shape[1:]
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    area = mask.sum((1, 2)) + 1e-6
    column, row = mask.sum(1) / area[:, None], mask.sum(2) / area[:, None]
    cx, cy = column @ x, row @ y
    color = np.einsum("nhw,nhwc->nc", mask, pixels[..., :3].astype(float)) / area[:, None]
    xy = np.einsum("nhw,h,w->n", mask, y, x) / area - cx * cy
    moments = np.stack((column @ x**2 - cx**2, xy, row @ y**2 - cy**2), 1) / area[:, None]
    return np.concatenate((cx[:, None], cy[:, None], np.sqrt(area)[:, None], color, moments), 1), mask


def turned(features: np.ndarray, angle: float) -> np.ndarray:
    """Returns the features of the object turned about its centroid by ``angle`` radians, clockwise in the picture."""
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.array([[cos, -sin], [sin, cos]])
    xx, xy, yy = features[-3:]
    moments = rotation @ np.array([[xx, xy], [xy, yy]]) @ rotation.T
    return np.array([*features[:-3], moments[0, 0], moments[0, 1], moments[1, 1]])


def posed(mask: np.ndarray, start: np.ndarray, target: np.ndarray, angle: float) -> np.ndarray:
    """Moves, resizes and turns a mask H,W, by bilinear interpolation; it is 0 outside the picture.

    Args:
        mask: H,W.
        start: its features; only x, y and size count.
        target: where it goes, features.
        angle: radians by which it turns about its centroid, clockwise in the picture.
    """
    y, x = (places + 0.5 for places in np.indices(mask.shape))
    scale = start[2] / max(target[2], 1e-3)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    right, down = x - target[0], y - target[1]
    source = start[1] + cos * down - sin * right, start[0] + cos * right + sin * down
    result: np.ndarray = map_coordinates(mask, [axis - 0.5 for axis in source], order=1, mode="grid-constant")
    return result


@dataclass(frozen=True)
class Reached:
    """State after a step.

    Attributes:
        latent: Z.
        features: 9.
        settled: whether further steps are useless, because the object has arrived or no longer gets nearer.
    """

    latent: np.ndarray
    features: np.ndarray
    settled: bool


class Grasp:
    """One object being dragged. The result depends on the sequence of targets alone, so a drag can be repeated."""

    def __init__(self, decode: Decode, latent: np.ndarray, others: np.ndarray):
        """Measures the Jacobian with Z + 1 decodings.

        Args:
            decode: of the model.
            latent: Z, the object's latent at the start.
            others: K-1,H,W,4, the decoded slots that stay fixed.
        """
        self._decode = decode
        logits = others[..., 3].astype(float)
        self._rivals = np.logaddexp.reduce(logits, 0) if len(logits) else np.full(others.shape[1:3], -np.inf)
        self.decodings = 0
        self._home = self._latent = latent.astype(float)
        measured = self._measure(np.concatenate((latent[None], latent + PROBE * np.eye(len(latent)))))
        self._now = measured[0]  # the features, then the mask's pixels
        self.start = measured[0, : len(FEATURES)]
        self.mask = measured[0, len(FEATURES) :].reshape(self._rivals.shape)
        self._jacobian = (measured[1:] - measured[0]).T / PROBE
        self._column = 0
        self._target: tuple[float, ...] = ()
        self._angle = 0.0
        self._distance = 0.0
        self._nearest = float("inf")
        self._waited = 0
        self._damping = DAMPING

    @property
    def shown(self) -> np.ndarray:
        """The object's mask H,W after the last step."""
        return self._now[len(FEATURES) :].reshape(self._rivals.shape)

    def _measure(self, latents: np.ndarray) -> np.ndarray:
        self.decodings += len(latents)
        found, masks = features(self._decode(latents.astype(np.float32)), self._rivals)
        return np.concatenate((found, masks.reshape(len(masks), -1)), 1)

    def toward(self, target: np.ndarray, angle: float = 0.0) -> Reached:
        """Takes one step with two decodings.

        Args:
            target: 9 features; those of ``start`` for features that shall not change.
            angle: radians by which the object shall have turned since the start, clockwise in the picture.
        """
        if (*target, angle) != self._target:
            self._target, self._nearest, self._waited = (*target, angle), float("inf"), 0
        goal, weights = target, WEIGHTS
        if angle or self._angle:
            most = TURN / max(1, self._distance)
            self._angle += min(most, max(-most, angle - self._angle))
            pose = posed(self.mask, self.start, target, self._angle)
            goal = np.concatenate((turned(target, self._angle), pose.ravel()))
            weights = np.concatenate((TURNING, np.ones(self.mask.size)))
        rows = len(goal)
        rest = weights * (goal - self._now[:rows])
        step = self._step(rest, weights[:, None] * self._jacobian[:rows])
        tried = np.clip(self._latent + step, np.minimum(-REACH, self._home), np.maximum(REACH, self._home))
        step = tried - self._latent
        column = self._column = (self._column + 1) % len(tried)
        probe = tried + PROBE * (np.arange(len(tried)) == column)
        now, probed = self._measure(np.stack((tried, probe)))
        length = step @ step
        if length > 1e-12:
            error = now[:rows] - self._now[:rows] - self._jacobian[:rows] @ step
            self._jacobian[:rows] += np.outer(error, step) / length
        share = (now[2] / max(target[2], 1e-3)) ** 2
        distance = float(np.linalg.norm(weights * (goal - now[:rows])))
        turning = angle != self._angle
        if not SMALLEST <= share <= LARGEST or distance > np.linalg.norm(rest) + ARRIVED:
            self._damping *= 4  # reject a step that dissolves the object or increases the distance
            self._waited += not turning
            return Reached(self._latent, self._now[: len(FEATURES)], self._waited >= PATIENCE)
        self._damping = max(DAMPING, self._damping / 2)
        self._jacobian[:, column] = (probed - now) / PROBE
        self._latent, self._now, self._distance = tried, now, distance
        self._waited = 0 if turning or distance < self._nearest - 0.02 else self._waited + 1
        self._nearest = float("inf") if turning else min(self._nearest, distance)
        settled = not turning and (distance < ARRIVED or self._waited >= PATIENCE)
        return Reached(tried, now[: len(FEATURES)], settled)

    def _step(self, rest: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
        length = np.linalg.norm(rest)
        if length > STRIDE:
            rest = rest * STRIDE / length
        gram = jacobian.T @ jacobian + self._damping * np.eye(len(self._latent))
        home = HOME * (self._home - self._latent)
        step = home + np.linalg.solve(gram, jacobian.T @ (rest - jacobian @ home))
        return step * min(1, BOLDEST / max(np.abs(step).max(), 1e-9))


@dataclass(frozen=True)
class Drag:
    """Result of dragging one object in one scene.

    Attributes:
        error: pixels from the object's centroid to its target at the end.
        size: square root of the area at the end over that at the start.
        decodings: per pointer event, including those for the first Jacobian.
    """

    error: float
    size: float
    decodings: float


@dataclass(frozen=True)
class Turn:
    """Result of turning one object in one scene.

    Attributes:
        before: intersection over union of the object with itself turned.
        after: that of the result with the object turned.
    """

    before: float
    after: float

    @property
    def succeeded(self) -> bool:
        """Whether at least half of the difference that a turn makes is there."""
        return self.after >= (1 + self.before) / 2


FEWEST, GROUND_SHARE = 4, 0.3
"""Least pixels of a slot that counts as an object, and largest share of the picture."""
LONGEST = 16
"""Longest drag, in pixels."""
FRAMES = 30
"""Most steps that the object takes after the pointer has stopped."""
ROUND = 0.9
"""Intersection over union from which on an object looks the same after a turn, and has no angle."""
TURNS = (20.0, 60.0)
"""Smallest and largest turn in degrees, in either direction."""


def drags(model: MONet, pictures: Iterator[np.ndarray], each: int = 2, seed: int = 0) -> Iterator[Drag]:
    """Drags every object of some pictures in random directions, one pixel per event, with its box inside the picture.

    Args:
        model: in eval mode.
        pictures: uint8 H,W,3.
        each: drags per object.
        seed: for the directions and distances.
    """
    random = np.random.default_rng(seed)
    for grasp, mask in held(model, pictures, each):
        rows, columns = np.nonzero(mask)
        angle, distance = random.uniform(0, 2 * np.pi), random.uniform(0, LONGEST)
        across = np.clip(distance * np.cos(angle), -columns.min(), mask.shape[1] - 1 - columns.max())
        down = np.clip(distance * np.sin(angle), -rows.min(), mask.shape[0] - 1 - rows.max())
        yield drag(grasp, across, down)


def turns(grasps: Iterable[Grasp], seed: int = 0) -> Iterator[Turn]:
    """Turns some objects by random angles; leaves out those that look the same after it."""
    random = np.random.default_rng(seed)
    for grasp in grasps:
        degrees = random.uniform(*TURNS) * random.choice([-1, 1])
        if _overlap(grasp.mask, posed(grasp.mask, grasp.start, grasp.start, np.radians(degrees))) <= ROUND:
            yield turn(grasp, degrees)


def held(model: MONet, pictures: Iterator[np.ndarray], each: int = 1) -> Iterator[tuple[Grasp, np.ndarray]]:
    """Holds every object of some pictures, uint8 H,W,3, ``each`` times; yields it and the pixels that it wins, H,W."""
    decode = partial(decode_pixels, model)
    for picture in pictures:
        scene = decompose(model, picture)
        pixels, labels = decode(scene.latent_mean), scene.masks.argmax(0)
        for slot, latent in enumerate(scene.latent_mean):
            if FEWEST <= (labels == slot).sum() <= GROUND_SHARE * labels.size:
                for _ in range(each):
                    yield Grasp(decode, latent, np.delete(pixels, slot, 0)), labels == slot


def carry(grasp: Grasp, across: float, down: float) -> Reached:
    """Moves the object by this many pixels, one pixel per event, and steps on until it has settled."""
    shares = np.linspace(0, 1, _events(across, down) + 1)[1:]
    way = np.array([across, down, *np.zeros(len(FEATURES) - 2)])
    return _follow(grasp, [(grasp.start + share * way, 0.0) for share in shares])


def drag(grasp: Grasp, across: float, down: float) -> Drag:
    """Moves the object by this many pixels and measures the result."""
    reached = carry(grasp, across, down)
    error = float(np.hypot(*(reached.features[:2] - grasp.start[:2] - (across, down))))
    return Drag(error, float(reached.features[2] / grasp.start[2]), grasp.decodings / _events(across, down))


def turn(grasp: Grasp, degrees: float) -> Turn:
    """Turns the object by this many degrees, about 5 per event, and measures the result."""
    angles = np.linspace(0, np.radians(degrees), int(np.ceil(abs(degrees) / 5)) + 1)[1:]
    _follow(grasp, [(grasp.start, angle) for angle in angles])
    target = posed(grasp.mask, grasp.start, grasp.start, angles[-1])
    return Turn(_overlap(grasp.mask, target), _overlap(grasp.shown, target))


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the intersection over union of two masks H,W."""
    return float(((a > 0.5) & (b > 0.5)).sum() / max(1, ((a > 0.5) | (b > 0.5)).sum()))


def _follow(grasp: Grasp, targets: list[tuple[np.ndarray, float]]) -> Reached:
    """Takes a step toward each target and angle, and on toward the last ones until the object has settled."""
    for target in targets:
        reached = grasp.toward(*target)
    for _ in range(FRAMES):
        if reached.settled:
            break
        reached = grasp.toward(*targets[-1])
    return reached


def _events(across: float, down: float) -> int:
    return max(1, int(np.ceil(np.hypot(across, down))))


def main() -> None:
    """``python -m monet.grasp``"""
    parser = argparse.ArgumentParser(
        prog="python -m monet.grasp", description="Measures how exactly objects follow a drag, and turn."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="checkpoints (default: all)")
    parser.add_argument("--scenes", type=int, default=24, help="sample scenes of each data set (default: all 24)")
    options = parser.parse_args()
    chosen = [checkpoints.read(name) for name in options.names] or checkpoints.find()[0]
    print(
        "| checkpoint | drags | within 1 px | error, px: median, 90 % | size kept: 10 to 90 % | decodings an event "
        "| turns | half of it or more | IoU before, after: median |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for checkpoint in chosen:
        if not samples.count(checkpoint.data):
            print(f"not measured: {checkpoint.name}: there are no sample scenes of its data set", file=sys.stderr)
            continue
        scenes = range(min(options.scenes, samples.count(checkpoint.data)))
        pictures = [samples.read(checkpoint.data, index).image for index in scenes]
        model = checkpoints.load(checkpoint)
        done = list(drags(model, iter(pictures)))
        error = np.array([d.error for d in done])
        middle, most = np.quantile(error, (0.5, 0.9))
        turned = list(turns(grasp for grasp, _ in held(model, iter(pictures))))
        before, after = (np.median([getattr(t, name) for t in turned]) for name in ("before", "after"))
        low, high = np.quantile([d.size for d in done], (0.1, 0.9))
        print(
            f"| {checkpoint.name} | {len(done)} | {(error <= 1).mean():.0%} | {middle:.2f}, {most:.2f} "
            f"| {low:.2f} to {high:.2f} | {np.mean([d.decodings for d in done]):.1f} "
            f"| {len(turned)} | {np.mean([t.succeeded for t in turned]):.0%} | {before:.2f}, {after:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    with exit_on_error():
        main()

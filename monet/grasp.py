"""Drags and turns an object: solves for the latents that bring it to a target. ``python -m monet.grasp`` measures it.

An object is described by nine *features* of its component and its decoded mask, with the other slots fixed: centroid,
square root of the area, mean colour, and second central moments divided by the area, which change with rotation. A drag
sets targets for some of them; the others keep their values. Damped Gauss-Newton (Levenberg 1944) finds the step dz of
the latents that minimizes

    |W (J dz - r)|^2 + damping |dz|^2

with r the remaining difference, at most ``STRIDE`` per step, W the ``WEIGHTS``, and J the Jacobian of the features.
Finite differences measure J when the drag begins, rank-one updates keep it (Broyden 1965), and each step measures one
of its columns again. Latents that the features leave free return to their values at the start of the drag.
``static/scene/grasp.js`` computes the same numbers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from monet import checkpoints
from monet.data import samples
from monet.errors import exit_on_error
from monet.inference import decode_pixels, decompose
from monet.model import MONet

FEATURES = ("x", "y", "size", "red", "green", "blue", "xx", "xy", "yy")
WEIGHTS = np.array([1, 1, 1, 4, 4, 4, 8, 8, 8], float)
"""Weight of each feature's error; pixels have 1, colours are in [0, 1], moments are about 0.08 (disc) to 0.5 (bar)."""
TURNING = 24.0
"""Weight of the moments when they shall change: with 8 ellipses stop halfway, and with 24 objects move less exactly."""
SAME = 1e-6
"""Difference up to which a moment shall not change."""
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

MOMENTS = np.array([name in ("xx", "xy", "yy") for name in FEATURES])
"""Which of the features are moments."""

Decode = Callable[[np.ndarray], np.ndarray]
"""Latents N,Z to pixels N,H,W,4: red, green, blue, mask logit."""


def features(pixels: np.ndarray, rivals: np.ndarray) -> np.ndarray:
    """The features of decoded objects.

    Args:
        pixels: N,H,W,4.
        rivals: H,W, logsumexp of the other slots' mask logits; -inf if there are none.

    Returns:
        N,9 in the order of ``FEATURES``; x and y count from the left and upper edge of the picture, in pixels.
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
    return np.concatenate((cx[:, None], cy[:, None], np.sqrt(area)[:, None], color, moments), 1)


def turned(features: np.ndarray, angle: float) -> np.ndarray:
    """Returns the features of the object turned about its centroid by ``angle`` radians, clockwise in the picture."""
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.array([[cos, -sin], [sin, cos]])
    xx, xy, yy = features[MOMENTS]
    moments = rotation @ np.array([[xx, xy], [xy, yy]]) @ rotation.T
    result = features.copy()
    result[MOMENTS] = moments[0, 0], moments[0, 1], moments[1, 1]
    return result


def long_axis(features: np.ndarray) -> tuple[float, float]:
    """Returns the ratio of an object's long to its short axis, and the long one's angle in radians, modulo pi."""
    xx, xy, yy = features[MOMENTS]
    spread = np.hypot(xx - yy, 2 * xy)
    return float(np.sqrt((xx + yy + spread) / max(xx + yy - spread, 1e-9))), float(np.arctan2(2 * xy, xx - yy) / 2)


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
        self.start = self._now = measured[0]
        self._jacobian = (measured[1:] - measured[0]).T / PROBE
        self._column = 0
        self._target: np.ndarray | None = None
        self._nearest = float("inf")
        self._waited = 0
        self._damping = DAMPING

    def _measure(self, latents: np.ndarray) -> np.ndarray:
        self.decodings += len(latents)
        return features(self._decode(latents.astype(np.float32)), self._rivals)

    def toward(self, target: np.ndarray) -> Reached:
        """Takes one step with two decodings.

        Args:
            target: 9 features; those of ``start`` for features that shall not change.
        """
        if self._target is None or not np.array_equal(target, self._target):
            self._target, self._nearest, self._waited = target.copy(), float("inf"), 0
        turns = (np.abs(target - self.start) > SAME)[MOMENTS].any()
        weights = np.where(MOMENTS & turns, TURNING, WEIGHTS)
        rest = weights * (target - self._now)
        step = self._step(rest, weights)
        tried = np.clip(self._latent + step, np.minimum(-REACH, self._home), np.maximum(REACH, self._home))
        step = tried - self._latent
        column = self._column = (self._column + 1) % len(tried)
        probe = tried + PROBE * (np.arange(len(tried)) == column)
        now, probed = self._measure(np.stack((tried, probe)))
        length = step @ step
        if length > 1e-12:
            self._jacobian += np.outer(now - self._now - self._jacobian @ step, step) / length
        share = (now[2] / max(target[2], 1e-3)) ** 2
        distance = float(np.linalg.norm(weights * (target - now)))
        if not SMALLEST <= share <= LARGEST or distance > np.linalg.norm(rest) + ARRIVED:
            self._damping *= 4  # reject a step that dissolves the object or increases the distance
            self._waited += 1
            return Reached(self._latent, self._now, self._waited >= PATIENCE)
        self._damping = max(DAMPING, self._damping / 2)
        self._jacobian[:, column] = (probed - now) / PROBE
        self._latent, self._now = tried, now
        self._waited = 0 if distance < self._nearest - 0.02 else self._waited + 1
        self._nearest = min(self._nearest, distance)
        return Reached(tried, now, distance < ARRIVED or self._waited >= PATIENCE)

    def _step(self, rest: np.ndarray, weights: np.ndarray) -> np.ndarray:
        jacobian = weights[:, None] * self._jacobian
        length = np.linalg.norm(rest)
        if length > STRIDE:
            rest = rest * STRIDE / length
        gram = jacobian @ jacobian.T + self._damping * np.eye(len(rest))
        home = HOME * (self._home - self._latent)
        step = home + jacobian.T @ np.linalg.solve(gram, rest - jacobian @ home)
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
        error: degrees between the long axis and its target at the end, 0 to 90.
        ratio: ratio of the axes at the end over that at the start.
    """

    error: float
    ratio: float


FEWEST, GROUND_SHARE = 4, 0.3
"""Least pixels of a slot that counts as an object, and largest share of the picture."""
LONGEST = 16
"""Longest drag, in pixels."""
FRAMES = 30
"""Most steps that the object takes after the pointer has stopped."""
LONG = 1.3
"""Least ratio of the axes of an object that can be turned: of a disc, nothing tells the angle."""
TURNS = (20.0, 60.0)
"""Smallest and largest turn in degrees, in either direction."""
EXACT = 10.0
"""Degrees within which a turn has succeeded."""


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
    """Turns every long one of some objects by a random angle."""
    random = np.random.default_rng(seed)
    for grasp in grasps:
        if long_axis(grasp.start)[0] >= LONG:
            yield turn(grasp, random.uniform(*TURNS) * random.choice([-1, 1]))


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
    return _follow(grasp, [grasp.start + share * way for share in shares])


def drag(grasp: Grasp, across: float, down: float) -> Drag:
    """Moves the object by this many pixels and measures the result."""
    reached = carry(grasp, across, down)
    error = float(np.hypot(*(reached.features[:2] - grasp.start[:2] - (across, down))))
    return Drag(error, float(reached.features[2] / grasp.start[2]), grasp.decodings / _events(across, down))


def turn(grasp: Grasp, degrees: float) -> Turn:
    """Turns the object by this many degrees, about 5 per event, and measures the result."""
    shares = np.linspace(0, 1, int(np.ceil(abs(degrees) / 5)) + 1)[1:]
    reached = _follow(grasp, [turned(grasp.start, np.radians(share * degrees)) for share in shares])
    (before, start), (after, end) = long_axis(grasp.start), long_axis(reached.features)
    return Turn(abs((np.degrees(end - start) - degrees + 90) % 180 - 90), after / before)


def _follow(grasp: Grasp, targets: list[np.ndarray]) -> Reached:
    """Takes a step toward each target, and on toward the last one until the object has settled."""
    for target in targets:
        reached = grasp.toward(target)
    for _ in range(FRAMES):
        if reached.settled:
            break
        reached = grasp.toward(targets[-1])
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
        f"| turns | within {EXACT:.0f}° | error: median |"
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
        off = np.array([t.error for t in turns(grasp for grasp, _ in held(model, iter(pictures)))])
        low, high = np.quantile([d.size for d in done], (0.1, 0.9))
        print(
            f"| {checkpoint.name} | {len(done)} | {(error <= 1).mean():.0%} | {middle:.2f}, {most:.2f} "
            f"| {low:.2f} to {high:.2f} | {np.mean([d.decodings for d in done]):.1f} "
            f"| {len(off)} | {(off <= EXACT).mean():.0%} | {np.median(off):.1f}° |",
            flush=True,
        )


if __name__ == "__main__":
    with exit_on_error():
        main()

"""Ray caster for CLEVR scenes: camera, lamps and shading (Johnson et al. 2017).

One ray goes through every pixel of the 192x192 crop of the data set's 320x240 picture; nine are averaged into a pixel
of 64x64. Lamps, ground and colours are those of CLEVR's scene file. Formulas fitted to Cycles renderings replace its
indirect light: the backdrop that curves up behind the scene, the light that the ground reflects, and the light in
shadows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from torch import Tensor

from monet.data.generators.solids import GROUND, Solid, dot, first, normals, unit

Vector = TypeVar("Vector", np.ndarray, Tensor)

SIZE = 64
DARKEST = 0.0031308
"""Linear light below which pixels are black."""
RAYS = 3
"""Rays per pixel along each side. It is odd, so the middle one goes through the pixel's centre."""
_LINES = SIZE * RAYS

SHADE = 0.2
"""Share of a lamp's light that arrives where a solid blocks it."""
GROUND_ALBEDO = 0.8
GROUND_LIGHT = 0.2
"""Approximate linear grey of the lit ground, used in reflections of reflections."""
GROUND_BOUNCE = 0.7
"""Irradiance from the ground on a surface that faces straight down, in watts per square metre."""
BEND_ASIDE, BEND_FROM, BEND_OVER, BEND_LEVEL, BEND_GAIN = 0.7, 1.2, 6.4, 1.065, 0.32
"""Backdrop: weight of the sideways distance, start and length of the curve, brightness before and gain after it."""
SKY, SKY_FROM, SKY_OVER = 0.15, 0.35, 0.4
"""Grey of the backdrop's upper end; slope of view at which the fade begins, and its width."""
SHARP, ROUGH, RUBBER = 0.08, 0.2, 0.35
"""Width of highlights (GGX alpha) of metal's two layers and of rubber. Metal's sharp layer is 0.01 wide in the scene
file; it is wider here to include the size of a lamp and of a pixel."""
SHARP_SHARE = 0.6
RUBBER_SHINE = 0.04
GRAZING = 0.1
"""Least cosine between a lamp's light and a microfacet in highlights."""
NINTHS = np.array([(0, 0), (-1, -1), (1, 1), (-1, 1), (1, -1), (0, 1), (-1, 0), (0, -1), (1, 0)]) / 3
"""Centres of the ninths of a lamp of side 1: its own centre first, then shuffled, so that neighbouring rays sample
distant parts of the lamp."""


@dataclass(frozen=True)
class Lamp:
    """A square lamp that shines towards the origin.

    Attributes:
        position: position of its centre.
        side: side of the square.
        intensity: linear RGB, watts per steradian straight ahead.
    """

    position: tuple[float, float, float]
    side: float
    intensity: tuple[float, float, float]


SUN = Lamp((414.517, -194.541, 889.004), 0.0, (0.45e6, 0.45e6, 0.45e6))
"""A kilometre away, so that its light is parallel with 0.45 watts per square metre."""


def _euler(x: float, y: float, z: float) -> np.ndarray:
    (cx, cy, cz), (sx, sy, sz) = np.cos([x, y, z]), np.sin([x, y, z])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


CAMERA_AXES = _euler(1.1093, 0.0108, 0.8149)
"""3,3: the camera's right, up and backward as columns. The camera's position varies, its direction does not."""
AWAY = -CAMERA_AXES[:2, 2] / np.linalg.norm(CAMERA_AXES[:2, 2])
"""Unit x, y on the ground away from the camera."""


_HALF_WIDTH = 16 / 35
"""Tangent of half the field of view: half a sensor of 32 mm, a lens of 35 mm."""


def _rays() -> np.ndarray:
    """Returns unit directions _LINES * _LINES,3, row by row: rows 29:221 and columns 64:256 of the picture."""
    at = np.arange(_LINES) + 0.5
    right, up = (64 + at - 160) / 160 * _HALF_WIDTH, (120 - 29 - at) / 160 * _HALF_WIDTH
    ahead = np.stack(np.broadcast_arrays(right, up[:, None], -1.0), axis=-1).reshape(-1, 3)
    return unit(ahead @ CAMERA_AXES.T).astype(np.float32)


DIRECTIONS = _rays()
"""Unit directions of all rays, float32 _LINES * _LINES,3, row by row."""
_RANK = (np.arange(_LINES)[:, None] % RAYS * RAYS + np.arange(_LINES) % RAYS).ravel()
"""Rank of each ray among its pixel's nine. Each rank samples its part of a lamp's area and of a blurred reflection."""


def _tilts() -> np.ndarray:
    share = (np.arange(4) + 0.5) / 4
    tilts = np.zeros((RAYS * RAYS, 2), np.float32)
    tilts[1::2] = (ROUGH * np.sqrt(share / (1 - share)))[:, None] * np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])
    return tilts


TILTS = _tilts()
"""Slopes 9,2 of metal's surface for a pixel's nine rays."""
ASIDE = np.array([0.3, 0.5, 0.7], np.float32)
"""Offset from which a tangent of a normal is computed."""


def pixel(right: Vector, up: Vector, backward: Vector) -> tuple[Vector, Vector]:
    """Projects camera coordinates to column and row of the picture, 0 at the first pixel's centre."""
    scale = -160 / _HALF_WIDTH / RAYS / backward
    return (160 - 64) / RAYS - 0.5 + scale * right, (120 - 29) / RAYS - 0.5 - scale * up


def visible(solids: Sequence[Solid], camera: np.ndarray) -> np.ndarray:
    """Returns the first solid on each ray, int 192,192, index or ``GROUND``, from a camera position float32 3."""
    origins = np.broadcast_to(camera, DIRECTIONS.shape)
    _, index = first(solids, origins, DIRECTIONS, np.full(len(origins), GROUND))
    return index.reshape(_LINES, _LINES)


def centers(index: np.ndarray) -> np.ndarray:
    """Selects from the result of ``visible`` the rays through the pixels' centres, int 64,64."""
    return index[RAYS // 2 :: RAYS, RAYS // 2 :: RAYS]


def render(solids: Sequence[Solid], camera: np.ndarray, lamps: Sequence[Lamp]) -> np.ndarray:
    """Renders the picture, uint8 64,64,3, from the camera position, float32 3, lit by the lamps and the sun.

    Rays are converted to sRGB before they are averaged, because the data set's pixels are sRGB before downscaling.
    """
    origins = np.broadcast_to(camera, DIRECTIONS.shape)
    light = _trace(solids, (*lamps, SUN), origins, DIRECTIONS, _RANK, np.full(len(origins), GROUND), mirrors=True)
    return np.round(srgb(light).reshape(SIZE, RAYS, SIZE, RAYS, 3).mean((1, 3))).astype(np.uint8)


def srgb(light: Vector) -> Vector:
    """Converts linear light to sRGB in 0..255, without the linear segment: below it, pixels are black."""
    return 255 * (1.055 * light.clip(DARKEST, 1) ** (1 / 2.4) - 0.055)


def _trace(
    solids: Sequence[Solid],
    lamps: Sequence[Lamp],
    origins: np.ndarray,
    directions: np.ndarray,
    rank: np.ndarray,
    own: np.ndarray,
    mirrors: bool,
) -> np.ndarray:
    """Computes linear RGB N,3 seen along rays; ``mirrors``: whether metal reflects the solids around it."""
    distance, index = first(solids, origins, directions, own)
    on_ground = (index == GROUND) & (directions[:, 2] < 0)
    distance[on_ground] = -origins[on_ground, 2] / directions[on_ground, 2]
    light = np.repeat(backdrop(*directions.T)[:, None], 3, axis=1).astype(np.float32)
    rays = np.flatnonzero(np.isfinite(distance))
    index, directions, rank = index[rays], directions[rays], rank[rays]
    points = origins[rays] + distance[rays, None] * directions

    normal = np.zeros_like(points)
    normal[:, 2] = 1
    color, metal = np.full_like(points, GROUND_ALBEDO), np.zeros(len(rays), bool)
    for k, solid in enumerate(solids):
        its = index == k
        normal[its], color[its], metal[its] = normals(solid, points[its]), solid.color, solid.metal

    diffuse, gloss = _lamplight(solids, lamps, points, normal, directions, rank, index, metal)
    solid_there = index != GROUND
    diffuse[solid_there] += GROUND_BOUNCE * (1 - normal[solid_there, 2:]) / 2
    diffuse[~solid_there] *= bend(*points[~solid_there, :2].T)[:, None]
    light[rays] = color * diffuse / np.pi + gloss
    if metal.any():
        normal, directions, rank = _roughened(normal[metal], rank[metal]), directions[metal], rank[metal]
        mirrored = directions - 2 * dot(directions, normal)[:, None] * normal
        if mirrors:
            seen = _trace(solids, lamps, points[metal], mirrored, rank, index[metal], mirrors=False)
        else:
            seen = np.where(mirrored[:, 2:] < 0, GROUND_LIGHT, backdrop(*mirrored.T)[:, None])
        light[rays[metal]] = color[metal] * (seen + gloss[metal])
    return light


def _lamplight(
    solids: Sequence[Solid],
    lamps: Sequence[Lamp],
    points: np.ndarray,
    normal: np.ndarray,
    directions: np.ndarray,
    rank: np.ndarray,
    index: np.ndarray,
    metal: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Computes the lamps' irradiance N,3 at points, and their highlights, linear RGB N,3 towards the eye."""
    diffuse, gloss = np.zeros_like(points), np.zeros_like(points)
    for lamp in lamps:
        ahead, spots = _spots(lamp)
        to_lamp = spots[rank] - points
        reach = np.sqrt(dot(to_lamp, to_lamp))
        to_lamp /= reach[:, None]
        strength = dot(to_lamp, normal) * -(to_lamp @ ahead) / reach**2
        lit = np.flatnonzero((dot(to_lamp, normal) > 0) & (strength > 0))
        free = first(solids, points[lit], to_lamp[lit], index[lit])[0] >= reach[lit]
        intensity = np.array(lamp.intensity, np.float32)
        diffuse[lit] += (strength[lit] * np.where(free, 1, SHADE))[:, None] * intensity
        shiny = lit[free & (index[lit] != GROUND)]
        lobe = _lobe(normal[shiny], to_lamp[shiny], -directions[shiny], metal[shiny])
        gloss[shiny] += (strength[shiny] * lobe)[:, None] * intensity
    return diffuse, gloss


def _spots(lamp: Lamp) -> tuple[np.ndarray, np.ndarray]:
    """Returns the unit direction 3 in which a lamp shines, and the centres of the ninths of its area 9,3, float32."""
    ahead = -np.array(lamp.position) / np.linalg.norm(lamp.position)
    right = np.cross(ahead, (0, 0, 1))
    right /= np.linalg.norm(right)
    spots = lamp.position + lamp.side * NINTHS @ np.stack((right, np.cross(right, ahead)))
    return ahead.astype(np.float32), spots.astype(np.float32)


def _lobe(normal: np.ndarray, to_lamp: np.ndarray, to_eye: np.ndarray, metal: np.ndarray) -> np.ndarray:
    """Computes the share of a lamp's light that surfaces reflect into the eye, N per steradian.

    GGX microfacets (Walter et al. 2007) with Kelemen's shadowing.
    """
    half = unit(to_lamp + to_eye)
    cosine, incidence = dot(normal, half), dot(to_lamp, half)

    def ggx(width: float) -> np.ndarray:
        return width**2 / (np.pi * (cosine**2 * (width**2 - 1) + 1) ** 2)

    layers = SHARP_SHARE * ggx(SHARP) + (1 - SHARP_SHARE) * ggx(ROUGH)
    return np.where(metal, layers, RUBBER_SHINE * ggx(RUBBER)) / (4 * np.maximum(incidence, GRAZING) ** 2)


def _roughened(normal: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Perturbs normals N,3 of metal: five of a pixel's nine rays see the sharp layer, four are spread by GGX."""
    tangent = unit(np.cross(normal, unit(normal[:, [1, 2, 0]] + ASIDE)))
    return unit(normal + TILTS[rank, :1] * tangent + TILTS[rank, 1:] * np.cross(normal, tangent))


# -------------------------------------------------------------------- backdrop


def bend(x: Vector, y: Vector) -> Vector:
    """Returns the brightness of the backdrop relative to flat ground at these places; fitted."""
    away, aside = x * AWAY[0] + y * AWAY[1], x * AWAY[1] - y * AWAY[0]
    distance = (away**2 + BEND_ASIDE * aside**2) ** 0.5 * (away > 0)
    return BEND_LEVEL + BEND_GAIN * smoothstep((distance - BEND_FROM) / BEND_OVER)


def backdrop(x: Vector, y: Vector, z: Vector) -> Vector:
    """Returns the linear grey of unit directions above the horizon: the backdrop's fading upper end; set by eye."""
    level = ((x**2 + y**2) ** 0.5).clip(min=1e-6)
    ahead = (1 + (x * AWAY[0] + y * AWAY[1]) / level) / 2
    return SKY * ahead * (1 - smoothstep((z - SKY_FROM) / SKY_OVER))


def smoothstep(x: Vector) -> Vector:
    """Smooth step: 0 up to 0, 1 from 1 on."""
    x = x.clip(0, 1)
    return x * x * (3 - 2 * x)

"""MuJoCo renderer of Objects Room: a camera pose and objects to pixels and labels.

The room is seven length units wide, as in the GQN paper (Eslami et al. 2018). MuJoCo is optional
(``requirements-render.txt``). It needs an OpenGL that renders off-screen, which this module chooses.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import importlib
import io
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from monet.data.scene import Unavailable

SIZE = 64
SKY = (153, 226, 249)
MOST = 6
"""Largest number of objects in the room."""
RING, FIELD_OF_VIEW = 3.58, 48.6
"""Radius of the camera's ring; vertical field of view in degrees."""
_HALF_WIDTH, _WALL_HEIGHT, _CAMERA_HEIGHT = 3.5, 2.06, 0.79
_WALLS = ((1, 0), (0, 1), (-1, 0), (0, -1))

_RESTING = {
    "sphere": 0.29,
    "box": 0.26,
    "cylinder": 0.31,
    "capsule": 0.32,
    "icosahedron": 0.27,
    "cone": 0.0,
    "ring": 0.0,
}
SHAPES = tuple(_RESTING)

Color = tuple[float, float, float]


class View(NamedTuple):
    """Camera position on its ring and tilt, in radians, and the colours of wall and floor, RGB in [0, 1]."""

    angle: float
    nod: float
    wall: Color
    floor: Color


class Thing(NamedTuple):
    """An object: one of ``SHAPES``, position on the floor, rotation in radians, RGB in [0, 1]."""

    shape: str
    x: float
    y: float
    turn: float
    color: Color


def render(view: View, things: Sequence[Thing]) -> tuple[np.ndarray, np.ndarray]:
    """Renders a scene; safe to call from any thread and after a fork.

    Returns:
        picture uint8 64,64,3, each pixel the mean of four; labels at the pixels' centres, uint8 64,64: 0 sky, 1 floor,
        2 and 3 the walls from left to right, 4.. the things in their order.

    Raises:
        Unavailable: MuJoCo or OpenGL is missing.
    """
    with _lock:
        if os.getpid() not in _rooms:
            _rooms[os.getpid()] = _Room()
        return _rooms[os.getpid()].render(view, things)


class _Room:
    """One MuJoCo model and one OpenGL context for all scenes: geoms are recoloured, moved and hidden, never rebuilt.

    The context is entered and left for every scene, because it can be current in one thread only.
    """

    def __init__(self) -> None:
        try:
            import mujoco
        except ImportError as error:
            raise Unavailable(
                "Objects Room is rendered with MuJoCo, which is missing: run pip install -r requirements-render.txt."
            ) from error
        self.mujoco: Any = mujoco
        try:
            self.opengl = _opengl(mujoco)
            self.model = mujoco.MjModel.from_xml_string(_xml(), _textures())
            with self.opengl.as_current():
                self.context = mujoco.MjrContext(self.model, mujoco.mjtFontScale.mjFONTSCALE_50)
                mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self.context)
        except Exception as error:  # every OpenGL binding has its own error for a missing library
            raise Unavailable(
                "Objects Room needs an OpenGL that renders without a screen: install OSMesa "
                "(Debian, Ubuntu: apt-get install libosmesa6)."
            ) from error
        self.data = mujoco.MjData(self.model)
        self.view = mujoco.MjvScene(self.model, maxgeom=100)
        self.options = mujoco.MjvOption()
        self.camera = mujoco.MjvCamera()
        self.camera.type, self.camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0

    def render(self, view: View, things: Sequence[Thing]) -> tuple[np.ndarray, np.ndarray]:
        mujoco, model, data = self.mujoco, self.model, self.data
        ahead = -np.cos(view.angle), -np.sin(view.angle)
        data.mocap_pos[0] = -RING * ahead[0], -RING * ahead[1], _CAMERA_HEIGHT
        mujoco.mju_euler2Quat(data.mocap_quat[0], [np.pi / 2 + view.nod, 0, view.angle + np.pi / 2], "XYZ")
        # The ring touches the walls behind the camera; drawn, they would hide the scene.
        walls = [number for number, outward in enumerate(_WALLS) if np.dot(outward, ahead) > 0]
        walls.sort(key=lambda number: _WALLS[number][0] * ahead[1] - _WALLS[number][1] * ahead[0])
        shown = [(1, "floor", view.floor)]
        shown += [(label, f"wall {number}", view.wall) for label, number in enumerate(walls, 2)]
        for number, thing in enumerate(things):
            shown.append((4 + number, f"{thing.shape} {number}", thing.color))
            data.mocap_pos[1 + number] = thing.x, thing.y, _RESTING[thing.shape]
            data.mocap_quat[1 + number] = np.cos(thing.turn / 2), 0, 0, np.sin(thing.turn / 2)
        model.geom_group[:] = 5  # which the default options hide
        label_of = np.zeros(model.ngeom, np.uint8)
        for label, name, color in shown:
            geom = model.geom(name).id
            model.geom_group[geom], model.geom_rgba[geom, :3], label_of[geom] = 0, color, label
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)
        mujoco.mjv_updateScene(model, data, self.options, None, self.camera, mujoco.mjtCatBit.mjCAT_ALL, self.view)
        with self.opengl.as_current():
            fine = self._draw(2 * SIZE).astype(np.uint16)
            flags = [int(mujoco.mjtRndFlag.mjRND_SEGMENT), int(mujoco.mjtRndFlag.mjRND_IDCOLOR)]
            self.view.flags[flags] = 1
            drawn = self._draw(SIZE)[..., 0]  # 0: nothing, else the segment number plus one
            self.view.flags[flags] = 0
        label_of_drawn = np.zeros(256, np.uint8)
        for geom in self.view.geoms[: self.view.ngeom]:
            label_of_drawn[geom.segid + 1] = label_of[geom.objid]
        image = (fine.reshape(SIZE, 2, SIZE, 2, 3).sum((1, 3)) + 2) // 4
        return image.astype(np.uint8), label_of_drawn[drawn]

    def _draw(self, size: int) -> np.ndarray:
        picture = np.empty((size, size, 3), np.uint8)
        window = self.mujoco.MjrRect(0, 0, size, size)
        self.mujoco.mjr_render(window, self.view, self.context)
        self.mujoco.mjr_readPixels(picture, None, window, self.context)
        return picture[::-1]


_lock = threading.Lock()
_rooms: dict[int, _Room] = {}
"""By process id: an OpenGL context does not survive a fork, so a child process makes its own."""

if hasattr(os, "register_at_fork"):  # no fork while OpenGL renders
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def _opengl(mujoco: Any) -> Any:
    """Creates an off-screen context. On Linux, OSMesa is preferred to EGL because it draws the same everywhere."""
    # No renderer threads: they gain nothing on so few pixels and would not survive a fork.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    # Mesa and Triton both contain LLVM. If Mesa's is loaded first, PyTorch's import of Triton ends the process.
    with contextlib.suppress(ImportError):
        importlib.import_module("triton")
    linux = sys.platform.startswith("linux")
    backend = os.environ.get("MUJOCO_GL") or ("osmesa" if ctypes.util.find_library("OSMesa") else "egl")
    if linux and backend == "osmesa":
        from mujoco.osmesa import GLContext
    elif linux and backend == "egl":
        from mujoco.egl import GLContext
    else:
        GLContext = mujoco.GLContext

    class Context(GLContext):
        def __del__(self) -> None:
            """Frees nothing: at exit OpenGL may be unloaded already, and a forked child has only a copy."""

    return Context(2 * SIZE, 2 * SIZE)


# ------------------------------------------------------------------ model, meshes, textures


def _xml() -> str:
    walls = "".join(
        f'<geom name="wall {number}" type="plane" material="wall" size="{_HALF_WIDTH} {_WALL_HEIGHT / 2} .1" '
        f'pos="{x * _HALF_WIDTH} {y * _HALF_WIDTH} {_WALL_HEIGHT / 2}" xyaxes="{y} {-x} 0 0 0 1"/>'
        for number, (x, y) in enumerate(_WALLS)
    )
    things = "".join(
        f'<body mocap="true">'
        f'<geom name="sphere {number}" type="sphere" size=".29"/>'
        f'<geom name="box {number}" type="box" size=".26 .26 .26"/>'
        f'<geom name="cylinder {number}" type="cylinder" size=".3 .31"/>'
        f'<geom name="capsule {number}" type="capsule" size=".15 .17"/>'
        + "".join(
            f'<geom name="{shape} {number}" type="mesh" mesh="{shape}"/>' for shape in ("icosahedron", "cone", "ring")
        )
        + "</body>"
        for number in range(MOST)
    )
    meshes = "".join(
        f'<mesh name="{name}" vertex="{_numbers(vertices)}" face="{_numbers(faces)}" smoothnormal="false"/>'
        for name, (vertices, faces) in {"icosahedron": _icosahedron(), "cone": _cone(), "ring": _ring()}.items()
    )
    sky = _numbers(np.array(SKY) / 255)
    return f"""<mujoco>
<visual>
  <global offwidth="{2 * SIZE}" offheight="{2 * SIZE}"/>
  <quality shadowsize="512" offsamples="0"/>
  <headlight ambient=".5 .5 .5" diffuse=".66 .66 .66" specular="0 0 0"/>
  <map znear=".02" zfar="20" shadowclip="1"/>
</visual>
<statistic extent="5" center="0 0 1"/>
<asset>
  <texture type="skybox" builtin="flat" rgb1="{sky}" rgb2="{sky}" width="8" height="48"/>
  <texture name="floor" type="2d" file="floor.png"/>
  <texture name="wall" type="2d" file="wall.png"/>
  <material name="floor" texture="floor" texrepeat="4 4" specular="0"/>
  <material name="wall" texture="wall" texrepeat="3 1" specular="0"/>
  {meshes}
</asset>
<default><geom contype="0" conaffinity="0" group="5"/></default>
<worldbody>
  <light pos="1.9 1.2 4.5" dir="0 0 -1" diffuse=".9 .9 .9" specular=".1 .1 .1" cutoff="60" exponent="7"/>
  <body mocap="true"><camera fovy="{FIELD_OF_VIEW}"/></body>
  <geom name="floor" type="plane" material="floor" size="{_HALF_WIDTH} {_HALF_WIDTH} .1"/>
  {walls}
  {things}
</worldbody>
</mujoco>"""


def _numbers(array: np.ndarray) -> str:
    return " ".join(f"{number:g}" for number in np.ravel(array))


def _icosahedron() -> tuple[np.ndarray, np.ndarray]:
    """Builds an icosahedron of radius 0.3 that stands on a face."""
    golden = (1 + 5**0.5) / 2
    corners = np.array([(0, a, b * golden) for a in (-1, 1) for b in (-1, 1)])
    corners = np.concatenate([np.roll(corners, turn, axis=1) for turn in range(3)])
    corners *= 0.3 / np.linalg.norm(corners[0])
    return corners, np.zeros((0, 3), int)


def _cone() -> tuple[np.ndarray, np.ndarray]:
    """Builds a cone of radius 0.3 and height 0.6 with its base at 0."""
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    base = 0.3 * np.stack((np.cos(turn), np.sin(turn), 0 * turn), axis=1)
    return np.concatenate((base, [[0, 0, 0.6]])), np.zeros((0, 3), int)


def _ring() -> tuple[np.ndarray, np.ndarray]:
    """Builds a triangular ring of bars with sides of 0.8, upright on one of them."""
    turn = np.pi / 2 + 2 * np.pi / 3 * np.arange(3)
    triangle = np.stack((np.cos(turn), 0 * turn, np.sin(turn)), axis=1)
    outer, inner = 0.46 * triangle, 0.28 * triangle
    depth = np.array([0, 0.07, 0])
    # Front outer 0..2, front inner 3..5, back outer 6..8, back inner 9..11.
    corners = np.concatenate((outer - depth, inner - depth, outer + depth, inner + depth))
    corners[:, 2] += 0.23  # above the floor
    faces = []
    for a, b in ((0, 1), (1, 2), (2, 0)):
        for p, q, r, s in (
            (a, b, b + 3, a + 3),  # front
            (b + 6, a + 6, a + 9, b + 9),  # back
            (b, a, a + 6, b + 6),  # outside
            (a + 3, b + 3, b + 9, a + 9),  # inside
        ):
            faces += [(p, q, r), (p, r, s)]
    return corners, np.array(faces)


def _textures() -> dict[str, bytes]:
    """Draws the grey textures that are multiplied with the colours of floor and walls."""
    v, u = (np.mgrid[:256, :256] + 0.5) / 256
    floor = 255 - 32 * _hexagon_edges(v, u, 4)
    blot = ((v - 0.48) / 0.17) ** 2 + ((u - 0.5 - 0.6 * (v - 0.48)) / 0.07) ** 2 < 1
    wall = 255 - 24 * _hexagon_edges(v, u, 10) - 30 * blot
    return {"floor.png": _png(floor), "wall.png": _png(wall)}


def _hexagon_edges(v: np.ndarray, u: np.ndarray, count: int) -> np.ndarray:
    """Draws ``count`` (even) hexagons across: 1 on their edges, 0 inside, with period one in both directions."""
    distances = []
    for row in range(count):
        for column in range(count):
            down, right = v - (row + 0.5) / count, u - (column + row % 2 / 2) / count
            distances.append(np.hypot(down - np.round(down), (right - np.round(right))))
    nearest, second = np.partition(np.stack(distances), 1, axis=0)[:2]
    return (second - nearest) * count < 0.12


def _png(grey: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert("RGB").save(file, "PNG")
    return file.getvalue()

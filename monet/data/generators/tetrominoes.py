"""Tetrominoes, generated: pixel for pixel what DeepMind's data set shows (Kabra et al. 2019).

35x35 pixels, three pieces of four bevelled 5x5 tiles, six saturated colours, black background, pieces at any pixel
position fully inside the frame, touching at most. Shapes, colours and the tile's shading were measured on genuine
records; that shapes, colours and positions are uniform is assumed.
"""

from __future__ import annotations

import numpy as np

from monet.data.scene import Scene
from monet.data.seeds import Seed

SIZE = 35
TILE = 5
OBJECTS = (3, 3)

SHADING = np.array(
    [
        [191, 255, 255, 255, 223],
        [127, 159, 159, 159, 191],
        [127, 159, 159, 159, 191],
        [127, 159, 159, 159, 191],
        [95, 63, 63, 63, 127],
    ],
    dtype=np.uint8,
)
"""Value of a tile's lit colour channels."""

COLORS = np.array(
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]],
    dtype=np.uint8,
)

# In the order of the data set's labels 1 to 19; rows separated by spaces.
_SHAPES = (
    "####", "# # # #", "### #..", "#.. ###", "..# ###", "### ..#", "## .# .#", ".# .# ##", "## #. #.", "#. #. ##",
    "##. .##", ".## ##.", ".# ## #.", "#. ## .#", ".#. ###", "### .#.", ".# ## .#", "#. ## #.", "## ##",
)  # fmt: skip


def _piece(shape: str) -> np.ndarray:
    tiles = np.array([[tile == "#" for tile in row] for row in shape.split()], dtype=np.uint8)
    return np.kron(tiles, SHADING)


PIECES = tuple(_piece(shape) for shape in _SHAPES)
"""The 19 pieces as pictures of one lit channel, uint8 h,w, 0 outside."""


def generate(seed: Seed, objects: tuple[int, int] = OBJECTS) -> Scene:
    """One scene.

    Args:
        seed: the same seed, the same scene.
        objects: fewest and most pieces, at most 5 (more do not reliably fit).

    Raises:
        ValueError: ``objects`` out of range.
    """
    fewest, most = objects
    if not 0 <= fewest <= most <= 5:
        raise ValueError(f"objects {objects} must satisfy 0 <= fewest <= most <= 5")
    rng = np.random.default_rng(seed)
    count = rng.integers(fewest, most + 1)
    while True:
        image = np.zeros((SIZE, SIZE, 3), np.uint8)
        segmentation = np.zeros((SIZE, SIZE), np.uint8)
        if all(_place(rng, image, segmentation, label) for label in range(1, count + 1)):
            return Scene(image, segmentation, f"Tetrominoes, generated, seed {seed}")


def _place(rng: np.random.Generator, image: np.ndarray, segmentation: np.ndarray, label: int) -> bool:
    """Draws one piece where it fits; False after 50 tries, when the others have left no room."""
    piece = PIECES[rng.integers(len(PIECES))]
    color = COLORS[rng.integers(len(COLORS))]
    height, width = piece.shape
    for _ in range(50):
        row, column = rng.integers(SIZE - height + 1), rng.integers(SIZE - width + 1)
        window = np.s_[row : row + height, column : column + width]
        if not (segmentation[window] * piece).any():
            image[window] += piece[:, :, None] * color
            segmentation[window][piece > 0] = label
            return True
    return False

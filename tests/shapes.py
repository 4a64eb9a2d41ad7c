"""Draws pictures with known masks, not square: strong shapes on a rippled ground.

python -m tests.shapes photos --count 300     # photos/000.png, ... and photos_masks/000.png, ...
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image


def shapes(count: int, height: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Discs and squares of strong colours on rippled ground: pictures uint8 N,H,W,3 and their masks N,H,W."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    images, labels = [], np.zeros((count, height, width), np.uint8)
    for mask in labels:
        ripple = sum(np.sin(a * x + b * y + c) for a, b, c in rng.uniform(-0.6, 0.6, (4, 3)))
        image = rng.uniform(0.2, 0.6, 3) + 0.03 * ripple[..., None] + rng.normal(0, 0.01, (height, width, 3))
        for number, left in enumerate(rng.permutation(width // 20)[: rng.integers(1, 4)], 1):
            radius = rng.uniform(5, 8)
            row, column = rng.uniform(9, height - 9), 10 + 20 * left
            disc = (y - row) ** 2 + (x - column) ** 2 < radius**2
            square = np.maximum(abs(y - row), abs(x - column)) < radius * 0.9
            inside = disc if rng.integers(2) else square
            image[inside], mask[inside] = rng.permutation([0.95, rng.uniform(), 0.05]), number
        images.append(image)
    return (np.clip(images, 0, 1) * 255).round().astype(np.uint8), labels


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.shapes", description="Make pictures to try things on.")
    parser.add_argument("folder", type=Path, help="for the pictures; masks go to FOLDER_masks")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--size", type=int, nargs=2, default=(72, 96), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    masks = options.folder.with_name(f"{options.folder.name}_masks")
    for folder in (options.folder, masks):
        folder.mkdir(parents=True, exist_ok=True)
    for number, (image, mask) in enumerate(zip(*shapes(options.count, *options.size, options.seed), strict=True)):
        Image.fromarray(image).save(options.folder / f"{number:03d}.png")
        Image.fromarray(mask).save(masks / f"{number:03d}.png")

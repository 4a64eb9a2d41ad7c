"""How well a model decomposes: metrics over scenes with ground truth, and a picture of what it does.

python -m monet.evaluation multi_dsprites --count 320
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from monet import batches, checkpoints, metrics
from monet.batches import prepare, to_tensor
from monet.data import DATASETS, Scene
from monet.faults import told
from monet.figures import grid, segmentation_colors, to_uint8
from monet.model import Decomposition, MONet, MONetConfig
from monet.objective import Likelihood, loss
from monet.pictures import extract

BATCH = 32


@dataclass(frozen=True)
class Result:
    """Values per scene, by metric; NaN where a metric does not exist for a scene."""

    values: dict[str, np.ndarray]

    @property
    def means(self) -> dict[str, float]:
        return {name: float(np.nanmean(v)) for name, v in self.values.items()}

    @property
    def standard_errors(self) -> dict[str, float]:
        return {
            name: float(np.nanstd(v, ddof=1) / np.sqrt(np.isfinite(v).sum())) if len(v) > 1 else float("nan")
            for name, v in self.values.items()
        }


def evaluate(model: MONet, scenes: Sequence[Scene], likelihood: Likelihood = "per_channel") -> Result:
    """All metrics of a model in eval mode over scenes; see :func:`scores`."""
    parts = []
    for batch, images, decomposition in decompositions(model, scenes):
        true = np.stack([scene.segmentation for scene in batch if scene.segmentation is not None])
        parts.append(scores(model.config, images, decomposition, true, batch[0].background, likelihood))
    return Result({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def scores(
    config: MONetConfig,
    images: torch.Tensor,
    decomposition: Decomposition,
    true: np.ndarray | None = None,
    background: tuple[int, ...] = metrics.BACKGROUND,
    likelihood: Likelihood = "per_channel",
) -> dict[str, np.ndarray]:
    """Every figure of a batch, B values each.

    ``mse`` is that of sum_k m_k x_k; ``reconstruction``, ``latent_kl`` and ``mask_kl`` are the loss terms in nats.
    Where the true segmentation is known, ``ari``, ``ari_fg``, ``covering`` and ``matched_iou`` compare it with the
    slot that has the largest attention mask at each pixel, and with ``_decoded`` behind the name, the largest decoder
    mask. Pixels of the border around a smaller picture count in the loss only.

    Args:
        config: of the model.
        images: B,3,H,W in [0, 1].
        decomposition: of these images.
        true: integer B,H,W.
        background: true labels that are no object.
        likelihood: of the reconstruction term.
    """

    def inside(x: np.ndarray) -> np.ndarray:
        return extract(x, config.picture_size or config.resolution, axes=(-2, -1))

    values = {"mse": metrics.mean_squared_error(inside(images.numpy()), inside(decomposition.reconstruction.numpy()))}
    for index in range(len(images)):
        one = Decomposition(**{name: x[index : index + 1] for name, x in vars(decomposition).items()})
        for name, term in vars(loss(images[index : index + 1], one, config, likelihood)).items():
            values.setdefault(name, np.empty(len(images)))[index] = term.item()
    if true is not None:
        for suffix, masks in (("", decomposition.log_masks), ("_decoded", decomposition.mask_logits)):
            table = metrics.contingency(inside(true).astype(np.int64), inside(masks.argmax(1).numpy()))
            values[f"ari{suffix}"] = metrics.adjusted_rand_index(table)
            values[f"ari_fg{suffix}"] = metrics.adjusted_rand_index_foreground(table, background)
            values[f"covering{suffix}"] = metrics.segmentation_covering(table, background)
            values[f"matched_iou{suffix}"] = metrics.matched_iou(table, background)
    return values


def decompositions(model: MONet, scenes: Sequence[Scene]) -> Iterator[tuple[list[Scene], torch.Tensor, Decomposition]]:
    """Batches of prepared scenes, their images B,3,H,W and what the model makes of them, on the CPU."""
    device = next(model.parameters()).device
    for start in range(0, len(scenes), BATCH):
        batch = [prepare(scene, model.config) for scene in scenes[start : start + BATCH]]
        images = to_tensor(batch)
        with torch.inference_mode():
            decomposition = model(images.to(device))
        yield batch, images, Decomposition(**{k: v.cpu() for k, v in vars(decomposition).items()})


def contact_sheet(model: MONet, scenes: Sequence[Scene]) -> Image.Image:
    """One row per scene: picture, reconstruction, true and found segmentation, then every slot's masked component."""
    rows = []
    for batch, _, d in decompositions(model, scenes):
        masks = d.log_masks.exp()
        for i, scene in enumerate(batch):
            truth = scene.segmentation if scene.segmentation is not None else np.zeros(scene.image.shape[:2], int)
            slots = (masks[i][:, None] * d.components[i].clamp(0, 1)).permute(0, 2, 3, 1).numpy()
            rows.append([
                scene.image,
                to_uint8(d.reconstruction[i].permute(1, 2, 0).numpy()),
                segmentation_colors(truth),
                segmentation_colors(masks[i].argmax(0).numpy()),
                *(to_uint8(slot) for slot in slots),
            ])  # fmt: skip
    return grid(rows)


def table(result: Result) -> str:
    """Mean and standard error of every metric, a Markdown table; of the attention's masks and of the decoder's."""
    means, errors = result.means, result.standard_errors

    def cell(name: str) -> str:
        return f"{means[name]:.4f} ± {errors[name]:.4f}" if name in means else ""

    rows = [("metric", "attention masks", "decoder masks"), ("---", "---", "---")]
    rows += [(name, cell(name), cell(f"{name}_decoded")) for name in means if not name.endswith("_decoded")]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join(
        "| " + " | ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)) + " |" for row in rows
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m monet.evaluation", description="Measure a checkpoint.")
    parser.add_argument("checkpoint", help="name under checkpoints/ or a folder")
    parser.add_argument("--data", help="data set (default: the one that it was trained on)")
    parser.add_argument("--count", type=int, default=320, help="fresh scenes to measure on (default: 320)")
    parser.add_argument("--out", type=Path, help="folder for metrics.json and slots.png")
    options = parser.parse_args()
    try:
        checkpoint = checkpoints.read(options.checkpoint)
        model = checkpoints.load(checkpoint)
        data = options.data or checkpoint.data
        if data not in DATASETS:
            raise ValueError(f"data {data!r} is none of {', '.join(DATASETS)}")
    except ValueError as error:
        parser.exit(1, f"{error}\n")
    test = batches.scenes(data, batches.TEST, tqdm(range(options.count), desc="scenes", leave=False))
    result = evaluate(model, test, "joint")
    print(f"{checkpoint.title} on {options.count} scenes of {DATASETS[data].title}\n\n{table(result)}")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        values = {"checkpoint": checkpoint.name, "data": data, "count": options.count}
        values |= {"mean": result.means, "standard_error": result.standard_errors}
        (options.out / "metrics.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        contact_sheet(model, test[:8]).save(options.out / "slots.png")


if __name__ == "__main__":
    with told():
        main()

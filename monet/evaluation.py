"""How well a model decomposes: metrics over scenes with ground truth, and a picture of what it does.

python -m monet.evaluation
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
from monet.checkpoints import Checkpoint
from monet.data import DATASETS, Scene, StoreError, stored
from monet.faults import told
from monet.figures import grid, segmentation_colors, to_uint8
from monet.model import Decomposition, MONet, MONetConfig
from monet.objective import Likelihood, loss
from monet.pictures import extract

BATCH = 32
SHEET_SCENES = 8
"""Scenes that a contact sheet shows."""


@dataclass(frozen=True)
class Result:
    """Values per scene, by metric; NaN where a metric does not exist for a scene."""

    values: dict[str, np.ndarray]

    @property
    def means(self) -> dict[str, float]:
        """NaN where no scene has the metric."""
        return {name: float(v.mean()) if len(v) else float("nan") for name, v in self._existing()}

    @property
    def standard_errors(self) -> dict[str, float]:
        """NaN where fewer than two scenes have the metric."""
        return {
            name: float(v.std(ddof=1) / np.sqrt(len(v))) if len(v) > 1 else float("nan") for name, v in self._existing()
        }

    def _existing(self) -> Iterator[tuple[str, np.ndarray]]:
        return ((name, v[np.isfinite(v)]) for name, v in self.values.items())


def evaluate(model: MONet, scenes: Sequence[Scene], likelihood: Likelihood = "per_channel") -> Result:
    """All metrics of a model in eval mode over scenes; see :func:`scores`.

    Scenes may differ in their background labels. One without a segmentation has an MSE and loss terms and NaN for the
    rest, which is left out where no scene has it.
    """
    values: dict[str, np.ndarray] = {}
    start = 0
    for batch, images, decomposition in decompositions(model, scenes):
        alike: dict[tuple[bool, tuple[int, ...]], list[int]] = {}
        for index, scene in enumerate(batch):
            alike.setdefault((scene.segmentation is not None, scene.background), []).append(index)
        for (_, background), at in alike.items():
            part = Decomposition(**{name: x[at] for name, x in vars(decomposition).items()})
            labels = [label_map for index in at if (label_map := batch[index].segmentation) is not None]
            true = np.stack(labels) if labels else None
            for name, value in scores(model.config, images[at], part, true, background, likelihood).items():
                values.setdefault(name, np.full(len(scenes), np.nan))[start + np.array(at)] = value
        start += len(batch)
    return Result(values)


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
        background: true labels that are no object; where it is empty nobody knows which are, and the metrics of
            objects (all but ``ari``) are left out.
        likelihood: of the reconstruction term.
    """

    def inside(x: np.ndarray) -> np.ndarray:
        return extract(x, config.picture_size or config.resolution, axes=(-2, -1))

    values = {"mse": metrics.mean_squared_error(inside(images.numpy()), inside(decomposition.reconstruction.numpy()))}
    terms = loss(images, decomposition, config, likelihood)
    values |= {name: term.double().numpy() for name, term in vars(terms).items()}
    if true is not None:
        for suffix, masks in (("", decomposition.log_masks), ("_decoded", decomposition.mask_logits)):
            table = metrics.contingency(inside(true).astype(np.int64), inside(masks.argmax(1).numpy()))
            values[f"ari{suffix}"] = metrics.adjusted_rand_index(table)
            if not background:
                continue
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
    names = [name for name in result.values if not name.endswith("_decoded")]
    rows = [(name, _cell(result, name), _cell(result, f"{name}_decoded")) for name in names]
    return markdown(("metric", "attention masks", "decoder masks"), rows)


def summary(results: Sequence[tuple[Checkpoint, Result]]) -> str:
    """One row per checkpoint, a Markdown table."""
    rows = [
        (
            c.title, str(c.config.num_slots), str(c.config.resolution),
            _cell(r, "ari_fg"), _cell(r, "ari_fg_decoded"), _cell(r, "mse"),
        )
        for c, r in results
    ]  # fmt: skip
    return markdown(("checkpoint", "slots", "pixels", "ARI-FG", "ARI-FG, decoder's masks", "MSE"), rows)


def _cell(result: Result, name: str) -> str:
    mean, error = result.means.get(name, np.nan), result.standard_errors.get(name, np.nan)
    return (f"{mean:.4f}" if np.isfinite(mean) else "") + (f" ± {error:.4f}" if np.isfinite(error) else "")


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are aligned."""
    lines = [heads, ["---"] * len(heads), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "| " + " | ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)) + " |" for line in lines
    )


def find_scenes(data: str, count: int) -> tuple[str, list[Scene]]:
    """Title and scenes of a data set: fresh ones of a generated one, or the last of stored ones, or all of fewer.

    Args:
        data: name of a generated data set; or name or path of a stored one, see :func:`monet.data.stored`.
        count: scenes, at least 1.

    Raises:
        ValueError: neither exists, what is stored is damaged, or the generator misses something on this machine.
    """
    if count < 1:
        raise ValueError(f"A count of {count} scenes is less than one.")
    if data in DATASETS:
        return DATASETS[data].title, batches.scenes(data, batches.TEST, tqdm(range(count), "scenes", leave=False))
    try:
        source = stored(data)
    except StoreError as error:
        if Path(data).exists():
            raise
        raise ValueError(f"{error} Generated are {', '.join(DATASETS)}.") from error
    # What a model may have been trained on stands in front.
    return source.about.title, [source.scene(index) for index in range(max(0, len(source) - count), len(source))]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m monet.evaluation", description="Measure checkpoints.")
    parser.add_argument(
        "checkpoint", nargs="*", help="names under checkpoints/ or folders (default: all under checkpoints/)"
    )
    parser.add_argument(
        "--data",
        help="generated data set, or name or path of stored data (folder, .npz, a picture), of which the last scenes "
        "are taken (default: the one that it was trained on)",
    )
    parser.add_argument("--count", type=int, default=320, help="scenes to measure on (default: 320)")
    parser.add_argument(
        "--out", type=Path, help="folder for metrics.json and slots.png; a folder in it for each of many"
    )
    options = parser.parse_args()
    try:
        chosen = [checkpoints.read(name) for name in options.checkpoint] or checkpoints.find()[0]
        results = []
        for checkpoint in chosen:
            out = options.out and (options.out / checkpoint.name if len(chosen) > 1 else options.out)
            results.append((checkpoint, _measure(checkpoint, options.data or checkpoint.data, options.count, out)))
    except ValueError as error:
        parser.exit(1, f"{error}\n")
    if len(results) > 1:
        print(summary(results))


def _measure(checkpoint: Checkpoint, data: str, count: int, out: Path | None) -> Result:
    """Evaluates a checkpoint, prints its table and writes what was asked for."""
    model = checkpoints.load(checkpoint)
    title, scenes = find_scenes(data, count)
    result = evaluate(model, scenes, "joint")
    print(f"{checkpoint.title} on {len(scenes)} scenes of {title}\n\n{table(result)}\n")
    if unknown := sum(scene.segmentation is None for scene in scenes):
        print(f"{unknown} of the scenes have no segmentation: they count in mse and the loss terms only.\n")
    if out:
        out.mkdir(parents=True, exist_ok=True)
        values = {"checkpoint": checkpoint.name, "data": data, "count": len(scenes)}
        values |= {"mean": _finite(result.means), "standard_error": _finite(result.standard_errors)}
        (out / "metrics.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        contact_sheet(model, scenes[:SHEET_SCENES]).save(out / "slots.png")
    return result


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    """JSON knows no NaN."""
    return {name: value if np.isfinite(value) else None for name, value in values.items()}


if __name__ == "__main__":
    with told():
        main()

"""Trains several data sets one after the other within a time budget of minutes.

python -m monet.training sprint multi_dsprites tetrominoes --minutes 9 --out DIR

First it compares the device's loss, masks and gradients with the CPU's, and prints the training speed in pictures a
second. Then it trains every set from its run's state (``runs/NAME``) or from its checkpoint, through the last part of
its recipe. ``DIR`` gets all that is needed to resume elsewhere with ``python -m monet.training collect DIR``: at most
eight files of at most 15 MiB, updated every minute.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from monet import checkpoints
from monet.data.batches import TRAIN, prepare, scenes, to_tensor
from monet.model import MONet
from monet.training import recipe as recipes
from monet.training import state as states
from monet.training.recipe import Recipe, Stage
from monet.training.run import STATES, Run
from monet.training.step import VALUES, Scenes, Step
from monet.training.tables import EVALUATION, LOG, rows
from monet.vae import Lattice

FILES, BYTES = 8, 15 * 2**20
"""Limits of ``--out``: number of files, and bytes of each."""
REPORT = "sprint.json"
PRECISE, COARSE = 1e-4, 2e-3
"""Largest relative root mean square difference between devices in float32, and of bfloat16 from float32. The latter is
raised to twice the CPU's own bfloat16 difference, if that is larger."""
CHECKED = 8
"""Pictures that devices are compared on."""


@dataclass(frozen=True)
class Comparison:
    """Differences of a device from the CPU, relative root mean squares, and the largest allowed one."""

    loss: float
    masks: float
    gradient: float
    within: float

    @property
    def good(self) -> bool:
        return max(self.loss, self.masks, self.gradient) <= self.within

    def __str__(self) -> str:
        verdict = "ok" if self.good else "TOO LARGE"
        return f"loss {self.loss:.1e}, masks {self.masks:.1e}, gradient {self.gradient:.1e}: {verdict}"


def sprint(names: Sequence[str], minutes: float, out: Path, device: torch.device, *, batch: int | None = None) -> None:
    """Compares the device with the CPU, measures its speed, and trains.

    Args:
        names: recipes; each gets an equal share of the time.
        minutes: total wall time, compilation included.
        out: folder for the results, created if needed.
        device: training device.
        batch: pictures per step instead of the recipes'.

    Raises:
        ValueError: a name is not a recipe, there are too many names, or the device computes wrongly.
    """
    start = time.monotonic()
    plans = {name: recipes.load(name) for name in names}
    if len(plans) != len(names) or not 1 <= len(names) < FILES:
        raise ValueError(f"a sprint takes 1 to {FILES - 1} different recipes, not {', '.join(names)}")
    out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"device": describe(device), "minutes": minutes, "checks": {}, "rates": {}, "runs": {}}

    def note(part: str, name: str, value: Any, words: str) -> None:
        report[part][name] = value
        print(f"{time.monotonic() - start:6.1f} s  {name}: {words}", flush=True)
        (out / REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")

    for name, recipe in list(plans.items()):
        precise, coarse = compare(recipe, device)
        note(
            "checks",
            name,
            {"float32": vars(precise), "bfloat16": vars(coarse)},
            f"float32 {precise}; bfloat16 {coarse}",
        )
        if not precise.good:
            raise ValueError(f"{describe(device)} computes {name} differently from the CPU: {precise}")
        if not coarse.good:
            plans[name] = replace(recipe, bfloat16=False)
    with_optimizer = 2 * len(names) < FILES  # two files for each run, and the report
    for number, (name, recipe) in enumerate(plans.items()):
        run = prepare_run(name, recipe, device, batch)
        keep = partial(collect_from, run, out / name, with_optimizer)
        run.on_save = keep
        rate = pictures_a_second(run)
        note("rates", name, rate, f"{rate:.0f} pictures a second, every pixel, batches of {run.record['batch']}")
        before = dict(run.record)
        left = 60 * minutes - (time.monotonic() - start)
        run.train(minutes=max(left, 1) / (len(names) - number) / 60)
        keep()
        done = {part: run.record[part] - before[part] for part in ("step", "pictures", "slots", "seconds")}
        evaluated = rows(run.folder / EVALUATION)[-1:]
        note("runs", name, {**done, "evaluation": evaluated}, ", ".join(f"{v:.6g} {k}" for k, v in done.items()))
        for row in evaluated:
            print("  " + ", ".join(f"{name} {float(value):.4g}" for name, value in row.items()), flush=True)


def describe(device: torch.device) -> str:
    """Returns the display name of a device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"


def prepare_run(name: str, recipe: Recipe, device: torch.device, batch: int | None) -> Run:
    """Resumes the run of a name, else starts from its checkpoint at :meth:`Recipe.entry`, else starts a new run."""
    run = Run(recipe, Path("runs") / name, device=device, batch=batch)
    if not run.resume() and (checkpoints.FOLDER / name).is_dir():
        trained = checkpoints.load(name)
        run.start_from(trained, recipe.entry(trained.config), name)
    if device.type == "cuda":
        run.compile()
    return run


def compare(recipe: Recipe, device: torch.device) -> tuple[Comparison, Comparison]:
    """Compares a device with the CPU's float32: loss, masks and gradient of one step without noise.

    Returns:
        the comparison of float32, and that of bfloat16, whose tolerance depends on the CPU's own rounding.
    """
    images = to_tensor(prepare(s, recipe.model) for s in scenes(recipe.data, TRAIN, range(CHECKED)))
    cpu = torch.device("cpu")
    reference = probe(recipe, images, cpu, bfloat16=False)
    rounding = differences(reference, probe(recipe, images, cpu, bfloat16=True))
    exact = differences(reference, probe(recipe, images, device, bfloat16=False))
    coarse = differences(reference, probe(recipe, images, device, bfloat16=True))
    return Comparison(*exact, PRECISE), Comparison(*coarse, max(COARSE, 2 * max(rounding)))


def probe(recipe: Recipe, images: Tensor, device: torch.device, bfloat16: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Computes loss, masks and gradient of new weights on a device; returns them on the CPU."""
    torch.manual_seed(recipe.seed)
    step = Step(MONet(recipe.model).to(device), recipe)
    step.bfloat16 = bfloat16
    values = recipe.defaults | {"learning_rate": 0.0, "clip": 1.0}
    step.values.copy_(torch.tensor([values[name] for name in VALUES]))
    step.model.eval()  # no noise, because devices draw different noise
    images, slots = images.to(device), recipe.model.num_slots
    with full_float32():
        _, total = step.backward(Scenes(images, Lattice()), slots, Stage(1, slots=slots), 1)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            masks = step.model.attention(images, slots)[0].exp()
    gradient = torch.cat([p.grad.flatten() for p in step.model.parameters() if p.grad is not None])
    return total.cpu(), masks.float().cpu(), gradient.cpu()


def differences(a: tuple[Tensor, Tensor, Tensor], b: tuple[Tensor, Tensor, Tensor]) -> tuple[float, float, float]:
    """Computes root mean square differences, relative to ``a``."""
    loss, masks, gradient = (float((x - y).norm() / x.norm()) for x, y in zip(a, b, strict=True))
    return loss, masks, gradient


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Switches a GPU's reduced-precision float32 (TF32) off."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = False
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def pictures_a_second(run: Run, steps: int = 10) -> float:
    """Measures the training speed in pictures a second: all slots, every pixel, random pictures on the device.

    Restores the run afterwards.
    """
    recipe, step = run.recipe, run.optimizing
    before = run.state()
    side, slots = recipe.model.resolution, recipe.model.num_slots
    images = torch.rand(run.record["batch"], 3, side, side, device=run.device)
    stage = Stage(recipe.steps, slots=slots)
    run.model.train()
    for number in range(3 + steps):
        if number == 3:
            step.read()
            start = time.monotonic()
        step([Scenes(images, Lattice())], [number], slots, stage, float(recipe.steps), False)
    step.read()
    seconds = time.monotonic() - start
    run.restore(before)
    step.streak.zero_()
    return steps * len(images) / seconds


def collect_from(run: Run, path: Path, with_optimizer: bool) -> None:
    """Writes a run's last saved state with its log to ``PATH.weights.safetensors``.

    With ``with_optimizer``, also writes ``PATH.optimizer.safetensors``.

    Raises:
        ValueError: a file would exceed ``BYTES``.
    """
    folders = states.saved(run.folder / STATES)
    if not folders:
        return
    state = states.open_state(folders[-1] / states.WEIGHTS, folders[-1] / states.OPTIMIZER, torch.device("cpu"))
    texts = {
        name: (run.folder / name).read_text(encoding="utf-8") if (run.folder / name).is_file() else ""
        for name in (LOG, EVALUATION)
    }
    files = {states.WEIGHTS: (state.weights, {"record": json.dumps({**state.record, **texts})})}
    if with_optimizer:
        files[states.OPTIMIZER] = (state.optimizer, {})
    for name, (tensors, metadata) in files.items():
        target = path.with_name(f"{path.name}.{name}")
        part = target.with_suffix(".part")
        states.write_tensors(part, tensors, metadata)
        if part.stat().st_size > BYTES:
            part.unlink()
            raise ValueError(
                f"{target.name} would be larger than {BYTES >> 20} MiB: the network is too large for a sprint"
            )
        part.replace(target)


def collect(folder: Path, runs: Path = Path("runs")) -> list[Path]:
    """Copies the results of a sprint into the runs' folders, where they can be resumed; returns the folders.

    Raises:
        StateError: a file is damaged, or a run is further than the state that would replace it.
    """
    collected = []
    for weights in sorted(folder.glob(f"*.{states.WEIGHTS}")):
        name = weights.name.removesuffix(f".{states.WEIGHTS}")
        optimizer = folder / f"{name}.{states.OPTIMIZER}"
        state = states.open_state(weights, optimizer if optimizer.is_file() else None, torch.device("cpu"))
        run = runs / name
        existing, _ = states.read(run / STATES, torch.device("cpu"))
        if existing is not None and existing.record["step"] > state.record["step"]:
            raise states.StateError(
                f"{run} is at step {existing.record['step']}, further than {weights}: move it away."
            )
        run.mkdir(parents=True, exist_ok=True)
        for file in (LOG, EVALUATION):
            (run / file).write_text(state.record.pop(file, ""), encoding="utf-8")
        states.write(state, run / STATES)
        collected.append(run)
    if not collected:
        raise states.StateError(f"{folder} holds no results of a sprint: there is no file NAME.{states.WEIGHTS}.")
    return collected

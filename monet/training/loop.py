"""The training loop: one process or several under ``torchrun``, resumable at any moment."""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any, cast

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from monet import evaluation
from monet.batches import TRAIN, VALIDATE, prepare, scenes, to_tensor
from monet.model import MONet
from monet.objective import loss
from monet.training.recipe import Recipe
from monet.training.widen import widen
from monet.vae import Lattice

STATE, LOG, EVALUATION = "state.pt", "log.csv", "evaluation.csv"
EVALUATION_COUNT = 96


class Run:
    """A training run in a folder: ``state.pt``, ``log.csv``, ``evaluation.csv`` and ``pictures/``.

    ``data`` names stored scenes (see :func:`monet.batches.scenes`) to train on instead of the recipe's generated ones.
    The state holds weights, their average, the optimiser and the step. Scenes, lattice and noise are drawn from a seed
    made of the run's seed, the step and the part of the batch that goes through the network at once. So a run that
    was killed and resumed is, step by step, the run that was not, and one with a batch in two parts is the run of two
    processes with half the batch each.
    """

    def __init__(self, recipe: Recipe, folder: Path, data: str | None = None):
        self.recipe, self.folder = recipe, folder
        self.data = data or recipe.data
        self.rank = int(os.environ.get("RANK", 0))
        self.processes = int(os.environ.get("WORLD_SIZE", 1))
        local = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
        self.device = torch.device(local if torch.cuda.is_available() else "cpu")
        self.step = 0
        self.seconds = 0.0
        torch.manual_seed(recipe.seed)
        self.model = MONet(recipe.model)
        if recipe.he_initialisation:
            initialise(self.model)
        self.model.to(self.device)
        self.average = AveragedModel(
            self.model, multi_avg_fn=lambda *weights: get_ema_multi_avg_fn(recipe.value("average", self.step))(*weights)
        )
        # The attention first, then the VAE: each has its own pace and is clipped on its own.
        self.optimizer = torch.optim.Adam([{"params": list(part.parameters())} for part in self._parts])
        self._stop = False

    # ------------------------------------------------------------------ state

    @property
    def _parts(self) -> tuple[nn.Module, nn.Module]:
        return self.model.attention, self.model.vae

    def save(self) -> None:
        """Writes the state beside the old one and swaps them in one move: there is always a whole one."""
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        temporary = self.folder / f"{STATE}.{self.rank}.part"
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.folder / STATE)

    def resume(self) -> bool:
        """Goes on from the folder's state; False if there is none.

        Raises:
            ValueError: the state is of another network than the recipe's.
        """
        path = self.folder / STATE
        if not path.is_file():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError as error:
            raise ValueError(
                f"{path} is of another network than the recipe's [model] describes: give the folder's own recipe, or "
                "another --folder, which may start from an exported checkpoint with --weights"
            ) from error
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        if self.rank == 0:
            for name in (LOG, EVALUATION):  # a killed run wrote further than it saved, and will write that again
                forget_after(self.folder / name, self.step)
        return True

    def start_from(self, trained: MONet, step: int = 0) -> None:
        """Takes over the weights of a checkpoint and goes on at a step of the recipe; the optimiser begins anew.

        The recipe's attention may be wider than the checkpoint's (:func:`monet.training.widen.widen`).
        """
        self.step = step
        widen(trained, self.model)
        self.average.module.load_state_dict(self.model.state_dict())

    def compile(self) -> None:
        """Lets PyTorch fuse the attention's many small layers, which are half of a step; needs a C++ compiler.

        The first step then takes a minute, or a few seconds where PyTorch still has in its cache what it made.
        """
        self.model.attention.unet.compile(dynamic=False)

    # ------------------------------------------------------------------- loop

    def train(self, steps: int | None = None) -> None:
        """Runs to the recipe's last step, or for ``steps`` more, and leaves a saved state behind, however it ends."""
        recipe = self.recipe
        end = recipe.steps if steps is None else min(recipe.steps, self.step + steps)
        network: nn.Module = self.model
        if self.processes > 1:
            rests = any(stage.vae_every > 1 for stage in recipe.stages)
            network = DistributedDataParallel(self.model, find_unused_parameters=rests)
        self.model.train()
        handlers = {s: signal.signal(s, self._request_stop) for s in (signal.SIGINT, signal.SIGTERM)}
        progress = tqdm(
            total=end, initial=self.step, disable=self.rank > 0, unit="step", dynamic_ncols=True, mininterval=2,
        )  # fmt: skip
        try:
            while self.step < end and not self._stop:
                start = time.monotonic()
                values = self._step(network)
                self.step += 1
                self.seconds += time.monotonic() - start
                progress.update()
                self._report(progress, values)
        except BaseException:
            self.save()  # every process that is left: the first may be the one that is gone
            raise
        else:
            if self.rank == 0:
                self.save()
        finally:
            progress.close()
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop = True

    def _step(self, network: nn.Module) -> Tensor:
        recipe, stage = self.recipe, self.recipe.stage(self.step)
        first = (self.step * self.processes + self.rank) * recipe.batch_size
        objects, slots = stage.draw((recipe.seed, self.step))
        batch = scenes(self.data, TRAIN, range(first, first + recipe.batch_size), objects)
        images = to_tensor(prepare(scene, recipe.model) for scene in batch).to(self.device)
        parts = images.split(recipe.at_once or recipe.batch_size)
        self.optimizer.zero_grad(set_to_none=True)
        terms = []
        for number, part in enumerate(parts):
            torch.manual_seed(hash((recipe.seed, self.step, self.rank * len(parts) + number)))
            exchange: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
            if isinstance(network, DistributedDataParallel) and number < len(parts) - 1:
                exchange = network.no_sync()  # gradients go to the other processes once, when all parts are added
            with exchange:
                terms.append(self._backward(network, part, slots, len(parts)))
        clip = recipe.value("clip", self.step)
        norms = [nn.utils.clip_grad_norm_(part.parameters(), clip) for part in self._parts]
        norm = torch.stack(norms).norm()
        if not torch.isfinite(norm):  # before it reaches the weights, which are saved however the run ends
            raise FloatingPointError(f"the gradient is not finite at step {self.step}: lower the learning rate or clip")
        rate = recipe.value("learning_rate", self.step)
        attention, vae = self.optimizer.param_groups
        attention["lr"], vae["lr"] = rate, rate * recipe.value("vae_factor", self.step)
        self.optimizer.step()
        self.average.update_parameters(self.model)
        self.gradient_norm = norm.item()
        return torch.stack(terms).mean(0)

    def _backward(self, network: nn.Module, images: Tensor, slots: int, parts: int) -> Tensor:
        """Adds the gradient of one of the parts of a batch; returns its three terms."""
        recipe, stage = self.recipe, self.recipe.stage(self.step)
        vae_learns = self.step % stage.vae_every == 0
        self.model.vae.requires_grad_(vae_learns)
        lattice = Lattice.draw(recipe.model.resolution, stage.stride, stage.window if vae_learns else None)
        bfloat16 = recipe.bfloat16 and fast_bfloat16(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
            decomposition = network(images, slots, lattice, stage.detach_masks)
        terms = loss(
            images, decomposition, recipe.model, recipe.likelihood, lattice,
            recipe.value("scale_factor", self.step),
        ).mean()  # fmt: skip
        total = terms.total(recipe.value("beta", self.step), recipe.value("gamma", self.step))
        if not torch.isfinite(total):
            raise FloatingPointError(f"the loss is {total.item()} at step {self.step}: lower the learning rate or clip")
        (total / parts).backward()
        return torch.stack((terms.reconstruction, terms.latent_kl, terms.mask_kl)).detach()

    # ----------------------------------------------------------------- report

    def _report(self, progress: tqdm[Any], terms: Tensor) -> None:
        recipe, log = self.recipe, self.step % 50 == 0
        if log and self.processes > 1:
            torch.distributed.all_reduce(terms)
            terms /= self.processes
        if self.rank > 0:
            return
        if log:
            reconstruction, latent_kl, mask_kl = terms.tolist()
            row = {
                "step": self.step,
                "reconstruction": reconstruction,
                "latent_kl": latent_kl,
                "mask_kl": mask_kl,
                "gradient_norm": self.gradient_norm,
                "learning_rate": recipe.value("learning_rate", self.step),
                "scale_factor": recipe.value("scale_factor", self.step),
            }
            append(self.folder / LOG, row)
            rate = progress.format_dict["rate"] or 0.0
            progress.set_postfix_str(
                f"nll {row['reconstruction']:.0f}, latent KL {row['latent_kl']:.0f}, "
                f"mask KL {row['mask_kl']:.0f}, {rate * recipe.batch_size * self.processes:.0f} images/s",
                refresh=False,
            )
        if self.step % recipe.save_every == 0:
            self.save()
        if self.step % recipe.evaluate_every == 0 or self.step == recipe.steps:
            self.evaluate()

    def evaluate(self) -> None:
        """Scores the averaged weights on held-out scenes; a row in ``evaluation.csv`` and a picture of slots."""
        model = cast(MONet, self.average.module).eval()
        held_out = scenes(self.data, VALIDATE, range(EVALUATION_COUNT))
        result = evaluation.evaluate(model, held_out, self.recipe.likelihood)
        append(self.folder / EVALUATION, {"step": self.step, **result.means})
        pictures = self.folder / "pictures"
        pictures.mkdir(exist_ok=True)
        evaluation.contact_sheet(model, held_out[: evaluation.SHEET_SCENES]).save(pictures / f"{self.step:07d}.png")
        model.train()


def initialise(model: MONet) -> None:
    """He weights for the VAE and a posterior that starts narrow.

    With PyTorch's default the latent's signal shrinks below the unit noise on its way through nine layers, and
    components stay grey for thousands of steps.
    """
    for module in model.vae.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    posterior, output = model.vae.encoder.posterior, model.vae.decoder.output
    nn.init.xavier_normal_(posterior.weight)
    nn.init.xavier_normal_(output.weight)
    nn.init.constant_(posterior.bias[model.config.latent_dim :], -2.0)  # log sigma: 0.14


def fast_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is quicker than float32 here.

    On a CPU only instructions of its own make it so, AMX's or AVX-512's: with the latter the decoder's convolutions
    reached 2.5 times their float32 rate, forward and back; without either they are up to ten times slower.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def forget_after(path: Path, step: int) -> None:
    """Drops the rows of a CSV file, first column ``step``, that are later than a step or were not finished."""
    if path.exists():
        header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
        kept = [row for row in rows if row.endswith("\n") and float(row.split(",")[0]) <= step]
        temporary = path.with_name(f"{path.name}.part")
        temporary.write_text("".join([header, *kept]), encoding="utf-8")
        temporary.replace(path)


def append(path: Path, row: dict[str, float]) -> None:
    """Adds a row to a CSV file that starts with its column names."""
    new = not path.exists() or path.stat().st_size == 0  # killed between opening the file and writing to it
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow({name: f"{value:.6g}" for name, value in row.items()})

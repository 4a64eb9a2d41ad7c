"""Training step without device synchronisation: figures are summed on the device and read on request."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.distributed
from torch import Tensor, nn

from monet.devices import fast_bfloat16
from monet.model import MONet
from monet.objective import Loss, loss, slot_loss
from monet.training.captured import Captured, tensors
from monet.training.pool import Slots, hold_objects
from monet.training.recipe import Recipe, Stage
from monet.vae import Lattice, sample

VALUES = ("learning_rate", "vae_factor", "beta", "others_factor", "gamma", "scale_factor", "clip", "average")
"""Scheduled values, in the order of their tensor on the device, from which a captured step reads them."""


class Scenes(NamedTuple):
    """A batch of whole pictures.

    Attributes:
        images: B,3,H,W in [0, 1].
        lattice: the pixels of each that are decoded and scored.
    """

    images: Tensor
    lattice: Lattice


@dataclass(frozen=True)
class Figures:
    """Sums over steps.

    Attributes:
        sums: sums over the finite steps of the three loss terms, in nats per picture (or per single slot), and of the
            gradient's norm before clipping.
        steps: number of steps.
        skipped: number of steps that changed nothing because their loss or gradient was not finite.
        streak: number of skipped steps in a row at the end.
    """

    sums: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    steps: int = 0
    skipped: int = 0
    streak: int = 0

    def __add__(self, other: Figures) -> Figures:
        sums = tuple(a + b for a, b in zip(self.sums, other.sums, strict=True))
        return Figures(sums, self.steps + other.steps, self.skipped + other.skipped, other.streak)

    @property
    def means(self) -> tuple[float, ...]:
        return tuple(value / max(self.steps - self.skipped, 1) for value in self.sums)


class Step:
    """Training step: holds weights, their average and the optimiser, and updates them.

    A step whose loss or gradient is not finite changes none of the three; it is counted.
    """

    def __init__(self, model: MONet, recipe: Recipe, processes: int = 1):
        self.model, self.recipe, self.processes = model, recipe, processes
        self.device = next(model.parameters()).device
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        self.bfloat16 = recipe.bfloat16 and fast_bfloat16(self.device)
        # Attention and VAE have separate learning rates and are clipped separately.
        self.parts: tuple[nn.Module, nn.Module] = (model.attention, model.vae)
        self.optimizer = torch.optim.Adam(
            [{"params": list(part.parameters()), "lr": torch.zeros((), device=self.device)} for part in self.parts],
            fused=True, capturable=self.device.type == "cuda",
        )  # fmt: skip
        self.values = torch.zeros(len(VALUES), device=self.device)
        self.sums = torch.zeros(6, device=self.device)
        self.streak = torch.zeros((), device=self.device)
        self._captured: dict[tuple[object, ...], Captured] = {}
        self.capture = False
        """Whether steps are captured as CUDA graphs."""
        self.rate = 1.0
        """Factor of the recipe's learning rate."""

    def __call__(
        self,
        inputs: Sequence[Scenes | Slots],
        seeds: Sequence[int],
        slots: int,
        stage: Stage,
        position: float,
        first: bool,
    ) -> None:
        """Trains on a batch.

        Args:
            inputs: chunks of the batch, which go through the network one after the other.
            seeds: seed of the noise of each chunk.
            slots: K.
            stage: the stage, which says what is trained.
            position: position in the recipe, for its schedules.
            first: whether this is the run's first step, which initialises the average.
        """
        values = [self.recipe.value(name, position) for name in VALUES]
        values[0] *= self.rate
        if first:
            values[-1] = 0.0
        # Pinned memory, because a copy from pageable memory waits for earlier steps on the GPU.
        self.values.copy_(torch.tensor(values, pin_memory=self.device.type == "cuda"), non_blocking=True)
        self.model.attention.requires_grad_(stage.learn in ("everything", "attention"))
        self.model.vae.requires_grad_(stage.learn != "attention")
        if self.capture and len(inputs) == 1:
            torch.manual_seed(seeds[0])
            key = (slots, stage, tuple(tensor.shape for tensor in tensors(inputs[0])))
            if key not in self._captured:
                self._captured[key] = Captured(self, inputs[0], slots, stage)
            self._captured[key](inputs[0])
        else:
            self._work(inputs, seeds, slots, stage)

    def read(self) -> Figures:
        """Reads the figures since the last reading, means over the processes; all processes must call it.

        Waits for the device.
        """
        if self.processes > 1:
            torch.distributed.all_reduce(self.sums)
            self.sums /= self.processes
        *sums, steps, skipped = self.sums.tolist()
        self.sums.zero_()
        return Figures(tuple(sums), round(steps), round(skipped), round(self.streak.item()))

    # ------------------------------------------------------------------ inside

    def _work(self, inputs: Sequence[Scenes | Slots], seeds: Sequence[int], slots: int, stage: Stage) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        terms = self.sums.new_zeros(3)
        total = self.sums.new_zeros(())
        for part, seed in zip(inputs, seeds, strict=True):
            torch.manual_seed(seed)
            part_terms, part_total = self.backward(part, slots, stage, len(inputs))
            terms, total = terms + part_terms / len(inputs), total + part_total
        self.finish(terms, total)

    def backward(self, part: Scenes | Slots, slots: int, stage: Stage, parts: int) -> tuple[Tensor, Tensor]:
        """Adds the gradient of a chunk; returns its three loss terms and its share of the objective."""
        _, _, beta, others, gamma, scale, _, _ = self.values.unbind()
        if isinstance(part, Slots):
            terms = self._slot_terms(part, others)
        else:
            terms = self._terms(part, slots, stage, scale, others)
        total = terms.total(beta, gamma) / parts
        total.backward()
        return torch.stack((terms.reconstruction, terms.latent_kl, terms.mask_kl)).detach(), total.detach()

    def _terms(self, scenes: Scenes, slots: int, stage: Stage, scale_factor: Tensor, others: Tensor) -> Loss:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            decomposition = self.model(scenes.images, slots, scenes.lattice, stage.detach_masks)
        return loss(
            scenes.images, decomposition, self.recipe.model, self.recipe.likelihood, scenes.lattice, scale_factor,
            torch.where(hold_objects(decomposition.log_masks), 1.0, others),
        ).mean()  # fmt: skip

    def _slot_terms(self, slots: Slots, others: Tensor) -> Loss:
        config, vae = self.recipe.model, self.model.vae
        shown = slots.log_masks if config.log_mask_floor is None else slots.log_masks.clamp(min=config.log_mask_floor)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            mean, log_std = vae.encoder(slots.images, shown[:, None])
            latents = sample(mean, log_std)
            components, mask_logits = vae.decoder(latents, config.resolution, config.resolution, slots.windows)
        scales = torch.where(slots.first, config.background_scale, config.foreground_scale)
        images, masks = slots.windows.take(slots.images), slots.windows.take(slots.log_masks).exp()
        terms = slot_loss(images, masks, components, mask_logits[:, 0], scales, mean, log_std)
        weights = torch.where(hold_objects(slots.log_masks), 1.0, others)
        return replace(terms, latent_kl=weights * terms.latent_kl).mean()

    def finish(self, terms: Tensor, total: Tensor) -> None:
        learned = [[p for p in part.parameters() if p.grad is not None] for part in self.parts]
        if self.processes > 1:
            total = self._exchange([p.grad for part in learned for p in part if p.grad is not None], total)
        rate, vae_factor, _, _, _, _, clip, average = self.values.unbind()
        norms = [_clip(part, clip) for part in learned if part]
        norm = torch.stack(norms).norm()
        skip = ~(torch.isfinite(norm) & torch.isfinite(total))
        # If this is 1, the fused optimiser changes nothing, without synchronising with the host.
        self.optimizer.found_inf = skip.float()  # type: ignore[attr-defined]
        attention, vae = self.optimizer.param_groups
        attention["lr"].copy_(rate)
        vae["lr"].copy_(rate * vae_factor)
        self.optimizer.step()
        averages: list[Tensor] = list(self.average.parameters())
        weights: list[Tensor] = list(self.model.parameters())
        with torch.no_grad():
            distance = torch._foreach_sub(weights, averages)
            torch._foreach_mul_(distance, torch.where(skip, 0.0, 1 - average))
            torch._foreach_add_(averages, list(distance))
            figures = torch.cat((terms, norm[None]))
            counts = torch.stack((torch.ones_like(norm), skip.float()))
            self.sums += torch.cat((torch.where(skip, 0.0, figures), counts))
            self.streak.add_(1).mul_(skip)

    def _exchange(self, gradients: list[Tensor], total: Tensor) -> Tensor:
        """Averages the gradients over the processes in place; returns the average of ``total``."""
        flat = torch.cat([*(gradient.flatten() for gradient in gradients), total[None]])
        torch.distributed.all_reduce(flat)
        flat /= self.processes
        *shares, total = flat.split([*(gradient.numel() for gradient in gradients), 1])
        torch._foreach_copy_(gradients, [s.view_as(g) for s, g in zip(shares, gradients, strict=True)])
        return total[0]

    # ------------------------------------------------------------------- state

    def tensors(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Returns weights with their average, and the optimiser's moments, by name; see :mod:`monet.training.state`."""
        weights = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        weights |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        memory = {
            f"{kind}.{name}": value
            for name, parameter in self.model.named_parameters()
            for kind, value in self.optimizer.state.get(parameter, {}).items()
        }
        return weights, memory

    def forget(self, module: nn.Module) -> None:
        """Resets the optimiser for the weights of a module."""
        for parameter in module.parameters():
            self.optimizer.state.pop(parameter, None)
        self._captured.clear()  # captured steps hold addresses of the old moments

    @torch.no_grad()
    def load(self, weights: dict[str, Tensor], memory: dict[str, Tensor]) -> None:
        """Loads the result of :meth:`tensors`.

        Raises:
            RuntimeError: it is from another network.
        """
        for prefix, module in (("model.", self.model), ("average.", self.average)):
            module.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})
        self.forget(self.model)
        for name, parameter in self.model.named_parameters():
            kinds = {key.partition(".")[0]: v for key, v in memory.items() if key.partition(".")[2] == name}
            # In the memory layout of the weight, because the fused optimiser ignores strides.
            moments = {
                kind: torch.empty_like(parameter).copy_(v) if v.shape == parameter.shape else v.clone()
                for kind, v in kinds.items()
            }
            if moments:
                self.optimizer.state[parameter] = moments


def _clip(parameters: list[nn.Parameter], most: Tensor) -> Tensor:
    """Clips the gradient to a norm of ``most``; returns its norm before.

    Like ``nn.utils.clip_grad_norm_``, but with the limit on the device.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.stack(torch._foreach_norm(gradients)).norm()
    torch._foreach_mul_(gradients, (most / (norm + 1e-6)).clamp(max=1.0))
    return norm


def rate_for(batch: int, recipe: Recipe) -> float:
    """Returns the factor of the learning rate for a batch size: the square root of its ratio (Malladi et al. 2022)."""
    return math.sqrt(batch / recipe.batch_size)

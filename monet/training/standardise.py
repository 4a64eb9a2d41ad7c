"""Gives the latents of objects mean 0 and variance 1, as the prior has, without changing what a model draws."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monet.data import Scene
from monet.evaluation import decompositions
from monet.model import MONet
from monet.pictures import How
from monet.training.pool import hold_objects

SCENES = 256
"""Training scenes whose object slots are measured."""


@torch.no_grad()
def standardise(model: MONet, scenes: Sequence[Scene], how: How = "crop") -> None:
    """Shifts and scales each latent in place: z' = (z - a) / s, with the mean a and the deviation s over object slots.

    Both are those of the aggregate posterior, the mixture of the posteriors of all slots that hold an object. Of all
    shifts and scales these minimise the mean KL divergence of these slots from the prior. The last layer of the encoder
    divides by s, the first of the decoder multiplies by it, and every decoded picture stays the same: a tiled latent is
    constant, also in the border that the decoder's convolutions remove.

    Args:
        model: model in eval mode.
        scenes: scenes to measure.
        how: how to make pictures square.

    Raises:
        ValueError: no slot holds an object.
    """
    means, stds = [], []
    for _, _, decomposition in decompositions(model, scenes, how):
        chosen = hold_objects(decomposition.log_masks)
        means.append(decomposition.latent_mean[chosen])
        stds.append(decomposition.latent_log_std[chosen].exp())
    mean, std = torch.cat(means), torch.cat(stds)
    if not len(mean):
        raise ValueError(f"no slot of {len(scenes)} scenes holds an object: there is nothing to standardise")
    posterior, first = model.vae.encoder.posterior, model.vae.decoder.convolutions[0]
    assert isinstance(first, torch.nn.Conv2d) and first.bias is not None
    dim = mean.shape[1]
    shift = mean.mean(0).to(posterior.weight.device)
    scale = (mean.var(0, correction=0) + std.square().mean(0)).sqrt().to(posterior.weight.device)
    posterior.weight[:dim] /= scale[:, None]
    posterior.bias[:dim] = (posterior.bias[:dim] - shift) / scale
    posterior.bias[dim:] -= scale.log()
    first.bias += first.weight[:, :dim].sum((2, 3)) @ shift
    first.weight[:, :dim] *= scale[:, None, None]

"""Gives every latent of an object one meaning, and the prior's mean and variance, without changing what a model draws.

Training mixes place, size and colour of an object over its latents: two may each hold a sum of height and size. Objects
have these properties independently of each other, and the latents depend on them almost linearly, so independent
component analysis finds them without labels.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch

from monet.data import Scene
from monet.evaluation import decompositions
from monet.latents.features import FEATURES, measure
from monet.latents.record import UNUSED
from monet.model import MONet
from monet.pictures import How
from monet.training.pool import hold_objects

SCENES = 2048
"""Training scenes whose object slots are measured."""
FEWEST = 10
"""Least number of slots for each latent."""


@torch.no_grad()
def make_independent(model: MONet, scenes: Sequence[Scene], how: How = "crop") -> None:
    """Transforms the latents in place, z' = W (z - m), so that they are independent over the slots that hold an object.

    W is the unmixing matrix of FastICA (Hyvärinen & Oja 2000) for the posterior means of the used latents. It is scaled
    so that the aggregate posterior, the mixture of the posteriors of these slots, has mean 0 and variance 1. The
    encoder's last and the decoder's first layer take up W and m, so everything that is decoded from posterior means
    stays the same: a tiled latent is constant, also in the border that the decoder's convolutions remove. Latents are
    sorted by their KL divergence from the prior, the largest first, and increase with the feature of
    :mod:`monet.latents.features` that they determine most.

    The transformed posterior is not diagonal. Of all diagonal Gaussians, the one with the least KL divergence to it has
    the same mean and precisions. Its log standard deviations are a least-squares fit to the old ones.

    Args:
        model: model in eval mode.
        scenes: scenes to measure.
        how: how to make pictures square.

    Raises:
        ValueError: too few slots hold an object, or scikit-learn is not installed.
    """
    mean, std, seen = _objects(model, scenes, how)
    dim = mean.shape[1]
    if len(mean) < FEWEST * dim:
        raise ValueError(
            f"independent latents need {FEWEST * dim} slots that hold an object, but there are {len(mean)} in "
            f"{len(scenes)} training scenes"
        )
    shift, scale = mean.mean(0), _spread(mean, std)
    mean, std = (mean - shift) / scale, std / scale
    unmixing = np.eye(dim)
    used = _kl(std) >= UNUSED
    if used.sum() > 1:
        unmixing[np.ix_(used, used)] = _unmix(mean[:, used])
    means = mean @ unmixing.T
    stds = (std**-2 @ np.linalg.inv(unmixing) ** 2) ** -0.5
    factor = _signs(means, seen) / _spread(means, stds)
    order = np.argsort(-_kl(stds * abs(factor)), kind="stable")
    unmixing, stds = (unmixing * factor[:, None])[order], (stds * abs(factor))[:, order]

    logs = np.column_stack((np.log(std), np.ones(len(std))))
    fitted, *_ = np.linalg.lstsq(logs, np.log(stds))
    _change(model, unmixing, shift, scale, fitted)


def _change(model: MONet, unmixing: np.ndarray, shift: np.ndarray, scale: np.ndarray, fitted: np.ndarray) -> None:
    """Changes encoder and decoder to latents W (z - shift) / scale.

    Args:
        model: the model.
        unmixing: W, Z,Z.
        shift: Z.
        scale: Z.
        fitted: Z+1,Z, weights and, in the last row, biases of the new log standard deviations, for those of
            (z - shift) / scale.
    """
    posterior, first = model.vae.encoder.posterior, model.vae.decoder.convolutions[0]
    assert isinstance(first, torch.nn.Conv2d) and first.bias is not None
    dim = len(shift)
    unmix, move, stretch, fit = (torch.from_numpy(x).to(posterior.weight) for x in (unmixing, shift, scale, fitted))
    mix = torch.from_numpy(np.linalg.inv(unmixing)).to(posterior.weight) * stretch[:, None]
    to_mean, to_log_std = unmix / stretch, fit[:dim].T
    mean, log_std = (posterior.weight[:dim], posterior.bias[:dim]), (posterior.weight[dim:], posterior.bias[dim:])
    posterior.weight.copy_(torch.cat((to_mean @ mean[0], to_log_std @ log_std[0])))
    posterior.bias.copy_(torch.cat((to_mean @ (mean[1] - move), to_log_std @ (log_std[1] - stretch.log()) + fit[dim])))
    first.bias += first.weight[:, :dim].sum((2, 3)) @ move
    first.weight[:, :dim] = torch.einsum("oihw,ij->ojhw", first.weight[:, :dim], mix)


def _objects(model: MONet, scenes: Sequence[Scene], how: How) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns posterior means and standard deviations N,Z of the slots that hold an object, and their features N,F."""
    means, log_stds, seen = [], [], []
    for _, _, decomposition in decompositions(model, scenes, how):
        chosen = hold_objects(decomposition.log_masks)
        means.append(decomposition.latent_mean[chosen])
        log_stds.append(decomposition.latent_log_std[chosen])
        seen.append(measure(decomposition.log_masks[chosen].exp().numpy(), decomposition.components[chosen].numpy()))
    return torch.cat(means).double().numpy(), torch.cat(log_stds).double().exp().numpy(), np.concatenate(seen)


def _spread(mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Returns the standard deviation Z of the mixture of Gaussians N,Z."""
    return np.asarray(np.sqrt(mean.var(0) + (std**2).mean(0)))


def _kl(std: np.ndarray) -> np.ndarray:
    """Returns the mean KL divergence Z from the prior, in nats, if the mixture has mean 0 and variance 1."""
    return np.asarray(-np.log(std).mean(0))


def _unmix(values: np.ndarray) -> np.ndarray:
    """Returns the unmixing matrix of values N,Z with mean 0.

    Raises:
        ValueError: scikit-learn is not installed.
    """
    try:
        from sklearn.decomposition import FastICA
        from sklearn.exceptions import ConvergenceWarning
    except ImportError as error:
        raise ValueError("independent latents need scikit-learn: pip install -r requirements-training.txt") from error
    analysis = FastICA(whiten="unit-variance", max_iter=1000, tol=1e-3, random_state=0)
    with warnings.catch_warnings():
        # Normally distributed latents have no independent directions and never converge; any directions are as good.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(analysis.fit(values).components_)


def _signs(latents: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Returns the sign Z of each latent's strongest correlation with a directed feature of N,F."""
    chosen = [n for n, feature in enumerate(FEATURES.values()) if feature.directed and feature.period is None]
    directed = seen[:, chosen]
    directed = (directed - directed.mean(0)) / np.maximum(directed.std(0), 1e-9)
    covariance = latents.T @ directed
    strongest = np.take_along_axis(covariance, abs(covariance).argmax(1)[:, None], 1)[:, 0]
    return np.where(strongest < 0, -1.0, 1.0)

"""MONet's training objective: the three terms of equation 3, each a sum over pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from monet.model import Decomposition, MONetConfig
from monet.vae import Lattice

Likelihood = Literal["per_channel", "joint", "masked"]
LIKELIHOODS: tuple[str, ...] = get_args(Likelihood)


@dataclass(frozen=True)
class Loss:
    """The three terms before weighting, in nats per picture: B values, or scalars for the mean over a batch.

    Attributes:
        reconstruction: negative log-likelihood of the pixels, without the constant (3 H W / 2) log(2 pi). It is the
            negative log of a density, so it is often negative with small scales.
        latent_kl: sum over slots of D_KL(q_phi(z_k | x, m_k) || N(0, 1)).
        mask_kl: D_KL(q_psi(c | x) || p_theta(c | z)), of the attention's masks from the decoder's.
    """

    reconstruction: Tensor
    latent_kl: Tensor
    mask_kl: Tensor

    def total(self, beta: float | Tensor, gamma: float | Tensor) -> Tensor:
        """The objective of equation 3."""
        return self.reconstruction + beta * self.latent_kl + gamma * self.mask_kl

    def mean(self) -> Loss:
        """The mean over the batch, as scalars."""
        return Loss(self.reconstruction.mean(), self.latent_kl.mean(), self.mask_kl.mean())


def loss(
    images: Tensor,
    decomposition: Decomposition,
    config: MONetConfig,
    likelihood: Likelihood = "per_channel",
    lattice: Lattice = Lattice(),
    scale_factor: float | Tensor = 1.0,
    kl_weights: float | Tensor = 1.0,
) -> Loss:
    """Computes the three terms of every picture of a batch.

    Args:
        images: B,3,H,W in [0, 1].
        decomposition: of these images, decoded on ``lattice``.
        config: provides sigma_bg and sigma_fg.
        likelihood: see :func:`log_likelihood`.
        lattice: the decoded pixels; sums over them are scaled up to the whole picture.
        scale_factor: multiplies both component scales (training anneals it from above 1 to 1).
        kl_weights: B,K, weight of each slot in ``latent_kl``.
    """
    divergences = latent_kl(decomposition.latent_mean, decomposition.latent_log_std).sum(2)
    slots = decomposition.components.shape[1]
    scales = images.new_full((slots,), config.foreground_scale)
    scales[0] = config.background_scale
    log_masks = lattice.take(decomposition.log_masks)
    pixels = images.shape[-1] * images.shape[-2] / log_masks[0, 0].numel()
    per_pixel = log_likelihood(
        lattice.take(images), log_masks, decomposition.components, scales * scale_factor, likelihood
    )
    return Loss(
        reconstruction=-pixels * per_pixel.sum((1, 2)),
        latent_kl=(kl_weights * divergences).sum(1),
        mask_kl=pixels * mask_kl(log_masks, decomposition.mask_logits).sum((1, 2)),
    )


def log_likelihood(
    images: Tensor, log_masks: Tensor, components: Tensor, scales: Tensor, likelihood: Likelihood = "per_channel"
) -> Tensor:
    """log p(x) of every pixel, B,H,W, without the constant of the Gaussian.

    ``per_channel`` is the reference's: each colour channel is a separate mixture, log sum_k m_k N(x_c; x_kc, s_k).
    ``joint`` is the mixture of the paper's generative model: one slot explains all three channels,
    log sum_k m_k prod_c N(x_c; x_kc, s_k). ``masked`` weights log-likelihoods, sum_k m_k log N(x; x_k, s_k), a lower
    bound of ``joint`` by Jensen's inequality.

    Args:
        images: B,3,H,W.
        log_masks: B,K,H,W.
        components: B,K,3,H,W.
        scales: K, standard deviations.
    """
    scales = scales[:, None, None, None]
    # B,K,3,H,W
    log_normal = -0.5 * ((images[:, None] - components) / scales) ** 2 - scales.log()
    if likelihood == "per_channel":
        return torch.logsumexp(log_masks[:, :, None] + log_normal, dim=1).sum(1)
    if likelihood == "joint":
        return torch.logsumexp(log_masks + log_normal.sum(2), dim=1)
    if likelihood == "masked":
        return (log_masks.exp() * log_normal.sum(2)).sum(1)
    raise ValueError(f"likelihood {likelihood!r} is none of {', '.join(LIKELIHOODS)}")


def slot_loss(
    images: Tensor,
    masks: Tensor,
    components: Tensor,
    mask_logits: Tensor,
    scales: Tensor,
    mean: Tensor,
    log_std: Tensor,
) -> Loss:
    """Computes the three terms of slots that are trained separately, N values each, in nats per slot.

    Without the other slots there is no softmax over them, so a slot's mask is a Bernoulli variable at every pixel, and
    ``mask_kl`` is the divergence of the given mask from the decoder's. ``reconstruction`` is one slot's summand of the
    ``masked`` likelihood (:func:`log_likelihood`).

    Args:
        images: N,3,H,W in [0, 1].
        masks: N,H,W in [0, 1], the slot's attention mask.
        components: N,3,H,W.
        mask_logits: N,H,W.
        scales: N, standard deviations.
        mean, log_std: N,Z, of the posterior.
    """
    log_normal = -0.5 * ((images - components) / scales[:, None, None, None]) ** 2
    per_pixel = log_normal.sum(1) - 3 * scales.log()[:, None, None]
    cross_entropy = F.binary_cross_entropy_with_logits(mask_logits, masks, reduction="none")
    entropy = torch.special.entr(masks) + torch.special.entr(1 - masks)
    return Loss(
        reconstruction=-(masks * per_pixel).sum((1, 2)),
        latent_kl=latent_kl(mean, log_std).sum(1),
        mask_kl=(cross_entropy - entropy).sum((1, 2)),
    )


def latent_kl(mean: Tensor, log_std: Tensor) -> Tensor:
    """D_KL(N(mean, std) || N(0, 1)) of every latent, in nats, same shape as ``mean``."""
    return 0.5 * (mean**2 + (2 * log_std).exp() - 1) - log_std


def mask_kl(log_masks: Tensor, mask_logits: Tensor) -> Tensor:
    """D_KL(q_psi(c | x) || p_theta(c | z)) of every pixel, B,H,W, from log masks and mask logits B,K,H,W."""
    return (log_masks.exp() * (log_masks - mask_logits.log_softmax(dim=1))).sum(1)

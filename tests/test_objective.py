"""Tests of the objective against the notebook's and torch.distributions', and at extreme values."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

from monet.model import Decomposition, MONet, MONetConfig
from monet.objective import LIKELIHOODS, latent_kl, log_likelihood, loss, mask_kl
from monet.vae import Lattice
from tests import reference

CONSTANT = 0.5 * math.log(2 * math.pi)
"""The constant that the objective omits, per channel and pixel."""


def masks(*shape: int, spread: float = 2.0) -> torch.Tensor:
    """Log masks of the shape B,K,H,W in float64, some of them nearly one-hot."""
    return (spread * torch.randn(*shape, dtype=torch.float64)).log_softmax(1)


def pixels(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images, log masks, components and scales of two scenes of 5x6 pixels and four slots."""
    torch.manual_seed(seed)
    images, components = torch.rand(2, 3, 5, 6).double(), torch.rand(2, 4, 3, 5, 6).double()
    return images, masks(2, 4, 5, 6), components, torch.tensor([0.09, 0.11, 0.2, 0.5]).double()


def scene(side: int = 8, slots: int = 3, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, Decomposition]:
    torch.manual_seed(0)
    log_masks = masks(2, slots, side, side).to(dtype)
    mean, log_std = torch.randn(2, 2, slots, 5, dtype=dtype)
    return torch.rand(2, 3, side, side, dtype=dtype), Decomposition(
        log_masks=log_masks,
        log_scopes=log_masks,
        latent_mean=mean,
        latent_log_std=log_std,
        latents=mean,
        components=torch.rand(2, slots, 3, side, side, dtype=dtype),
        mask_logits=torch.randn(2, slots, side, side, dtype=dtype),
    )


@pytest.mark.slow
@pytest.mark.parametrize("slots", [1, 2, 7])
def test_terms_equal_the_notebooks(slots):
    theirs, ours = reference.build(slots, batch=2, seed=slots), MONet(MONetConfig()).eval()
    reference.copy_weights(theirs, ours)
    torch.manual_seed(0)
    images = 0.5 * torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        actual = loss(images, ours(images, slots), ours.config).mean()
    expected = reference.loss(theirs, images)
    assert (expected.mask_kl > 1) == (slots > 1)
    for name, value in vars(expected).items():
        torch.testing.assert_close(getattr(actual, name), value, rtol=1e-4, atol=1e-4)
    total = actual.total(theirs.beta, theirs.gamma)
    torch.testing.assert_close(total, theirs.loss.detach(), rtol=1e-4, atol=1e-4)


def test_joint_likelihood_is_a_mixture_of_colours():
    images, log_masks, components, scales = pixels(seed=0)
    mixture = MixtureSameFamily(
        Categorical(logits=log_masks.permute(0, 2, 3, 1)),
        # B,H,W,K,3: one slot explains all three channels of a pixel.
        Independent(Normal(components.permute(0, 3, 4, 1, 2), scales[:, None]), 1),
    )
    expected = mixture.log_prob(images.permute(0, 2, 3, 1)) + 3 * CONSTANT
    torch.testing.assert_close(log_likelihood(images, log_masks, components, scales, "joint"), expected)


def test_per_channel_likelihood_is_a_mixture_for_each_channel():
    images, log_masks, components, scales = pixels(seed=0)
    mixture = MixtureSameFamily(
        Categorical(logits=log_masks.permute(0, 2, 3, 1)[..., None, :]),
        Normal(components.permute(0, 3, 4, 2, 1), scales),  # B,H,W,3,K
    )
    expected = (mixture.log_prob(images.permute(0, 2, 3, 1)) + CONSTANT).sum(-1)
    torch.testing.assert_close(log_likelihood(images, log_masks, components, scales, "per_channel"), expected)


def test_masked_likelihood_is_the_expected_log_likelihood():
    images, log_masks, components, scales = pixels(seed=0)
    expected = torch.zeros(2, 5, 6, dtype=torch.float64)
    for slot, scale in enumerate(scales):
        log_prob = Normal(components[:, slot], scale).log_prob(images).sum(1) + 3 * CONSTANT
        expected += log_masks[:, slot].exp() * log_prob
    torch.testing.assert_close(log_likelihood(images, log_masks, components, scales, "masked"), expected)


@pytest.mark.parametrize("seed", range(5))
def test_masked_likelihood_bounds_the_joint_one_from_below(seed):
    masked, joint = (log_likelihood(*pixels(seed), likelihood) for likelihood in ("masked", "joint"))
    assert (masked <= joint + 1e-12).all()
    assert (masked < joint - 1e-3).any()


def test_unknown_likelihood_is_refused_in_words():
    with pytest.raises(ValueError, match="'gaussian' is none of per_channel, joint, masked"):
        log_likelihood(*pixels(seed=0), "gaussian")


def test_likelihood_constant_is_what_the_documentation_says():
    # One slot that is right everywhere, of scale 1: only the constant is left of the density.
    nothing = torch.zeros(1, 1, 1, 4, 4)
    for likelihood in LIKELIHOODS:
        value = log_likelihood(
            torch.zeros(1, 3, 4, 4), nothing[:, 0], nothing.expand(-1, -1, 3, -1, -1), torch.ones(1), likelihood
        )
        assert (value == 0).all()


def test_latent_kl_is_that_of_normal_distributions():
    torch.manual_seed(0)
    mean, log_std = torch.randn(2, 4, 3, 16, dtype=torch.float64)
    expected = kl_divergence(Normal(mean, log_std.exp()), Normal(torch.zeros_like(mean), torch.ones_like(mean)))
    torch.testing.assert_close(latent_kl(mean, log_std), expected)
    assert (latent_kl(mean, log_std) >= 0).all()
    assert (latent_kl(torch.zeros(5), torch.zeros(5)) == 0).all()


def test_mask_kl_is_that_of_categorical_distributions_in_this_order():
    torch.manual_seed(0)
    log_masks, logits = masks(2, 4, 5, 6), 3 * torch.randn(2, 4, 5, 6, dtype=torch.float64)
    attention, decoder = (Categorical(logits=x.permute(0, 2, 3, 1)) for x in (log_masks, logits))
    torch.testing.assert_close(mask_kl(log_masks, logits), kl_divergence(attention, decoder))
    assert (mask_kl(log_masks, logits) > 0).all()


def test_mask_kl_is_zero_where_both_agree_however_the_logits_are_shifted():
    torch.manual_seed(0)
    log_masks = masks(2, 4, 5, 6)
    torch.testing.assert_close(
        mask_kl(log_masks, log_masks + 7), torch.zeros(2, 5, 6, dtype=torch.float64), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_loss_is_the_batch_mean_of_sums_over_pixels_with_the_first_scale_for_the_background(likelihood):
    images, d = scene()
    config = MONetConfig(background_scale=0.2, foreground_scale=0.4)
    terms = loss(images, d, config, likelihood, scale_factor=1.5).mean()
    scales = torch.tensor([0.3, 0.6, 0.6], dtype=torch.float64)
    per_pixel = log_likelihood(images, d.log_masks, d.components, scales, likelihood)
    torch.testing.assert_close(terms.reconstruction, -per_pixel.sum() / len(images))
    torch.testing.assert_close(terms.latent_kl, latent_kl(d.latent_mean, d.latent_log_std).sum() / len(images))
    torch.testing.assert_close(terms.mask_kl, mask_kl(d.log_masks, d.mask_logits).sum() / len(images))
    expected = terms.reconstruction + 0.5 * terms.latent_kl + 2 * terms.mask_kl
    torch.testing.assert_close(terms.total(beta=0.5, gamma=2), expected)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize(("stride", "window"), [(2, None), (4, None), (1, 4), (2, 4)])
def test_lattices_of_all_offsets_average_to_the_loss_of_every_pixel(likelihood, stride, window):
    images, whole = scene()
    expected = loss(images, whole, MONetConfig(), likelihood).mean()
    side = images.shape[-1]
    starts = [tile + offset for tile in range(0, side, window or side) for offset in range(stride)]
    terms = []
    for row in starts:
        for column in starts:
            end = window or side
            pixels = np.s_[..., row : row + end : stride, column : column + end : stride]
            part = dataclasses.replace(
                whole, components=whole.components[pixels], mask_logits=whole.mask_logits[pixels]
            )
            terms.append(loss(images, part, MONetConfig(), likelihood, Lattice(stride, row, column, window)).mean())
    for name, value in vars(expected).items():
        torch.testing.assert_close(torch.stack([getattr(t, name) for t in terms]).mean(), value)
    assert terms[0].reconstruction != terms[1].reconstruction


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("brightness", [0.0, 1.0])
@pytest.mark.parametrize("logit", [-80.0, 80.0])
def test_value_and_gradient_are_finite_for_flat_pictures_and_extreme_logits(likelihood, brightness, logit):
    torch.manual_seed(0)
    config = MONetConfig(resolution=16, attention_channels=(4, 8, 16), num_slots=5)
    model = MONet(config).train()
    torch.nn.init.constant_(model.attention.unet.logits.bias, logit)
    images = torch.full((2, 3, 16, 16), brightness)
    d = model(images)
    assert d.log_masks.min() < -79
    terms = loss(images, d, config, likelihood).mean()
    terms.total(config.beta, config.gamma).backward()
    for name, value in vars(terms).items():
        assert value.isfinite(), name
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_likelihood_of_a_hopeless_component_is_finite_where_its_density_underflows():
    # exp(-0.5 (1 / 0.09)^2 * 3) is 0 in float32 long before its logarithm is a problem.
    images, components = torch.ones(1, 3, 1, 1), torch.full((1, 1, 3, 1, 1), -1.0, requires_grad=True)
    for likelihood in LIKELIHOODS:
        value = log_likelihood(images, torch.zeros(1, 1, 1, 1), components, torch.tensor([0.09]), likelihood)
        torch.testing.assert_close(value.item(), 3 * (-0.5 * (2 / 0.09) ** 2 - math.log(0.09)), rtol=1e-5, atol=0)
        (gradient,) = torch.autograd.grad(value.sum(), components)
        assert gradient.isfinite().all()

"""Tests of standardised latents: the same pictures from latents whose distribution over objects is the prior's."""

import copy

import pytest
import torch

from monet.data.batches import TRAIN, scenes
from monet.evaluation import decompositions
from monet.model import MONet, MONetConfig
from monet.objective import latent_kl
from monet.training.standardise import standardise


def masks(images: torch.Tensor, slots: int, scope: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """An attention: a background, one object of 64 pixels per picture, empty slots."""
    shares = torch.full((len(images), slots, *images.shape[2:]), 1e-6)
    shares[:, 1, 4:12, 8:16] = 1
    shares[:, 0] = 1 - shares[:, 1:].sum(1).clamp(max=1 - 1e-6)
    return shares.log(), shares.log()


@pytest.fixture
def model(monkeypatch) -> MONet:
    torch.manual_seed(0)
    config = MONetConfig(
        resolution=32, num_slots=3, latent_dim=5, attention_channels=(4, 8, 16), attention_hidden=16,
        encoder_channels=(8, 8, 8, 8), encoder_hidden=16, decoder_channels=(8, 8, 8, 8),
    )  # fmt: skip
    model = MONet(config).eval()
    # Posteriors far from the prior, as training leaves them.
    model.vae.encoder.posterior.weight.data *= 20
    model.vae.encoder.posterior.bias.data += 2
    monkeypatch.setattr(model.attention, "forward", masks)
    return model


def test_objects_have_the_priors_mean_and_variance_and_pictures_do_not_change(model):
    data = scenes("tetrominoes", TRAIN, range(40))
    before, changed = copy.deepcopy(model), model
    standardise(changed, data)
    (_, _, old), (_, _, new) = (next(iter(decompositions(m, data))) for m in (before, changed))
    torch.testing.assert_close(new.components, old.components, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(new.mask_logits, old.mask_logits, rtol=1e-4, atol=1e-4)

    parts = [(d.latent_mean[:, 1], d.latent_log_std[:, 1]) for _, _, d in decompositions(changed, data)]
    mean, log_std = (torch.cat(part) for part in zip(*parts, strict=True))
    draws = mean + log_std.exp() * torch.randn(2000, *mean.shape)
    assert draws.mean((0, 1)).abs().max() < 0.02
    assert (draws.std((0, 1)) - 1).abs().max() < 0.02
    # No other shift and scale is nearer to the prior.
    least = latent_kl(mean, log_std).mean()
    for shift, scale in ((0.1, 1.0), (-0.1, 1.0), (0.0, 0.9), (0.0, 1.1)):
        assert latent_kl((mean - shift) / scale, log_std - torch.tensor(scale).log()).mean() > least


def test_without_objects_there_is_nothing_to_standardise(model, monkeypatch):
    empty = torch.full((1, 3, 32, 32), 1e-6).index_fill(1, torch.tensor(0), 1).log()
    monkeypatch.setattr(
        model.attention, "forward", lambda images, slots, scope=None: (empty.expand(len(images), -1, -1, -1),) * 2
    )
    with pytest.raises(ValueError, match="no slot of 4 scenes holds an object"):
        standardise(model, scenes("tetrominoes", TRAIN, range(4)))

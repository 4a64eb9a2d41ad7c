"""Tests of independent latents: the same pictures from latents that each hold one source of what objects differ in."""

import copy
import sys

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from monet.data.batches import TRAIN, scenes
from monet.evaluation import decompositions
from monet.latents.features import FEATURES, measure
from monet.model import Decomposition, MONet, MONetConfig
from monet.training.independent import make_independent

DATA = scenes("tetrominoes", TRAIN, range(400))
SOURCES, LATENTS = 4, 5


def masks(images: torch.Tensor, slots: int, scope: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """An attention: a background, one object of 64 pixels per picture, empty slots."""
    shares = torch.full((len(images), slots, *images.shape[2:]), 1e-6)
    shares[:, 1, 4:12, 8:16] = 1
    shares[:, 0] = 1 - shares[:, 1:].sum(1).clamp(max=1 - 1e-6)
    return shares.log(), shares.log()


def sources(flat: torch.Tensor) -> torch.Tensor:
    """Independent uniform numbers for every slot, the same each time that a slot is encoded."""
    seeds = [hash(row.numpy().tobytes()) % 2**32 for row in flat]
    return torch.from_numpy(np.stack([np.random.default_rng(seed).uniform(-1, 1, SOURCES) for seed in seeds])).float()


@pytest.fixture
def model(monkeypatch) -> MONet:
    torch.manual_seed(0)
    config = MONetConfig(
        resolution=32, num_slots=3, latent_dim=LATENTS, attention_channels=(4, 8, 16), attention_hidden=16,
        encoder_channels=(8, 8, 8, 8), encoder_hidden=SOURCES, decoder_channels=(8, 8, 8, 8),
    )  # fmt: skip
    model = MONet(config).eval().requires_grad_(False)
    monkeypatch.setattr(model.attention, "forward", masks)
    monkeypatch.setattr(model.vae.encoder.hidden, "forward", sources)
    posterior = model.vae.encoder.posterior
    posterior.weight.data = torch.cat((torch.randn(LATENTS, SOURCES), 0.3 * torch.randn(LATENTS, SOURCES)))
    posterior.weight.data[LATENTS - 1] = 0  # an unused latent
    posterior.weight.data[-1] = 0
    posterior.bias.data = torch.tensor([2.0, -1, 0, 3, 0, -2, -2, -3, -2, 0])
    return model


def objects(model: MONet) -> tuple[Decomposition, torch.Tensor, torch.Tensor]:
    """All slots, and means and standard deviations of those that hold the object."""
    parts = [decomposition for _, _, decomposition in decompositions(model, DATA)]
    together = Decomposition(**{name: torch.cat([vars(part)[name] for part in parts]) for name in vars(parts[0])})
    return together, together.latent_mean[:, 1].double(), together.latent_log_std[:, 1].double().exp()


def test_every_latent_holds_one_source_and_pictures_do_not_change(model):
    before = copy.deepcopy(model)
    make_independent(model, DATA)
    (old, old_mean, _), (new, mean, std) = objects(before), objects(model)
    torch.testing.assert_close(new.components, old.components, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(new.mask_logits, old.mask_logits, rtol=1e-4, atol=1e-4)

    draws = mean + std * torch.randn(2000, *mean.shape)
    assert draws.mean((0, 1)).abs().max() < 0.02
    assert (draws.std((0, 1)) - 1).abs().max() < 0.02
    nats = -std.log().mean(0)
    assert (nats[:-1] >= nats[1:]).all() and nats[-1] == pytest.approx(0, abs=1e-3)  # the unused one is the last

    # The old means are a linear mixture of the sources, which solving for gives.
    mixture = before.vae.encoder.posterior
    true = np.linalg.lstsq(mixture.weight[:LATENTS].numpy(), (old_mean - mixture.bias[:LATENTS]).T.numpy())[0]
    alike = abs(np.corrcoef(true, mean.T[:SOURCES])[:SOURCES, SOURCES:])
    assert (alike.max(0) > 0.98).all() and set(alike.argmax(0)) == set(range(SOURCES))


def test_the_posterior_is_the_nearest_diagonal_one(model):
    before = copy.deepcopy(model)
    make_independent(model, DATA)
    (_, old_mean, old_std), (_, mean, std) = objects(before), objects(model)
    # Both decode the same, so the decoders tell what became of the latents.
    first = [m.vae.decoder.convolutions[0].weight[:, :LATENTS].double().sum((2, 3)) for m in (before, model)]
    unmixing = torch.linalg.lstsq(first[1], first[0]).solution
    torch.testing.assert_close((old_mean - old_mean.mean(0)) @ unmixing.T, mean, rtol=1e-3, atol=1e-3)
    exact = MultivariateNormal(mean, unmixing @ torch.diag_embed(old_std**2) @ unmixing.T)

    def divergence(std: torch.Tensor) -> float:
        return float(kl_divergence(MultivariateNormal(mean, torch.diag_embed(std**2)), exact).mean())

    for latent in range(LATENTS):
        for factor in (0.8, 1.25):
            other = std.clone()
            other[:, latent] *= factor
            assert divergence(other) > divergence(std)


@pytest.mark.parametrize("used", [0, 1])
def test_unused_latents_stay_unused(model, used):
    posterior = model.vae.encoder.posterior
    posterior.weight.data[used:] = 0
    posterior.bias.data.zero_()
    before = copy.deepcopy(model)
    make_independent(model, DATA)
    (old, _, _), (new, mean, std) = objects(before), objects(model)
    torch.testing.assert_close(new.components, old.components, rtol=1e-4, atol=1e-4)
    assert mean[:, used:].abs().max() < 1e-3 and (std[:, used:] - 1).abs().max() < 1e-3


def test_latents_increase_with_what_they_determine_most(model):
    make_independent(model, DATA)
    together, mean, _ = objects(model)
    columns = [n for n, name in enumerate(FEATURES) if name in ("saturation", "brightness", "red", "green", "blue")]
    shown = measure(together.log_masks[:, 1].exp().numpy(), together.components[:, 1].numpy())[:, columns]
    shown = shown[:, shown.std(0) > 1e-6]  # channels that are not clipped everywhere; the masks are all the same
    alike = np.corrcoef(mean.T[:SOURCES], shown.T)[:SOURCES, SOURCES:]
    assert (np.take_along_axis(alike, abs(alike).argmax(1)[:, None], 1) > 0).all()


def test_without_scikit_learn_a_sentence_says_what_to_install(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.decomposition", None)
    with pytest.raises(ValueError, match=r"need scikit-learn: pip install -r requirements-training\.txt"):
        make_independent(model, DATA)


def test_too_few_objects_are_refused(model):
    with pytest.raises(ValueError, match="need 50 slots that hold an object, but there are 9 in 9 training scenes"):
        make_independent(model, DATA[:9])

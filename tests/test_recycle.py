"""Tests of recycling dead units and unused latents: nothing drawn changes, and what is recycled can learn."""

import copy

import pytest
import torch
from torch import Tensor, nn

from monet.model import MONet, MONetConfig
from monet.objective import slot_loss
from monet.training.recycle import recycle

SLOTS, SIDE, LATENTS = 48, 32, 6
UNUSED = [1, 4]


def kill(layer: nn.Module, units: list[int]) -> None:
    assert isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None
    layer.weight[units], layer.bias[units] = 0, -1


@pytest.fixture(params=[0, 1, 2])
@torch.no_grad()
def model(request) -> MONet:
    """A VAE with two dead units in every layer and two unused latents; the parameter is the number of residuals."""
    torch.manual_seed(0)
    config = MONetConfig(
        resolution=SIDE, num_slots=3, latent_dim=LATENTS, attention_channels=(4, 8, 16), attention_hidden=16,
        encoder_channels=(6, 6, 8, 8), encoder_hidden=24, encoder_activation=True, encoder_residuals=request.param,
        decoder_channels=(8, 8, 8, 8), log_mask_floor=-6,
    )  # fmt: skip
    model = MONet(config).eval()
    encoder, decoder = model.vae.encoder, model.vae.decoder
    for convolution, residuals in zip(encoder.convolutions, encoder.residuals, strict=True):
        convolution.weight *= 2
        kill(convolution, [0, 3])
        for residual in residuals.children():
            kill(residual, [0, 3])
    for layer in (encoder.hidden, *decoder.convolutions):
        layer.weight *= 2
        kill(layer, [0, 3])
    encoder.posterior.weight[:LATENTS] *= 30
    encoder.posterior.bias[LATENTS:] = -1
    encoder.posterior.weight[UNUSED + [LATENTS + latent for latent in UNUSED]] = 0
    encoder.posterior.bias[UNUSED + [LATENTS + latent for latent in UNUSED]] = 0
    return model


@pytest.fixture
def slots() -> tuple[Tensor, Tensor]:
    """Noise in a square mask anywhere for most slots; the last eight are empty."""
    random = torch.Generator().manual_seed(1)
    images, log_masks = torch.rand(SLOTS, 3, SIDE, SIDE, generator=random), torch.full((SLOTS, SIDE, SIDE), -12.0)
    for number in range(SLOTS - 8):
        row, column = torch.randint(SIDE - 8, (2,), generator=random).tolist()
        log_masks[number, row : row + 8, column : column + 8] = -0.01
    return images, log_masks


def drawn(model: MONet, slots: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    images, log_masks = slots
    mean, log_std = model.vae.encoder(images, log_masks.clamp(min=-6)[:, None])
    return mean, log_std, torch.cat(model.vae.decoder(mean, SIDE, SIDE), 1)


def dead(model: MONet, slots: tuple[Tensor, Tensor]) -> dict[str, int]:
    """Number of units of each layer that no slot activates, seen by hooks on the network itself."""
    largest: dict[str, list[Tensor]] = {}
    handles = []
    for name, layer in model.vae.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and name not in ("encoder.posterior", "decoder.output"):
            # The decoder splits its first layer; hooks see it from the second on.
            def note(module: nn.Module, inputs: tuple[Tensor], output: Tensor, name: str = name) -> None:
                largest.setdefault(name, []).append(output.transpose(0, 1).flatten(1).amax(1))

            handles.append(layer.register_forward_hook(note))
    with torch.no_grad():
        drawn(model, slots)
    for handle in handles:
        handle.remove()
    return {name: int((torch.stack(values).amax(0) <= 0).sum()) for name, values in largest.items()}


def test_nothing_drawn_changes_and_no_unit_stays_dead(model, slots):
    before = copy.deepcopy(model)
    residuals = model.config.encoder_residuals
    assert sum(dead(model, slots).values()) >= 2 * (4 + 3 * residuals + 1 + 3)
    counts = recycle(model, *slots)
    assert counts["latents"] == len(UNUSED) and counts["encoder"] >= 2 * 5 and counts["decoder"] >= 2 * 4
    with torch.no_grad():
        (mean, log_std, pixels), (old_mean, old_log_std, old_pixels) = (drawn(m, slots) for m in (model, before))
    used = [latent for latent in range(LATENTS) if latent not in UNUSED]
    torch.testing.assert_close(pixels, old_pixels, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(mean[:, used], old_mean[:, used], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(log_std[:, used], old_log_std[:, used], atol=1e-4, rtol=1e-4)
    alive = dead(model, slots)
    # A residual convolution adds nothing to a recycled unit yet.
    assert {name for name, count in alive.items() if count} <= {name for name in alive if "residuals" in name}
    assert recycle(copy.deepcopy(model), *slots) == {"encoder": 0, "latents": 0, "decoder": 0}


def test_recycled_latents_hold_what_the_used_ones_do_not(model, slots):
    recycle(model, *slots)
    with torch.no_grad():
        mean, log_std, _ = drawn(model, (slots[0][:-8], slots[1][:-8]))
    correlations = torch.corrcoef(mean.T.double()).abs().fill_diagonal_(0)
    assert correlations[UNUSED].max() < 1e-3
    torch.testing.assert_close(mean[:, UNUSED].std(0), torch.ones(2), atol=1e-3, rtol=0)
    torch.testing.assert_close(log_std[:, UNUSED], torch.full((SLOTS - 8, 2), -1.5))


def test_recycled_units_learn(model, slots):
    recycle(model, *slots)
    images, log_masks = slots
    for step in range(2):  # the first step gives the next layers' weights, only then the units' own have a gradient
        model.zero_grad()
        mean, log_std, pixels = drawn(model, slots)
        scales = torch.full((SLOTS,), 0.1)
        loss = slot_loss(images, log_masks.exp(), pixels[:, :3], pixels[:, 3], scales, mean, log_std)
        loss.mean().total(0.5, 10).backward()
        layers = [*model.vae.encoder.convolutions, model.vae.encoder.hidden, *model.vae.decoder.convolutions]
        if step:
            assert all(layer.weight.grad[[0, 3]].abs().amax(tuple(range(1, layer.weight.dim()))).min() > 0
                       for layer in layers)  # fmt: skip
        with torch.no_grad():
            for parameter in model.vae.parameters():
                parameter -= 1e-9 * parameter.grad  # so small that no unit dies of it
    assert model.vae.decoder.convolutions[0].weight.grad[:, UNUSED].abs().amax((0, 2, 3)).min() > 0

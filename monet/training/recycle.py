"""Recycles the dead units and unused latents of a trained VAE without changing its function.

A ReLU unit that is zero on every picture has no gradient and stays so ("dormant"; Sokar et al. 2023, arXiv:2302.12902).
A latent that equals the prior tells the decoder nothing, so the decoder ignores it, and it stays so too. After long
training, more than a third of the units and five of sixteen latents of the sprites' VAEs were like this.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from monet.latents.record import UNUSED
from monet.model import MONet
from monet.training.pool import hold_objects
from monet.vae import HALO, Encoder, Lattice, SpatialBroadcastDecoder, coordinates

SLOTS = 512
"""Slots on which units are measured."""
NARROW = -1.5
"""Log standard deviation of a recycled latent: 0.22."""


@torch.no_grad()
def recycle(model: MONet, images: Tensor, log_masks: Tensor) -> dict[str, int]:
    """Gives new weights to every unit of the VAE that is zero on these slots, and a new meaning to every unused latent.

    A recycled unit gets random weights and is active on about half of its inputs. The next layer reads it with weight
    0, so nothing that is decoded from these slots' posterior means changes, but this weight has a gradient. A recycled
    latent gets a principal component of the encoder's hidden layer that the used latents do not explain.

    Args:
        model: the model, whose VAE changes in place.
        images: N,3,H,W in [0, 1], one picture for each slot; slots of all kinds.
        log_masks: N,H,W, ``log m_k``.

    Returns:
        the numbers of recycled units of the encoder, latents, and units of the decoder, by these names.
    """
    floor = model.config.log_mask_floor
    shown = log_masks if floor is None else log_masks.clamp(min=floor)
    units, hidden = _encoder(model.vae.encoder, torch.cat((images, shown[:, None]), 1))
    latents = _latents(model, hidden, hold_objects(log_masks))
    mean, _ = model.vae.encoder.posterior(hidden).chunk(2, 1)
    return {"encoder": units, "latents": latents, "decoder": _decoder(model.vae.decoder, mean, images.shape[-1])}


def _encoder(encoder: Encoder, x: Tensor) -> tuple[int, Tensor]:
    """Recycles the encoder's units; returns their number and the output of its hidden layer for the inputs N,4,H,W."""
    recycled = 0
    readers = [*list(encoder.convolutions)[1:], encoder.hidden]
    for convolution, residuals, reader in zip(encoder.convolutions, encoder.residuals, readers, strict=True):
        dead = _dead(torch.cat(_streams(convolution, residuals, x), 2))
        recycled += len(dead)
        _renew(convolution, dead, x)
        for residual in residuals.children():
            assert isinstance(residual, nn.Conv2d) and residual.bias is not None
            residual.weight[dead] = residual.weight[:, dead] = 0
            residual.bias[dead] = 0
        streams = _streams(convolution, residuals, x)
        _ignore(reader, dead, streams[-1].shape[1])
        x = F.relu(streams[-1])
    x = x.flatten(1)
    if encoder.activation:
        dead = _dead(encoder.hidden(x))
        recycled += len(dead)
        _renew(encoder.hidden, dead, x)
        _ignore(encoder.posterior, dead, encoder.hidden.out_features)
    hidden = encoder.hidden(x)
    return recycled, F.relu(hidden) if encoder.activation else hidden


def _streams(convolution: nn.Module, residuals: nn.Module, x: Tensor) -> list[Tensor]:
    """Returns the output of a strided convolution, and the sums with each residual one."""
    streams = [convolution(x)]
    for residual in residuals.children():
        streams.append(streams[-1] + residual(F.relu(streams[-1])))
    return streams


def _latents(model: MONet, hidden: Tensor, objects: Tensor) -> int:
    """Recycles unused latents.

    Args:
        model: the model.
        hidden: N,C, what the posterior's layer reads.
        objects: bool N, the slots that hold an object. The others use latents that no object uses.

    Returns:
        the number of recycled latents.
    """
    posterior, first = model.vae.encoder.posterior, model.vae.decoder.convolutions[0]
    assert isinstance(first, nn.Conv2d)
    dim = model.config.latent_dim
    mean, log_std = posterior(hidden[objects]).double().chunk(2, 1)
    kl = ((mean**2 + (2 * log_std).exp() - 1) / 2 - log_std).mean(0)
    unused, used = (kl < UNUSED).nonzero()[:, 0], (kl >= UNUSED).nonzero()[:, 0]
    values = hidden[objects].double()
    if not len(unused) or len(values) <= len(used):
        return 0
    middle, center = values.mean(0), mean[:, used].mean(0)
    known = mean[:, used] - center
    # A least-squares fit of the hidden layer; what remains is uncorrelated with the used latents.
    fit = torch.linalg.lstsq(known, values - middle).solution
    rest = values - middle - known @ fit
    directions = torch.linalg.svd(rest, full_matrices=False).Vh[: len(unused)]
    weight, bias = posterior.weight.double(), posterior.bias.double()
    for latent, direction in zip(unused.tolist(), directions, strict=False):
        direction = direction / (rest @ direction).std()
        share = fit @ direction
        posterior.weight[latent] = (direction - share @ weight[used]).float()
        posterior.bias[latent] = (share @ (center - bias[used]) - direction @ middle).float()
        posterior.weight[dim + latent], posterior.bias[dim + latent] = 0, NARROW
        first.weight[:, latent] = 0
    return min(len(unused), len(directions))


def _decoder(decoder: SpatialBroadcastDecoder, latents: Tensor, side: int) -> int:
    """Recycles the decoder's units, measured on latents N,Z; returns their number."""
    rows, columns = (axis.to(latents) for axis in coordinates(side, side, Lattice()))
    size = side + 2 * HALO
    count = len(latents)
    x = torch.cat((
        latents[:, :, None, None].expand(-1, -1, size, size),
        rows[:, None].expand(count, 1, size, size), columns.expand(count, 1, size, size),
    ), 1)  # fmt: skip
    layers = [*decoder.convolutions, decoder.output]
    recycled = 0
    for layer, reader in pairwise(layers):
        dead = _dead(layer(x))
        recycled += len(dead)
        _renew(layer, dead, x)
        x = F.relu(layer(x))
        _ignore(reader, dead, x.shape[1])
    return recycled


def _dead(outputs: Tensor) -> Tensor:
    """Returns the numbers of the units whose outputs N,C,... are never above zero."""
    return (outputs.transpose(0, 1).flatten(1).amax(1) <= 0).nonzero()[:, 0]


def _renew(layer: nn.Module, dead: Tensor, inputs: Tensor) -> None:
    """Draws weights as large as those of the layer's other units, and biases at which outputs have mean 0."""
    assert isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None
    if not len(dead):
        return
    weight = layer.weight
    living = torch.ones(len(weight), dtype=torch.bool, device=weight.device)
    living[dead] = False
    spread = weight[living].std() if living.any() else weight.std()
    weight[dead] = torch.randn(weight[dead].shape, device=weight.device) * spread
    layer.bias[dead] = 0
    layer.bias[dead] = -layer(inputs)[:, dead].transpose(0, 1).flatten(1).mean(1)


def _ignore(reader: nn.Module, units: Tensor, of: int) -> None:
    """Sets the weights with which a layer reads some of its ``of`` input units to zero, at every pixel."""
    assert isinstance(reader, nn.Conv2d | nn.Linear)
    weight = reader.weight if isinstance(reader, nn.Conv2d) else reader.weight.unflatten(1, (of, -1))
    weight[:, units] = 0

"""Component VAE: encoder and spatial broadcast decoder (paper, section 2.2 and appendix B.1)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from monet.chunks import chunks

HALO = 4
"""Pixels that four unpadded 3x3 convolutions remove on each side; so the latent is tiled to H+8, W+8."""

SLOTS_AT_ONCE = 8
"""Slots in one CPU chunk."""


class Lattice(NamedTuple):
    """A subset of a picture's pixels: every ``stride``-th one from ``row`` and ``column`` on, within a square window.

    ``window`` is the window's side in pixels; None extends it to the edges. ``row`` and ``column`` are one position for
    all pictures, or integer tensors N with one position per picture or latent. The default is the whole picture.

    A training step may decode and score such a subset instead of every pixel: neighbouring pixels carry nearly the same
    information, and the decoder is nine tenths of the work of a small step. In a window the decoder's output is exact;
    with a stride its convolutions read neighbours that lie further apart.
    """

    stride: int = 1
    row: int | Tensor = 0
    column: int | Tensor = 0
    window: int | None = None

    @classmethod
    def draw(
        cls, count: int, side: int, stride: int = 1, window: int | None = None, device: torch.device | None = None
    ) -> Lattice:
        """Draws a lattice for each of ``count`` pictures of this side.

        All lattices that tile the picture are equally likely, so losses stay unbiased.
        """
        window = window or side
        if window == side and stride == 1:
            return cls()
        starts = torch.randint(stride * (side // window), (2, count), device=device)
        row, column = window * (starts // stride) + starts % stride
        return cls(stride, row, column, window)

    def repeat(self, slots: int) -> Lattice:
        """Repeats each picture's lattice for its slots, for latents B*K."""
        if isinstance(self.row, int) or isinstance(self.column, int):
            return self
        return self._replace(row=self.row.repeat_interleave(slots), column=self.column.repeat_interleave(slots))

    def along(self, start: int) -> slice:
        """The lattice's pixels along one axis, from ``start`` (its ``row`` or ``column``) on."""
        return slice(start, None if self.window is None else start + self.window, self.stride)

    def take(self, x: Tensor) -> Tensor:
        """Selects the lattice's pixels of ...,H,W, or of N,...,H,W if each picture has its own position."""
        if isinstance(self.row, int) or isinstance(self.column, int):
            return x[..., self.along(int(self.row)), self.along(int(self.column))]
        offsets = torch.arange(0, self.window or x.shape[-1], self.stride, device=x.device)
        rows, columns = self.row[:, None] + offsets, self.column[:, None] + offsets  # N,H'
        layers = x.reshape(len(x), -1, *x.shape[-2:])
        layers = layers.gather(2, rows[:, None, :, None].expand(-1, layers.shape[1], -1, x.shape[-1]))
        layers = layers.gather(3, columns[:, None, None, :].expand(-1, layers.shape[1], len(offsets), -1))
        return layers.reshape(*x.shape[:-2], len(offsets), len(offsets))


class Encoder(nn.Module):
    """q_phi(z_k | x, m_k): strided 3x3 convolutions and a two-layer MLP to a diagonal Gaussian.

    The reference network has no activation between the two linear layers and no layers between the strided ones.
    ``activation`` adds a ReLU between the linear layers. ``residuals`` is the number of residual 3x3 convolutions after
    every strided layer but the first; they enlarge the receptive field, so that one unit covers an object anywhere.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        hidden: int,
        latent_dim: int,
        resolution: int,
        activation: bool = False,
        residuals: int = 0,
    ):
        super().__init__()
        self.activation = activation
        ins = (4, *channels[:-1])
        self.convolutions = nn.ModuleList(
            nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in zip(ins, channels, strict=True)
        )
        self.residuals = nn.ModuleList(
            nn.Sequential(*(nn.Conv2d(c, c, 3, padding=1) for _ in range(residuals if level else 0)))
            for level, c in enumerate(channels)
        )
        side = -(-resolution // 2 ** len(channels))  # each stride-2 convolution halves and rounds up
        self.hidden = nn.Linear(channels[-1] * side**2, hidden)
        self.posterior = nn.Linear(hidden, 2 * latent_dim)

    def forward(self, images: Tensor, log_masks: Tensor) -> tuple[Tensor, Tensor]:
        """Encodes images N,3,H,W and log masks N,1,H,W to the posterior's mean and log standard deviation, N,Z each."""
        posteriors = []
        for image, log_mask in zip(chunks(images, SLOTS_AT_ONCE), chunks(log_masks, SLOTS_AT_ONCE), strict=True):
            x = torch.cat((image, log_mask), dim=1)
            for convolution, residuals in zip(self.convolutions, self.residuals, strict=True):
                x = convolution(x)
                for residual in residuals.children():
                    x = x + residual(F.relu(x))
                x = F.relu(x)
            hidden = self.hidden(x.flatten(1))
            posteriors.append(self.posterior(F.relu(hidden) if self.activation else hidden).float())
        mean, log_std = torch.cat(posteriors).chunk(2, dim=1)
        return mean, log_std


class SpatialBroadcastDecoder(nn.Module):
    """p_theta(x, c | z_k): tiles the latent over the picture, adds coordinate channels, and convolves four times.

    Watters et al. 2019, "Spatial Broadcast Decoder"; MONet, appendix B.1. Row coordinate first, then column.
    """

    def __init__(self, channels: tuple[int, ...], latent_dim: int):
        super().__init__()
        ins = (latent_dim + 2, *channels[:-1])
        self.latent_dim = latent_dim
        self.convolutions = nn.ModuleList(nn.Conv2d(i, o, 3) for i, o in zip(ins, channels, strict=True))
        self.output = nn.Conv2d(channels[-1], 4, 1)

    def forward(self, latents: Tensor, height: int, width: int, lattice: Lattice = Lattice()) -> tuple[Tensor, Tensor]:
        """Decodes latents N,Z to component means N,3,H',W' and mask logits N,1,H',W' on the lattice, float32."""
        first, *rest = (layer for layer in self.convolutions if isinstance(layer, nn.Conv2d))
        # Convolution is linear. A tiled latent is constant over space, so its share is one matrix product with the
        # kernel summed over its taps. A coordinate changes along one axis only, so its share is a convolution along
        # that axis and equal for all latents. This is exact and makes the layer nearly free.
        latent_weight, (row_weight, column_weight) = first.weight[:, :-2], first.weight[:, -2:].unbind(1)
        latent_share = F.linear(latents, latent_weight.sum((2, 3)), first.bias)
        with torch.autocast(latents.device.type, enabled=False):  # bfloat16 rounds coordinates by a seventh of a pixel
            origin, offset = lattice, latent_share.new_zeros((), dtype=torch.float32)
            if isinstance(lattice.row, Tensor) and isinstance(lattice.column, Tensor):
                # A shifted position adds a constant to every coordinate, and so to the layer's output.
                origin = lattice._replace(row=0, column=0)
                down, right = (
                    2 * start.float()[:, None] / (size + 2 * HALO - 1)
                    for start, size in ((lattice.row, height), (lattice.column, width))
                )
                offset = down * row_weight.sum((1, 2)) + right * column_weight.sum((1, 2))  # N,C
            rows, columns = (axis.to(latents.device).unfold(0, 3, 1) for axis in coordinates(height, width, origin))
            coordinate_share = (rows @ row_weight.sum(2).t())[:, None] + columns @ column_weight.sum(1).t()
        dtype, latent_share = latent_share.dtype, latent_share + offset
        coordinate_share = coordinate_share.permute(2, 0, 1)  # C,H'+6,W'+6, channels last in memory
        outputs = []
        for share in chunks(latent_share, SLOTS_AT_ONCE):
            x = F.relu((coordinate_share + share[:, :, None, None]).to(dtype))
            for convolution in rest:
                x = F.relu(convolution(x))
            outputs.append(self.output(x).float())
        means, logits = torch.cat(outputs).split((3, 1), dim=1)
        return means, logits


def coordinates(height: int, width: int, lattice: Lattice) -> tuple[Tensor, Tensor]:
    """Row and column coordinates of the tiled latent, H'+8 and W'+8 values, from -1 to 1 over H+8 and W+8 pixels.

    The lattice has one position for all pictures.
    """

    def axis(size: int, offset: int) -> Tensor:
        count = len(range(size)[lattice.along(offset)]) + 2 * HALO
        position = HALO + offset + lattice.stride * (torch.arange(count) - HALO)
        return 2 * position / (size + 2 * HALO - 1) - 1

    return axis(height, int(lattice.row)), axis(width, int(lattice.column))


class ComponentVAE(nn.Module):
    """Encoder and decoder, shared by all slots."""

    def __init__(self, encoder: Encoder, decoder: SpatialBroadcastDecoder):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        # On a CPU, convolutions of 32 or more channels are fastest in channels_last.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload, unused-ignore]


def sample(mean: Tensor, log_std: Tensor) -> Tensor:
    """Draws from the posterior by reparameterisation, so that gradients reach mean and log_std."""
    return mean + log_std.exp() * torch.randn_like(mean)

"""The component VAE: encoder and spatial broadcast decoder (paper, section 2.2 and appendix B.1)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from monet.chunks import chunks

HALO = 4
"""Pixels that four unpadded 3x3 convolutions eat on each side; the latent is tiled to H+8, W+8."""

SLOTS_AT_ONCE = 8
"""Slots that a CPU encodes and decodes together."""


class Lattice(NamedTuple):
    """Every ``stride``-th pixel of a picture from ``row`` and ``column`` on, in a square of side ``window`` (None: to
    the edges). The default is the whole picture.

    ``row`` and ``column`` are one place for all pictures, or integer tensors N with a place for each of N pictures or
    latents.

    A training step may decode and score one such part instead of every pixel: neighbouring pixels say nearly the
    same, and the decoder is nine tenths of the work of a small step. In a window the decoder gives exactly what it
    gives for the whole picture; with a stride its convolutions see their neighbours further apart.
    """

    stride: int = 1
    row: int | Tensor = 0
    column: int | Tensor = 0
    window: int | None = None

    @classmethod
    def draw(
        cls, count: int, side: int, stride: int = 1, window: int | None = None, device: torch.device | None = None
    ) -> Lattice:
        """A lattice for each of ``count`` pictures, each of those that lay out a picture of ``side`` as likely as the
        others: losses stay unbiased."""
        window = window or side
        if window == side and stride == 1:
            return cls()
        starts = torch.randint(stride * (side // window), (2, count), device=device)
        row, column = window * (starts // stride) + starts % stride
        return cls(stride, row, column, window)

    def repeat(self, slots: int) -> Lattice:
        """The lattice of every slot of the pictures, for latents B*K."""
        if isinstance(self.row, int) or isinstance(self.column, int):
            return self
        return self._replace(row=self.row.repeat_interleave(slots), column=self.column.repeat_interleave(slots))

    def along(self, start: int) -> slice:
        """The lattice's pixels along one axis, from its ``row`` or its ``column`` on."""
        return slice(start, None if self.window is None else start + self.window, self.stride)

    def take(self, x: Tensor) -> Tensor:
        """The lattice's pixels of ...,H,W; of N,...,H,W where each picture has its own."""
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

    The reference network has no activation between the two linear layers, and nothing between its strided layers.
    With ``activation`` there is a ReLU, and with ``residuals`` so many 3x3 convolutions follow every strided layer but
    the first, each added to what it reads: an object then lies within what one unit sees, wherever it is.
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
        """Images N,3,H,W and log masks N,1,H,W to the posterior's mean and log standard deviation, N,Z each."""
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
    """p_theta(x, c | z_k): the latent is tiled over the picture and four convolutions read it with the coordinates.

    Watters et al. 2019, "Spatial Broadcast Decoder"; MONet, appendix B.1. Row coordinate first, then column.
    """

    def __init__(self, channels: tuple[int, ...], latent_dim: int):
        super().__init__()
        ins = (latent_dim + 2, *channels[:-1])
        self.latent_dim = latent_dim
        self.convolutions = nn.ModuleList(nn.Conv2d(i, o, 3) for i, o in zip(ins, channels, strict=True))
        self.output = nn.Conv2d(channels[-1], 4, 1)

    def forward(self, latents: Tensor, height: int, width: int, lattice: Lattice = Lattice()) -> tuple[Tensor, Tensor]:
        """Latents N,Z to component means N,3,H',W' and mask logits N,1,H',W' on the lattice, float32."""
        first, *rest = (layer for layer in self.convolutions if isinstance(layer, nn.Conv2d))
        # Convolution is linear. A tiled latent is constant over space, so its share is one matrix product with the
        # kernel summed over its taps; a coordinate changes along one axis only, so its share is a convolution along
        # that axis, and the same for every latent. Exact, and the layer costs nothing.
        latent_weight, (row_weight, column_weight) = first.weight[:, :-2], first.weight[:, -2:].unbind(1)
        latent_share = F.linear(latents, latent_weight.sum((2, 3)), first.bias)
        with torch.autocast(latents.device.type, enabled=False):  # bfloat16 would move a pixel by a seventh
            origin, offset = lattice, latent_share.new_zeros((), dtype=torch.float32)
            if isinstance(lattice.row, Tensor) and isinstance(lattice.column, Tensor):
                # Further down or right, every coordinate is larger by a constant, and so is the layer's output.
                origin = lattice._replace(row=0, column=0)
                down, right = (
                    2 * place.float()[:, None] / (size + 2 * HALO - 1)
                    for place, size in ((lattice.row, height), (lattice.column, width))
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
    """Row and column coordinates of the tiled latent, H'+8 and W'+8: from -1 to 1 over H+8 and W+8 pixels; of a
    lattice that has one place for all."""

    def axis(size: int, offset: int) -> Tensor:
        count = len(range(size)[lattice.along(offset)]) + 2 * HALO
        position = HALO + offset + lattice.stride * (torch.arange(count) - HALO)
        return 2 * position / (size + 2 * HALO - 1) - 1

    return axis(height, int(lattice.row)), axis(width, int(lattice.column))


class ComponentVAE(nn.Module):
    """Encoder and decoder that all slots share."""

    def __init__(self, encoder: Encoder, decoder: SpatialBroadcastDecoder):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        # On a CPU the convolutions of 32 and more channels are fastest channels_last.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload, unused-ignore]


def sample(mean: Tensor, log_std: Tensor) -> Tensor:
    """A reparameterised draw from the posterior, so that the gradient reaches both of its parameters."""
    return mean + log_std.exp() * torch.randn_like(mean)

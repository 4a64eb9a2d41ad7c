"""Attention network: a U-Net that assigns the scene to slots step by step (paper, section 2.2 and appendix B.2)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from monet.chunks import chunks

LEAST_SCOPE = 1e-4
"""Lower bound of a given scope, since log 0 is not finite."""
PICTURES_AT_ONCE = 16
"""Pictures in one CPU chunk."""


class Block(nn.Module):
    """3x3 bias-free convolution, instance normalisation with learned scale and bias, ReLU (appendix B.2)."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        # One group per channel *is* instance normalisation. PyTorch's CPU kernel for groups supports channels_last and
        # bfloat16; nn.InstanceNorm2d copies to NCHW first.
        self.norm = nn.GroupNorm(out_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.activate(self.convolution(x))

    def activate(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(x))


class UNet(nn.Module):
    """Logits of alpha_psi(x; s), the share of the scope that a step takes at each pixel.

    Args:
        channels: width of each block on the way down; the way up mirrors it with half the width. The size of the
            picture must be divisible by ``2 ** (len(channels) - 1)``.
        hidden: width of the three-layer MLP between the two paths.
        resolution: side of the picture in pixels; it determines the MLP's input size.
    """

    def __init__(self, channels: tuple[int, ...], hidden: int, resolution: int):
        super().__init__()
        bottleneck = resolution // 2 ** (len(channels) - 1)
        features = channels[-1] * bottleneck**2
        self.first = Block(4, channels[0])
        self.down = nn.ModuleList(Block(i, o) for i, o in pairwise(channels))
        self.mlp = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, features), nn.ReLU(),
        )  # fmt: skip
        # Each block on the way up reads the output of the level below (first of the MLP) and its own level's skip.
        below = (channels[-1], *(c // 2 for c in reversed(channels)))
        self.up = nn.ModuleList(Block(b + c, c // 2) for b, c in zip(below, reversed(channels), strict=False))
        self.logits = nn.Conv2d(channels[0] // 2, 1, 1)

    def picture_share(self, images: Tensor) -> Tensor:
        """The picture's part of the first convolution, equal at every step: B,3,H,W to B,C,H,W."""
        return F.conv2d(images, self.first.convolution.weight[:, :3], padding=1)

    def forward(self, picture_share: Tensor, log_scope: Tensor) -> Tensor:
        """B,C,H,W from :meth:`picture_share` and the log scope B,1,H,W to logits B,1,H,W."""
        scope_share = F.conv2d(log_scope, self.first.convolution.weight[:, 3:], padding=1)
        x = self.first.activate(picture_share + scope_share)
        skips = [x]
        for block in self.down:
            x = block(F.avg_pool2d(x, 2))
            skips.append(x)
        x = self.mlp(x.flatten(1)).view(x.shape)
        for level, block in enumerate(self.up):
            if level:
                x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat((x, skips[-1 - level]), dim=1))
        return self.logits(x)


class Attention(nn.Module):
    """The recursion over the scope: each step takes a share of what the previous steps left.

    Paper, equations 1 and 2, in log units: ``s_0 = 1``, ``m_k = s_{k-1} alpha_k``, ``s_k = s_{k-1} (1 - alpha_k)``,
    and the last slot gets what is left, ``m_K = s_{K-1}``.
    """

    def __init__(self, channels: tuple[int, ...], hidden: int, resolution: int):
        super().__init__()
        self.unet = UNet(channels, hidden, resolution)

    def forward(self, images: Tensor, num_slots: int, scope: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Masks and scopes of all steps.

        Args:
            images: B,3,H,W in [0, 1].
            num_slots: K, at least 1.
            scope: s_0, the part of the picture to explain, B,H,W in [0, 1], clamped to at least ``LEAST_SCOPE``; the
                whole picture if None. The masks sum to it.

        Returns:
            log masks ``log m_k`` and log scopes ``log s_{k-1}``, the input of step k; both B,K,H,W, finite, float32.
        """
        log_scope = images.new_zeros(images.shape[0], 1, *images.shape[2:], dtype=torch.float32)
        if scope is not None:
            log_scope = scope.float()[:, None].clamp(LEAST_SCOPE, 1).log()
        pieces = zip(chunks(images, PICTURES_AT_ONCE), chunks(log_scope, PICTURES_AT_ONCE), strict=True)
        each = (self._steps(*piece, num_slots) for piece in pieces)
        log_masks, log_scopes = zip(*each, strict=True)
        return torch.cat(log_masks), torch.cat(log_scopes)

    def _steps(self, images: Tensor, log_scope: Tensor, num_slots: int) -> tuple[Tensor, Tensor]:
        # Pictures from files are channels_last. PyTorch's group norm is ten times less exact in that layout, because it
        # computes the variance as a difference of squares.
        picture_share = self.unet.picture_share(images.contiguous())
        log_masks, log_scopes = [], [log_scope]
        for _ in range(num_slots - 1):
            logits = self.unet(picture_share, log_scope).float()
            # logsigmoid(a) and logsigmoid(-a) stay exact where log(1 - sigmoid(a)) would round to log 0.
            log_masks.append(log_scope + F.logsigmoid(logits))
            log_scope = log_scope + F.logsigmoid(-logits)
            log_scopes.append(log_scope)
        log_masks.append(log_scope)
        return torch.cat(log_masks, dim=1), torch.cat(log_scopes, dim=1)

"""MONet's configuration, network and output (Burgess et al. 2019, arXiv:1901.11390)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from monet.attention import Attention
from monet.memory import keep_freed_memory
from monet.vae import ComponentVAE, Encoder, Lattice, SpatialBroadcastDecoder, sample


@dataclass(frozen=True)
class MONetConfig:
    """Architecture and objective of a network. The default has 1,207,921 parameters.

    Args:
        resolution: side of the square picture in pixels; a multiple of ``2 ** (len(attention_channels) - 1)``.
        picture_size: side of the picture without its border, if smaller than ``resolution``: a black border surrounds
            it (Tetrominoes: 35 in 40). None: no border.
        num_slots: K, the default number of slots of a call.
        latent_dim: Z, latents per slot.
        attention_channels: widths of the U-Net's blocks on the way down (appendix B.2 leaves them open).
        attention_hidden: width of the U-Net's MLP.
        encoder_channels: widths of the encoder's strided convolutions.
        encoder_hidden: width of the encoder's hidden linear layer.
        encoder_activation: whether a ReLU follows that layer; the reference has none.
        encoder_residuals: number of residual 3x3 convolutions after each strided one but the first; 0 in the reference.
        decoder_channels: widths of the broadcast decoder's four convolutions.
        log_mask_floor: lower bound of the encoder's log masks. None: no bound, as in the reference; outside a slot,
            log m_k then falls by about six nats with every step, and the encoder has to learn each slot's level.
        background_scale: sigma_bg, standard deviation of the first slot's pixels, in units of the [0, 1] range.
        foreground_scale: sigma_fg, that of the other slots.
        beta: weight of the latents' KL divergence.
        gamma: weight of the masks' KL divergence.

    Raises:
        ValueError: a value is invalid; the message says which values are valid.
    """

    resolution: int = 64
    picture_size: int | None = None
    num_slots: int = 7
    latent_dim: int = 16
    attention_channels: tuple[int, ...] = (8, 16, 32, 64, 128)
    attention_hidden: int = 128
    encoder_channels: tuple[int, ...] = (32, 32, 64, 64)
    encoder_hidden: int = 256
    encoder_activation: bool = False
    encoder_residuals: int = 0
    decoder_channels: tuple[int, ...] = (32, 32, 32, 32)
    log_mask_floor: float | None = None
    background_scale: float = 0.09
    foreground_scale: float = 0.11
    beta: float = 0.5
    gamma: float = 0.5

    def __post_init__(self) -> None:
        for name in ("attention_channels", "encoder_channels", "decoder_channels"):
            widths = getattr(self, name)
            if isinstance(widths, list):  # as JSON and TOML have them
                object.__setattr__(self, name, tuple(widths))
            elif not isinstance(widths, tuple):
                raise ValueError(f"{name} must be a list of widths, not {widths!r}")
        widths = (*self.attention_channels, *self.encoder_channels, *self.decoder_channels)
        sizes = (self.latent_dim, self.attention_hidden, self.encoder_hidden)
        if not all(_whole(w, 1, 4096) for w in (*widths, *sizes)):
            raise ValueError("every width must be a whole number between 1 and 4096")
        if not isinstance(self.encoder_activation, bool):
            raise ValueError(f"encoder_activation must be true or false, not {self.encoder_activation!r}")
        if not _whole(self.encoder_residuals, 0, 16):
            raise ValueError(f"encoder_residuals {self.encoder_residuals!r} must be a whole number from 0 to 16")
        if not self.attention_channels or not self.encoder_channels:
            raise ValueError("attention_channels and encoder_channels must not be empty")
        if any(c % 2 for c in self.attention_channels):
            raise ValueError("attention_channels must be even: the way up has half the width of the way down")
        if len(self.decoder_channels) != 4:
            raise ValueError("decoder_channels must be four widths: the tiling of H+8, W+8 belongs to four layers")
        multiple = 2 ** (len(self.attention_channels) - 1)
        if not _whole(self.resolution, 2 * multiple, 1024) or self.resolution % multiple:
            # Instance normalisation needs more than one pixel, so the bottleneck is at least 2x2.
            raise ValueError(
                f"resolution {self.resolution!r} must be a multiple of {multiple} from {2 * multiple} to 1024 for "
                f"{len(self.attention_channels)} attention blocks"
            )
        if self.picture_size is not None and not _whole(self.picture_size, 1, self.resolution):
            raise ValueError(f"picture_size {self.picture_size!r} must lie between 1 and {self.resolution}")
        if not _whole(self.num_slots, 1, 64):
            raise ValueError(f"num_slots {self.num_slots!r} must be a whole number between 1 and 64")
        floor = self.log_mask_floor
        if floor is not None and not (_finite(floor) and floor < 0):
            raise ValueError(f"log_mask_floor {floor!r} must be a number below 0")
        for name in ("background_scale", "foreground_scale"):
            if not (_finite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be a positive number")
        for name in ("beta", "gamma"):
            if not (_finite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"{name} must be a number and not negative")


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


@dataclass(frozen=True)
class Decomposition:
    """Output for a batch of scenes; tensors with the batch axis first.

    Attributes:
        log_masks: B,K,H,W, ``log m_k``; ``exp`` of it sums to one over K.
        log_scopes: B,K,H,W, ``log s_{k-1}``, what the previous steps left for step k to explain.
        latent_mean: B,K,Z, mean of q_phi(z_k | x, m_k).
        latent_log_std: B,K,Z, log of its standard deviation.
        latents: B,K,Z, the decoded latents: samples in training mode, the means otherwise.
        components: B,K,3,H',W', means of p_theta(x | z_k), near [0, 1] but not clipped.
        mask_logits: B,K,H',W'; their softmax over K is p_theta(c | z), the decoder's masks.

    H', W' are H, W, or smaller if only a :class:`~monet.vae.Lattice` of pixels was decoded.
    """

    log_masks: Tensor
    log_scopes: Tensor
    latent_mean: Tensor
    latent_log_std: Tensor
    latents: Tensor
    components: Tensor
    mask_logits: Tensor

    @property
    def reconstruction(self) -> Tensor:
        """B,3,H,W: ``sum_k m_k x_k`` with the attention's masks (figure 1 of the paper)."""
        return (self.log_masks.exp()[:, :, None] * self.components).sum(1)


class MONet(nn.Module):
    """The complete network: attention, encoder and decoder."""

    def __init__(self, config: MONetConfig | None = None):
        super().__init__()
        self.config = c = config or MONetConfig()
        self.attention = Attention(c.attention_channels, c.attention_hidden, c.resolution)
        self.vae = ComponentVAE(
            Encoder(
                c.encoder_channels,
                c.encoder_hidden,
                c.latent_dim,
                c.resolution,
                c.encoder_activation,
                c.encoder_residuals,
            ),
            SpatialBroadcastDecoder(c.decoder_channels, c.latent_dim),
        )
        keep_freed_memory()

    def forward(
        self,
        images: Tensor,
        num_slots: int | None = None,
        lattice: Lattice = Lattice(),
        detach_masks: bool = False,
        scope: Tensor | None = None,
    ) -> Decomposition:
        """Decomposes a batch of any size.

        Args:
            images: B,3,H,W float in [0, 1] with H = W = ``config.resolution``.
            num_slots: K for this call; the slots share their weights, so any number works.
            lattice: the pixels to decode, one lattice for all pictures or one per picture; all pixels by default.
            detach_masks: whether to stop the gradient from the encoder's input to the attention; values do not change.
            scope: s_0, B,H,W in [0, 1]: the part of the picture to explain; the whole picture if None.
        """
        batch, _, height, width = images.shape
        slots = num_slots or self.config.num_slots
        log_masks, log_scopes = self.attention(images, slots, scope)
        # Only the attention is sequential: all slots of all pictures go through the VAE as one batch (B*K).
        repeated = images.repeat_interleave(slots, dim=0)
        floor = self.config.log_mask_floor
        encoder_masks = log_masks if floor is None else log_masks.clamp(min=floor)
        if detach_masks:
            encoder_masks = encoder_masks.detach()
        mean, log_std = self.vae.encoder(repeated, encoder_masks.reshape(-1, 1, height, width))
        latents = sample(mean, log_std) if self.training else mean
        components, mask_logits = self.vae.decoder(latents, height, width, lattice.repeat(slots))
        return Decomposition(
            log_masks=log_masks,
            log_scopes=log_scopes,
            latent_mean=mean.unflatten(0, (batch, slots)),
            latent_log_std=log_std.unflatten(0, (batch, slots)),
            latents=latents.unflatten(0, (batch, slots)),
            components=components.unflatten(0, (batch, slots)),
            mask_logits=mask_logits[:, 0].unflatten(0, (batch, slots)),
        )

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Decodes latents N,Z to component means N,3,H,W and mask logits N,H,W at the configured resolution."""
        side = self.config.resolution
        components, mask_logits = self.vae.decoder(latents, side, side)
        return components, mask_logits[:, 0]

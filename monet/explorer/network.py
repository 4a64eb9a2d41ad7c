"""The attention network and the encoder for the page's own kernel: their weights, and a scene that checks them."""

from __future__ import annotations

from typing import Any

import numpy as np

from monet import inference
from monet.checkpoints import Checkpoint
from monet.data import samples
from monet.data.batches import prepare
from monet.explorer.payload import encode
from monet.explorer.scenes import MAX_SLOTS
from monet.explorer.slotmap import samples_of
from monet.model import MONet, MONetConfig


def network_payload(model: MONet, checkpoint: Checkpoint, slots: int | None = None) -> dict[str, Any]:
    """The network without its decoder, which travels by itself (:func:`monet.explorer.payload.decoder_payload`).

    Weights travel in single precision. In half precision the masks of the shipped checkpoints differ by up to 0.013 on
    their sample scenes; with half precision in the attention's linear layers only, still by 0.001.

    Args:
        model: entered by nobody else meanwhile.
        checkpoint: of this model.
        slots: K of the probe, the checkpoint's own if None.

    Returns:
        ``config`` with the sizes that the kernel wants; ``about`` with what else the page needs to say of a scene what
        :func:`monet.explorer.payload.scene_payload` says; ``weights`` float32, U-Net and encoder in the order of
        the state dict; ``probe``, the first sample scene that the model knows, as ``pixels`` uint8 H,W,3, with what the
        model makes of it here: ``slots``, ``masks`` K,H,W, ``latentMean`` and ``latentStd`` K,Z and ``components``
        K,H,W,4 (red, green, blue, mask logit), float32.
    """
    config = model.config
    parameters = (*model.attention.parameters(), *model.vae.encoder.parameters())
    fed = prepare(samples.read(samples_of(checkpoint.data), 0), config).image
    described = inference.describe(*inference.forward(model, fed, slots))
    components = np.concatenate((described.components, described.mask_logits[:, None]), axis=1)
    return {
        "config": network_config(config),
        "about": {
            "pictureSize": config.picture_size or config.resolution,
            "backgroundScale": config.background_scale,
            "foregroundScale": config.foreground_scale,
            "measured": dict(checkpoint.measured),
            "data": checkpoint.data,
        },
        "weights": encode(np.concatenate([p.detach().numpy().ravel() for p in parameters])),
        "probe": {
            "pixels": encode(fed),
            "slots": len(described.masks),
            "masks": encode(described.masks),
            "latentMean": encode(described.latent_mean),
            "latentStd": encode(described.latent_std),
            "components": encode(components.transpose(0, 2, 3, 1)),
        },
    }


def network_config(config: MONetConfig) -> dict[str, Any]:
    """The sizes that the kernel wants to know; ``slots`` are the most that anybody asks for."""
    return {
        "side": config.resolution,
        "slots": max(MAX_SLOTS, config.num_slots),
        "latents": config.latent_dim,
        "logMaskFloor": config.log_mask_floor,
        "attentionHidden": config.attention_hidden,
        "encoderHidden": config.encoder_hidden,
        "encoderActivation": config.encoder_activation,
        "encoderResiduals": config.encoder_residuals,
        "attentionChannels": list(config.attention_channels),
        "encoderChannels": list(config.encoder_channels),
    }

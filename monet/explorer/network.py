"""JSON payload of the attention network and the encoder for the browser: configuration, weights, test scene."""

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
    """The network without its decoder, which has its own payload (:func:`monet.explorer.payload.decoder_payload`).

    Weights are sent in single precision. Half precision changes the masks of the shipped checkpoints by up to 0.013 on
    their sample scenes; half precision in the attention's linear layers only, by 0.001.

    Args:
        model: no other thread uses it meanwhile.
        checkpoint: of this model.
        slots: K of the probe, the checkpoint's own if None.

    Returns:
        ``config`` with the sizes for the kernel; ``about`` with the other fields that the page needs to compute
        :func:`monet.explorer.payload.scene_payload` itself; ``weights`` float32, U-Net and encoder in the order of the
        state dict; ``probe``, a test scene with expected results: the first sample of the model's data set as
        ``pixels`` uint8 H,W,3, and its ``slots``, ``masks`` K,H,W, ``latentMean`` and ``latentStd`` K,Z and
        ``components`` K,H,W,4 (red, green, blue, mask logit), float32, as computed here.
    """
    config = model.config
    parameters = (*model.attention.parameters(), *model.vae.encoder.parameters())
    pixels = prepare(samples.read(samples_of(checkpoint.data), 0), config).image
    described = inference.describe(*inference.forward(model, pixels, slots))
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
            "pixels": encode(pixels),
            "slots": len(described.masks),
            "masks": encode(described.masks),
            "latentMean": encode(described.latent_mean),
            "latentStd": encode(described.latent_std),
            "components": encode(components.transpose(0, 2, 3, 1)),
        },
    }


def network_config(config: MONetConfig) -> dict[str, Any]:
    """The sizes for the kernel's settings; ``slots`` is the largest number that a visitor can choose."""
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

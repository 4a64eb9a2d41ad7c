"""JSON payloads for the page: a decomposed scene, a model's decoder, and what was measured of its latents."""

from __future__ import annotations

import base64
import logging
import math
from typing import Any

import numpy as np
import torch

from monet import evaluation, inference
from monet.checkpoints import Checkpoint, CheckpointError
from monet.data import Scene
from monet.data.batches import prepare
from monet.figures import to_uint8
from monet.latents.features import FEATURES
from monet.latents.record import CONSISTENT, FEWEST, UNUSED, Latent, Latents
from monet.model import Decomposition, MONet
from monet.pictures import How

PROBE_SEED = 1901

log = logging.getLogger(__name__)


def scene_payload(
    model: MONet,
    checkpoint: Checkpoint,
    scene: Scene,
    origin: dict[str, Any],
    num_slots: int | None = None,
    how: How = "crop",
) -> dict[str, Any]:
    """Decomposes a scene and returns all data that the panels draw, about 100 kB.

    Components are not included: the page decodes the latents itself, or requests them from the server.

    Args:
        model: no other thread uses it meanwhile.
        checkpoint: of this model.
        scene: picture of any size, with its segmentation if there is one.
        origin: scene reference, as in a permalink.
        num_slots: K, the checkpoint's own if None.
        how: how to make a picture square.

    Returns:
        ``image`` uint8 H,W,3, ``masks`` float16 K,H,W, ``alphas`` uint8 K,H,W and ``truth`` uint8 H,W or None in
        base64; ``mean``, ``std`` and ``kl`` K x Z; ``object``, the slot to select first; ``figures``, metrics by name;
        ``usual``, the model's mean metrics; the scene's ``title``; ``scaled``, width and height of a picture that had
        another size, or None; ``foreign``, whether the scene is from another data set than the model's.
        ``static/engine/answer.js`` returns the same for a picture that the page decomposes itself.
    """
    prepared = prepare(scene, model.config, how)
    image, decomposition = inference.forward(model, prepared.image, num_slots)
    described = inference.describe(image, decomposition)
    true = None if prepared.segmentation is None else prepared.segmentation[None]
    figures = evaluation.scores(model.config, image, decomposition, true, prepared.background)
    height, width = scene.image.shape[:2]
    side = model.config.picture_size or model.config.resolution
    return {
        "model": checkpoint.name,
        "origin": origin,
        "title": scene.source,
        "size": model.config.resolution,
        "slots": len(described.masks),
        "object": object_slot(described.masks, prepared.segmentation, prepared.background),
        "how": how,
        "scaled": None if height == width == side else [width, height],
        "foreign": bool(checkpoint.data) and origin.get("data", checkpoint.data) != checkpoint.data,
        "image": encode(prepared.image),
        "masks": encode(described.masks.astype("<f2")),
        "alphas": encode(to_uint8(alphas(decomposition)[0].numpy())),
        "truth": None if prepared.segmentation is None else encode(prepared.segmentation.astype(np.uint8)),
        "mean": described.latent_mean.tolist(),
        "std": described.latent_std.tolist(),
        "kl": described.latent_kl.tolist(),
        "figures": {name: finite(value[0]) for name, value in figures.items()},
        "usual": dict(checkpoint.measured),
    }


def evidence_payload(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """Measured effects of a checkpoint's latents, for the names of the sliders; None if none fit these weights.

    Returns:
        ``slots``, ``sweep``, ``turns`` (whether objects can be turned), ``features`` with the word for each, and for
        each latent its ``name``; ``evidence``, its strongest effect in words ("" for none); ``alive``, the share of
        objects left at each value of the sweep; and ``strengths`` by feature: 1 is just noticeable, 0 is noticeable but
        inconsistent between slots.
    """
    try:
        found = Latents.read(checkpoint.folder)
    except CheckpointError as error:
        log.warning("%s", error)
        return None
    if found is None:
        return None
    return {
        "slots": found.slots,
        "sweep": list(found.sweep),
        "turns": found.turns,
        "features": {name: found.word(name) for name in FEATURES},
        "latents": [
            {
                "name": found.name(latent),
                "evidence": evidence(latent, found.slots),
                "alive": latent.survives,
                "strengths": strengths(latent),
            }
            for latent in found.latents
        ],
    }


def evidence(latent: Latent, slots: int) -> str:
    """The strongest effect that gives a latent its name, such as "28 px in 44 of 44 slots"."""
    if not (features := latent.named_by(slots)) or latent.kl < UNUSED:
        return ""
    effect = latent.effects[features[0]]
    return f"{FEATURES[features[0]].amount(effect.change).lstrip('+−')} in {effect.consistent} of {effect.of} slots"


def strengths(latent: Latent) -> dict[str, float]:
    """The noticeable effects of a latent in units of the noticeable change; 0 if the slots are inconsistent."""
    found = {}
    for name, effect in latent.effects.items():
        strength = abs(effect.change) / FEATURES[name].noticeable
        if effect.of >= FEWEST and strength >= 1:
            found[name] = round(strength, 2) if effect.consistent >= CONSISTENT * effect.of else 0.0
    return found


def object_slot(masks: np.ndarray, segmentation: np.ndarray | None, background: tuple[int, ...]) -> int:
    """Chooses the slot to select first: one that shows an object, not the background, if possible.

    Args:
        masks: K,H,W, sum to one.
        segmentation: H,W true labels, None if unknown.
        background: true labels that are background.

    Returns:
        The slot with the best soft IoU with a true object. Without true objects, the largest slot that does not touch
        the picture's edge, where backgrounds lie.
    """
    share = masks.sum((1, 2))
    if segmentation is not None:
        objects = [segmentation == label for label in np.unique(segmentation) if label not in background]
        if background and objects:
            intersection = np.array([[mask[inside].sum() for inside in objects] for mask in masks])
            sizes = np.array([inside.sum() for inside in objects])
            return int((intersection / (share[:, None] + sizes - intersection)).max(1).argmax())
    edge = np.ones(masks.shape[1:], bool)
    edge[2:-2, 2:-2] = False
    on_edge = masks[:, edge].mean(1)
    return int((share * (1 - np.minimum(1, 4 * on_edge))).argmax())


def alphas(decomposition: Decomposition) -> torch.Tensor:
    """B,K,H,W: alpha_k = m_k / s_{k-1}, the share of its scope that each step takes; 1 for the last step.

    Computed from logarithms, because an exhausted scope is too small to divide by.
    """
    return (decomposition.log_masks - decomposition.log_scopes).exp()


def decoder_payload(model: MONet) -> dict[str, Any]:
    """The broadcast decoder's weights for the page's kernel, with a probe to check the kernel's output.

    Returns:
        ``height``, ``width``, ``latentDim``, ``channels``; ``weights`` float32 in the order of the state dict;
        ``probe`` with a ``latent`` and its decoded ``output`` H,W,4 (red, green, blue, mask logit), as computed here.
    """
    decoder = model.vae.decoder
    latent = np.random.default_rng(PROBE_SEED).standard_normal((1, decoder.latent_dim)).astype(np.float32)
    side = model.config.resolution
    return {
        "height": side,
        "width": side,
        "latentDim": decoder.latent_dim,
        "channels": list(model.config.decoder_channels),
        "weights": encode(np.concatenate([p.detach().numpy().ravel() for p in decoder.parameters()])),
        "probe": {"latent": encode(latent[0]), "output": encode(inference.decode_pixels(model, latent)[0])},
    }


def encode(array: np.ndarray) -> str:
    """Encodes an array's bytes, little-endian, in base64."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def finite(value: float) -> float | None:
    """Converts NaN and infinity to None, since JSON has neither."""
    return float(value) if math.isfinite(value) else None

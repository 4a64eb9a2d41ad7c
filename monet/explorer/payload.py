"""What the page needs to know about a decomposed scene and about a model's decoder, as JSON."""

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
    """A scene and everything the panels draw from it, about 100 kB.

    The components are not in it: the page decodes the latents by itself, or asks the server for them.

    Args:
        model: entered by nobody else meanwhile.
        checkpoint: of this model.
        scene: picture of any size, with its segmentation if there is one.
        origin: where the scene comes from, as the page gives it back in a link.
        num_slots: K, the checkpoint's own if None.
        how: the way a picture that is not square is made so.

    Returns:
        ``image`` uint8 H,W,3, ``masks`` float16 K,H,W, ``alphas`` uint8 K,H,W and ``truth`` uint8 H,W or None in
        base64, ``mean``, ``std`` and ``kl`` K x Z, ``object`` with the slot to begin with, ``figures`` by name,
        ``usual`` with the means that were measured of the model, what the scene is called, ``scaled`` with the width
        and height of a picture that had another size, or None, and whether it is ``foreign``: from another data set
        than the model's. ``static/engine/answer.js`` makes the same of a picture that the page takes apart by itself.
    """
    fed = prepare(scene, model.config, how)
    image, decomposition = inference.forward(model, fed.image, num_slots)
    described = inference.describe(image, decomposition)
    true = None if fed.segmentation is None else fed.segmentation[None]
    figures = evaluation.scores(model.config, image, decomposition, true, fed.background)
    height, width = scene.image.shape[:2]
    side = model.config.picture_size or model.config.resolution
    return {
        "model": checkpoint.name,
        "origin": origin,
        "title": scene.source,
        "size": model.config.resolution,
        "slots": len(described.masks),
        "object": object_slot(described.masks, fed.segmentation, fed.background),
        "how": how,
        "scaled": None if height == width == side else [width, height],
        "foreign": bool(checkpoint.data) and origin.get("data", checkpoint.data) != checkpoint.data,
        "image": encode(fed.image),
        "masks": encode(described.masks.astype("<f2")),
        "alphas": encode(to_uint8(alphas(decomposition)[0].numpy())),
        "truth": None if fed.segmentation is None else encode(fed.segmentation.astype(np.uint8)),
        "mean": described.latent_mean.tolist(),
        "std": described.latent_std.tolist(),
        "kl": described.latent_kl.tolist(),
        "figures": {name: finite(value[0]) for name, value in figures.items()},
        "usual": dict(checkpoint.measured),
    }


def evidence_payload(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """What was measured of a checkpoint's latents, for the names of the sliders; None if nothing was of these weights.

    Returns:
        ``slots``, ``sweep``, ``features`` with the word for each, and of each latent ``name``, its strongest effect in
        words as ``evidence`` ("" for none), ``alive``, the share of objects left at each value of the sweep, and
        ``strengths`` by feature: 1 is just noticeable, 0 noticeable but not alike from slot to slot.
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
    """The strongest effect that a latent is named by: "28 px in 44 of 44 slots"."""
    if not (features := latent.named_by(slots)) or latent.kl < UNUSED:
        return ""
    effect = latent.effects[features[0]]
    return f"{FEATURES[features[0]].amount(effect.change).lstrip('+−')} in {effect.consistent} of {effect.of} slots"


def strengths(latent: Latent) -> dict[str, float]:
    """The effects of a latent that can be seen, in units of what is noticeable; 0 if the slots do not agree."""
    seen = {}
    for name, effect in latent.effects.items():
        strength = abs(effect.change) / FEATURES[name].noticeable
        if effect.of >= FEWEST and strength >= 1:
            seen[name] = round(strength, 2) if effect.consistent >= CONSISTENT * effect.of else 0.0
    return seen


def object_slot(masks: np.ndarray, segmentation: np.ndarray | None, background: tuple[int, ...]) -> int:
    """The slot to begin with: of an object, never of the background if there is another.

    Args:
        masks: K,H,W, sum to one.
        segmentation: H,W true labels, None if nobody knows them.
        background: true labels that are no object.

    Returns:
        The slot that covers a true object best (soft IoU); without true objects, the slot with the largest share of
        pixels that keeps off the picture's rim, where backgrounds lie.
    """
    share = masks.sum((1, 2))
    if segmentation is not None:
        objects = [segmentation == label for label in np.unique(segmentation) if label not in background]
        if background and objects:
            both = np.array([[mask[inside].sum() for inside in objects] for mask in masks])
            sizes = np.array([inside.sum() for inside in objects])
            return int((both / (share[:, None] + sizes - both)).max(1).argmax())
    rim = np.ones(masks.shape[1:], bool)
    rim[2:-2, 2:-2] = False
    on_rim = masks[:, rim].mean(1)
    return int((share * (1 - np.minimum(1, 4 * on_rim))).argmax())


def alphas(decomposition: Decomposition) -> torch.Tensor:
    """B,K,H,W: alpha_k = m_k / s_{k-1}, the share of its scope that each step takes; the last takes all of it.

    From the logarithms, since a scope that is used up is too small to divide by.
    """
    return (decomposition.log_masks - decomposition.log_scopes).exp()


def decoder_payload(model: MONet) -> dict[str, Any]:
    """The broadcast decoder's weights for the page's own kernel, with a probe that checks what it computes.

    Returns:
        ``height``, ``width``, ``latentDim``, ``channels``; ``weights`` float32 in the order of the state dict;
        ``probe`` with a ``latent`` and the ``output`` H,W,4 (red, green, blue, mask logit) that it decodes to here.
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
    """An array's bytes, little-endian, in base64."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def finite(value: float) -> float | None:
    """JSON knows no NaN: a metric that a scene does not have is None."""
    return float(value) if math.isfinite(value) else None

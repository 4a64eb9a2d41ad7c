"""Inference for one picture with NumPy arrays: preprocess, decompose, decode, compose, traverse."""

from __future__ import annotations

import operator
import os
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from PIL import Image

from monet.figures import to_uint8
from monet.model import Decomposition, MONet
from monet.pictures import How, embed, fit
from monet.pictures import read as read_picture


@dataclass(frozen=True)
class DecomposedScene:
    """The decomposition of one picture; float32 arrays, K slots, Z latents per slot.

    Attributes:
        image: 3,H,W in [0, 1], the model's exact input.
        masks: K,H,W, attention masks m_k, sum to one over K.
        scopes: K,H,W, scope s_{k-1}, the input of step k.
        components: K,3,H,W, component means, near [0, 1] but not clipped.
        mask_logits: K,H,W, the decoder's logits.
        decoded_masks: K,H,W, softmax of the mask logits over the slots.
        latent_mean: K,Z, mean of the posterior q(z_k | x, m_k).
        latent_std: K,Z, its standard deviation.
        reconstruction: 3,H,W, sum_k m_k x_k.
    """

    image: np.ndarray
    masks: np.ndarray
    scopes: np.ndarray
    components: np.ndarray
    mask_logits: np.ndarray
    decoded_masks: np.ndarray
    latent_mean: np.ndarray
    latent_std: np.ndarray
    reconstruction: np.ndarray

    @property
    def latent_kl(self) -> np.ndarray:
        """K,Z: D_KL of each latent from its prior N(0, 1), in nats: the information that it holds about this slot."""
        return 0.5 * (self.latent_mean**2 + self.latent_std**2 - 1) - np.log(self.latent_std)


Picture = str | os.PathLike[str] | Image.Image | np.ndarray | torch.Tensor


def preprocess(model: MONet, picture: Picture, how: How = "crop") -> np.ndarray:
    """Turns a picture into the model's input, uint8 H,W,3: reads it, makes it square, resizes it, adds the border.

    Raises:
        monet.pictures.PictureError: the file is not a readable picture.
        ValueError: the array or tensor is not a picture, or ``how`` is unknown.
    """
    if how not in get_args(How):
        raise ValueError(f"how must be one of {', '.join(get_args(How))}, not {how!r}")
    config = model.config
    return embed(
        fit(read_picture(_as_source(picture)), config.picture_size or config.resolution, how), config.resolution
    )


def _as_source(picture: Picture) -> Any:
    """Converts tensors to channels-last arrays and [0, 1] to 0..255; other pictures pass unchanged."""
    if isinstance(picture, torch.Tensor):
        if picture.ndim != 3 or len(picture) not in (1, 3, 4):
            raise ValueError(f"a picture tensor must have shape 3,H,W, not {tuple(picture.shape)}; arrays are H,W,3")
        if picture.dtype != torch.uint8 and not picture.is_floating_point():
            raise ValueError(f"a picture tensor must hold floats in [0, 1] or uint8 in 0..255, not {picture.dtype}")
        picture = picture.detach().cpu()
        picture = (picture.float() if picture.is_floating_point() else picture).permute(1, 2, 0).numpy()
    if isinstance(picture, np.ndarray) and np.issubdtype(picture.dtype, np.floating):
        if not (picture.size and picture.min() >= 0 and picture.max() <= 1):  # also false for NaN
            raise ValueError("a picture of floats must lie in [0, 1]; divide 0..255 by 255, or give uint8")
        picture = to_uint8(picture)
    return picture


def checked_slots(num_slots: object) -> int:
    """Validates a number of slots.

    Raises:
        ValueError: it is not a whole number of at least 1.
    """
    try:
        number = operator.index(num_slots)  # type: ignore[arg-type]
    except TypeError:
        number = 0
    if number < 1 or isinstance(num_slots, bool):
        raise ValueError(f"num_slots must be a whole number of at least 1, not {num_slots!r}")
    return number


def decompose(
    model: MONet,
    picture: Picture,
    *,
    num_slots: int | None = None,
    how: How = "crop",
    scope: np.ndarray | None = None,
) -> DecomposedScene:
    """Decomposes a picture.

    Args:
        model: in eval mode, so that latents are the posterior's means and the result is deterministic.
        picture: PIL image or path; array H,W,3, uint8 or floats in [0, 1]; or tensor 3,H,W of such values; any size.
        num_slots: K for this call, at least 1; the model's own if None.
        how: see :func:`monet.pictures.fit`.
        scope: H,W in [0, 1], in the model's resolution: the scope of the first step (the paper's s_0). Pixels with 0
            count as explained already. The masks sum to it; 1 everywhere if None.

    Raises:
        monet.pictures.PictureError: the file is not a readable picture.
        ValueError: an argument is invalid; the message says what is valid.
    """
    if num_slots is not None:
        num_slots = checked_slots(num_slots)
    return describe(*forward(model, preprocess(model, picture, how), num_slots, checked_scope(model, scope)))


def checked_scope(model: MONet, scope: object) -> np.ndarray | None:
    """Validates a scope and converts it to float32.

    Raises:
        ValueError: its shape differs from the model's pictures, or values lie outside [0, 1].
    """
    if scope is None:
        return None
    side = model.config.resolution
    given = np.asarray(scope, np.float32)
    if given.shape != (side, side) or not (given.min() >= 0 and given.max() <= 1):  # also false for NaN
        raise ValueError(f"scope must have shape {side},{side} and values in [0, 1]; this one has shape {given.shape}")
    return given


def forward(
    model: MONet, pixels: np.ndarray, num_slots: int | None = None, scope: np.ndarray | None = None
) -> tuple[torch.Tensor, Decomposition]:
    """Runs the model on the output of :func:`preprocess`; returns the image 1,3,H,W in [0, 1] and its decomposition."""
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float().div_(255).to(next(model.parameters()).device)
    with torch.inference_mode():
        start = None if scope is None else torch.from_numpy(scope)[None].to(image.device)
        return image, model(image, num_slots, scope=start)


def describe(image: torch.Tensor, d: Decomposition) -> DecomposedScene:
    """Converts a batch of one to arrays."""
    return DecomposedScene(
        image=array(image[0]),
        masks=array(d.log_masks[0].exp()),
        scopes=array(d.log_scopes[0].exp()),
        components=array(d.components[0]),
        mask_logits=array(d.mask_logits[0]),
        decoded_masks=array(d.mask_logits[0].softmax(0)),
        latent_mean=array(d.latent_mean[0]),
        latent_std=array(d.latent_log_std[0].exp()),
        reconstruction=array(d.reconstruction[0]),
    )


def decode(model: MONet, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decodes latents N,Z to component means N,3,H,W and mask logits N,H,W.

    Raises:
        ValueError: the latents have another shape or are not finite.
    """
    latents = np.array(latents, np.float32)  # a copy: PyTorch warns about read-only arrays
    if latents.ndim != 2 or latents.shape[1] != model.config.latent_dim:
        raise ValueError(f"latents must have shape N,{model.config.latent_dim} for this model, not {latents.shape}")
    if not np.isfinite(latents).all():
        raise ValueError("latents must be finite numbers")
    components, mask_logits = model.decode(torch.from_numpy(latents).to(next(model.parameters()).device))
    return array(components), array(mask_logits)


def decode_pixels(model: MONet, latents: np.ndarray) -> np.ndarray:
    """Decodes latents N,Z to float32 N,H,W,4: component mean and mask logit of each pixel, the page's layout."""
    components, logits = decode(model, latents)
    return np.ascontiguousarray(np.concatenate((components, logits[:, None]), axis=1).transpose(0, 2, 3, 1))


def compose(components: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Composes a scene 3,H,W, sum_k m_k x_k, from components K,3,H,W and masks K,H,W that sum to one."""
    return (masks[:, None] * components).sum(0)


HOLE = 0.02
"""Weight of the decoder's masks at pixels that an edited slot has left."""
SUM_TOLERANCE = 1e-3
"""Attention masks whose sum differs from one by less belong to a complete set of slots."""


def compose_masks(attention: np.ndarray, mask_logits: np.ndarray, edited: np.ndarray) -> np.ndarray:
    """Masks of a scene with edited slots: edited slots take the decoder's masks, the others share the rest.

    Let E be the edited slots, U the others, m_k the attention masks and p = softmax_k(mask logits). At each pixel::

        w_k = p_k                                                  for k in E
        w_k = (1 - sum_E p) n_k / sum_U n,  n_k = m_k + 0.02 g p_k    for k in U
        g = 1 - sum_U m

    g is the attention mass that edited, deleted and hidden slots gave up. The hole that they leave goes to the slots
    with the largest decoded masks there. ``static/scene/compose.js`` does the same in the page.

    Args:
        attention: K,H,W, attention mask of each slot; any finite values for edited slots, whose mask is not used.
        mask_logits: K,H,W, the decoder's logits of the edited scene, without deleted and hidden slots.
        edited: K booleans.

    Returns:
        K,H,W float32 that sum to one over K: ``attention`` itself if no slot is edited, deleted or hidden, the softmax
        of the mask logits if every slot is edited.

    Raises:
        ValueError: the shapes do not match, or there is no slot.
    """
    edited = np.asarray(edited, bool)
    attention, mask_logits = np.asarray(attention, np.float32), np.asarray(mask_logits, np.float32)
    if attention.shape != mask_logits.shape or edited.shape != attention.shape[:1] or not len(edited):
        raise ValueError(
            f"attention, mask_logits and edited must be K,H,W, K,H,W and K with K at least 1, not {attention.shape}, "
            f"{mask_logits.shape} and {edited.shape}"
        )
    kept = attention[~edited]
    total = kept.sum(0)
    # Masks that were stored in half precision do not sum to exactly one.
    if not edited.any() and np.abs(total - 1).max() < SUM_TOLERANCE:
        return attention
    decoded = np.exp(mask_logits - mask_logits.max(0))
    decoded /= decoded.sum(0)
    if edited.all():
        return decoded
    share = kept + HOLE * np.maximum(1 - total, 0) * decoded[~edited]
    rest = decoded[~edited].sum(0)
    total_share = share.sum(0)
    masks = decoded
    masks[~edited] = share * np.divide(rest, total_share, out=np.zeros_like(total_share), where=total_share > 0)
    return masks


def traverse(model: MONet, latent: np.ndarray, dimension: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decodes one slot with one latent set to each of N values: component means N,3,H,W and mask logits N,H,W."""
    latents = np.repeat(np.asarray(latent, np.float32)[None], len(values), axis=0)
    latents[:, dimension] = values
    return decode(model, latents)


def array(x: torch.Tensor) -> np.ndarray:
    """Converts a tensor to a contiguous float32 array."""
    return np.ascontiguousarray(x.float().cpu().numpy())

"""Asking a model about one picture: arrays in, arrays out."""

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
    """What MONet says about one picture; float32 arrays, K slots, Z latents per slot.

    Attributes:
        image: 3,H,W in [0, 1], exactly what the model was fed.
        masks: K,H,W, attention masks m_k, sum to one over K.
        scopes: K,H,W, scope s_{k-1} that step k was given.
        components: K,3,H,W, component means, near [0, 1] but not bounded to it.
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
        """K,Z: D_KL of each latent from its prior N(0, 1), in nats: how much it says about this slot."""
        return 0.5 * (self.latent_mean**2 + self.latent_std**2 - 1) - np.log(self.latent_std)


Picture = str | os.PathLike[str] | Image.Image | np.ndarray | torch.Tensor


def feed(model: MONet, picture: Picture, how: How = "crop") -> np.ndarray:
    """The picture as the model is fed it, uint8 H,W,3: read, made square by ``how``, resized, in its border.

    Raises:
        monet.pictures.PictureError: the file is no picture that can be shown.
        ValueError: an array or tensor that is no picture, or another ``how``.
    """
    if how not in get_args(How):
        raise ValueError(f"how {how!r} is none of {', '.join(get_args(How))}")
    config = model.config
    return embed(fit(read_picture(_bytes(picture)), config.picture_size or config.resolution, how), config.resolution)


def _bytes(picture: Picture) -> Any:
    """Tensors as arrays, their channels last, and [0, 1] as 0..255; what is a picture already stays as it is."""
    if isinstance(picture, torch.Tensor):
        if picture.ndim != 3 or len(picture) not in (1, 3, 4):
            raise ValueError(f"a tensor of shape {tuple(picture.shape)} is no picture; give 3,H,W, or an array H,W,3")
        if picture.dtype != torch.uint8 and not picture.is_floating_point():
            raise ValueError(f"a tensor of {picture.dtype} is no picture; give floats in [0, 1] or uint8 in 0..255")
        picture = picture.detach().cpu()
        picture = (picture.float() if picture.is_floating_point() else picture).permute(1, 2, 0).numpy()
    if isinstance(picture, np.ndarray) and np.issubdtype(picture.dtype, np.floating):
        if not (picture.size and picture.min() >= 0 and picture.max() <= 1):  # NaN is in no range
            raise ValueError("floats must lie in [0, 1] to be a picture; divide 0..255 by 255, or give uint8")
        picture = to_uint8(picture)
    return picture


def checked_slots(num_slots: object) -> int:
    """A number of slots from outside.

    Raises:
        ValueError: it is no whole number from 1 on.
    """
    try:
        number = operator.index(num_slots)  # type: ignore[arg-type]
    except TypeError:
        number = 0
    if number < 1 or isinstance(num_slots, bool):
        raise ValueError(f"num_slots {num_slots!r} must be a whole number from 1 on")
    return number


def decompose(
    model: MONet,
    picture: Picture,
    *,
    num_slots: int | None = None,
    how: How = "crop",
    scope: np.ndarray | None = None,
) -> DecomposedScene:
    """Takes a picture apart.

    Args:
        model: in eval mode, so that latents are the posterior's means and the answer is always the same.
        picture: PIL image or path; array H,W,3, uint8 or floats in [0, 1]; or tensor 3,H,W of such values; of any size.
        num_slots: K for this call, from 1 on.
        how: see :func:`monet.pictures.fit`.
        scope: H,W in [0, 1], in the model's resolution: what the first step is given (the paper's s_0). Where it is 0,
            that part counts as explained. The masks sum to it; 1 everywhere if None.

    Raises:
        monet.pictures.PictureError: the file is no picture that can be shown.
        ValueError: an argument is something else; the message says what is right.
    """
    if num_slots is not None:
        num_slots = checked_slots(num_slots)
    return describe(*forward(model, feed(model, picture, how), num_slots, checked_scope(model, scope)))


def checked_scope(model: MONet, scope: object) -> np.ndarray | None:
    """A scope from outside as float32.

    Raises:
        ValueError: it has another shape than the model's pictures, or values outside of [0, 1].
    """
    if scope is None:
        return None
    side = model.config.resolution
    given = np.asarray(scope, np.float32)
    if given.shape != (side, side) or not (given.min() >= 0 and given.max() <= 1):  # NaN is in no range
        raise ValueError(f"a scope of this model is {side},{side} in [0, 1]; this one, {given.shape}, is not")
    return given


def forward(
    model: MONet, fed: np.ndarray, num_slots: int | None = None, scope: np.ndarray | None = None
) -> tuple[torch.Tensor, Decomposition]:
    """The image 1,3,H,W in [0, 1] and the model's decomposition of it, from what :func:`feed` made."""
    image = torch.from_numpy(fed).permute(2, 0, 1)[None].float().div_(255).to(next(model.parameters()).device)
    with torch.inference_mode():
        start = None if scope is None else torch.from_numpy(scope)[None].to(image.device)
        return image, model(image, num_slots, scope=start)


def describe(image: torch.Tensor, d: Decomposition) -> DecomposedScene:
    """The arrays of a batch of one."""
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
    """Latents N,Z to component means N,3,H,W and mask logits N,H,W.

    Raises:
        ValueError: latents of another shape, or not finite.
    """
    latents = np.array(latents, np.float32)  # a copy: PyTorch wants to be able to write to what it is given
    if latents.ndim != 2 or latents.shape[1] != model.config.latent_dim:
        raise ValueError(f"latents of shape {latents.shape}; this model wants N,{model.config.latent_dim}")
    if not np.isfinite(latents).all():
        raise ValueError("latents must be finite numbers")
    components, mask_logits = model.decode(torch.from_numpy(latents).to(next(model.parameters()).device))
    return array(components), array(mask_logits)


def decode_pixels(model: MONet, latents: np.ndarray) -> np.ndarray:
    """Latents N,Z to N,H,W,4 float32: component means and mask logit pixel by pixel, as the page keeps them."""
    components, logits = decode(model, latents)
    return np.ascontiguousarray(np.concatenate((components, logits[:, None]), axis=1).transpose(0, 2, 3, 1))


def compose(components: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """A scene from its slots: components K,3,H,W and masks K,H,W that sum to one, to sum_k m_k x_k, 3,H,W."""
    return (masks[:, None] * components).sum(0)


HOLE = 0.02
"""Weight of the decoder's share where an edited slot has left its place."""
WHOLE = 1e-3
"""Masks whose sum is nearer to one than this are those of all slots."""


def compose_masks(attention: np.ndarray, mask_logits: np.ndarray, edited: np.ndarray) -> np.ndarray:
    """Masks of a scene of which some slots are edited: only those change theirs.

    Let E be the edited slots, U the others, m_k the attention masks and p = softmax_k(mask logits). At each pixel::

        w_k = p_k                                                  for k in E
        w_k = (1 - sum_E p) n_k / sum_U n,  n_k = m_k + 0.02 g p_k    for k in U
        g = 1 - sum_U m

    g is the attention mass that edited, deleted and hidden slots gave up: the hole that they leave goes to the slot
    that the decoder believes in. ``static/scene/compose.js`` does the same in the page.

    Args:
        attention: K,H,W, attention mask of each slot; any finite values for edited slots, which may have none.
        mask_logits: K,H,W, the decoder's logits as the slots are now. Slots that are deleted or hidden are left out.
        edited: K booleans.

    Returns:
        K,H,W float32 that sum to one over K: ``attention`` itself if no slot is edited, deleted or hidden, the softmax
        of the mask logits if every slot is edited.

    Raises:
        ValueError: shapes that do not belong together, or no slot at all.
    """
    edited = np.asarray(edited, bool)
    attention, mask_logits = np.asarray(attention, np.float32), np.asarray(mask_logits, np.float32)
    if attention.shape != mask_logits.shape or edited.shape != attention.shape[:1] or not len(edited):
        raise ValueError(f"masks of shapes {attention.shape} and {mask_logits.shape} for {edited.shape} slots")
    kept = attention[~edited]
    total = kept.sum(0)
    # Masks that went through half precision sum to one only nearly.
    if not edited.any() and np.abs(total - 1).max() < WHOLE:
        return attention
    decoded = np.exp(mask_logits - mask_logits.max(0))
    decoded /= decoded.sum(0)
    if edited.all():
        return decoded
    share = kept + HOLE * np.maximum(1 - total, 0) * decoded[~edited]
    left = decoded[~edited].sum(0)
    whole = share.sum(0)
    masks = decoded
    masks[~edited] = share * np.divide(left, whole, out=np.zeros_like(whole), where=whole > 0)
    return masks


def traverse(model: MONet, latent: np.ndarray, dimension: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One slot with one of its latents set to each of N values: component means N,3,H,W and mask logits N,H,W."""
    latents = np.repeat(np.asarray(latent, np.float32)[None], len(values), axis=0)
    latents[:, dimension] = values
    return decode(model, latents)


def array(x: torch.Tensor) -> np.ndarray:
    """A tensor as a contiguous float32 array."""
    return np.ascontiguousarray(x.float().cpu().numpy())

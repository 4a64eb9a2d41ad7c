"""Better masks than the attention's own, found without labels: the best of several views of a picture.

A scene that is mirrored, turned or has its colour channels exchanged is the same scene, but the attention is not
equivariant and makes other mistakes in it. The objective tells which masks explain the picture best, so the masks of
all views compete in it, and where another view's win, the attention learns them and the VAE is shown them. The gradient
alone cannot get there: between two sprites that share a slot and two with a slot each lie masks that explain less.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from monet.model import Decomposition, MONet

MARGIN = 20.0
"""Nats that a view must explain better than the picture as it is; differences below are not about objects."""

DISPUTED = 0.002
"""Share of the pixels that two views must give to different slots to be scored at all: eight of 64x64."""

Score = Callable[[Tensor, Decomposition], Tensor]


@torch.no_grad()
def best_of_views(model: MONet, images: Tensor, num_slots: int, views: int, score: Score) -> tuple[Tensor, Tensor]:
    """The masks that explain each picture best, among those of the picture as it is and of other views of it.

    Args:
        model: in eval mode.
        images: B,3,H,W in [0, 1].
        num_slots: K.
        views: how many others; one that is drawn twice is tried twice.
        score: pictures and their decomposition to one value each, the lower the better.

    Returns:
        log masks B,K,H,W, their slots in the order that is nearest to the picture's own; and where another view has
        won by ``MARGIN``, B booleans.
    """
    own = model.attention(images, num_slots)[0]
    candidates = [own]
    for _ in range(views):
        turns, mirrored, shift = (int(torch.randint(n, ())) for n in (4, 2, 3))
        seen = images.roll(shift, dims=1).rot90(turns, (2, 3))
        seen = seen.flip(3) if mirrored else seen
        masks = model.attention(seen.contiguous(), num_slots)[0]
        masks = masks.flip(3) if mirrored else masks
        candidates.append(in_order_of(own, masks.rot90(-turns, (2, 3))))
    # B,1+views,K,H,W; most views agree with the picture's own, and only those that do not have to be decoded.
    masks = torch.stack(candidates, dim=1)
    found = masks.argmax(2)
    to_score = (found != found[:, :1]).float().mean((2, 3)) > DISPUTED
    to_score[:, 0] = to_score.any(1)
    scores = torch.full(to_score.shape, torch.inf, device=images.device)
    if to_score.any():
        picture = to_score.nonzero()[:, 0]
        scores[to_score] = score(images[picture], model.explain(images[picture], masks[to_score])).float()
    lowest, best = scores.min(1)
    return masks[torch.arange(len(images)), best], lowest < scores[:, 0] - MARGIN


def in_order_of(own: Tensor, other: Tensor) -> Tensor:
    """``other``'s slots permuted to overlap most with ``own``'s; both log masks B,K,H,W."""
    overlap = (own.exp().flatten(2) @ other.exp().flatten(2).mT).float().cpu().numpy()
    order = np.stack([linear_sum_assignment(table, maximize=True)[1] for table in overlap])
    return other[torch.arange(len(other))[:, None], torch.from_numpy(order)]

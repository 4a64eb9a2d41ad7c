"""Better masks than the attention's own, found without labels: the best of several views of a picture.

A scene that is mirrored, turned or has its colour channels exchanged is the same scene, but the attention is not
equivariant and makes other mistakes in it. The objective tells which masks explain the picture best. So the masks of
all views compete in it, once for each picture of a pool, and the attention learns the winners', in every view. The
gradient of the objective alone cannot get there: between two sprites that share a slot and two with a slot each lie
masks that explain less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from monet.model import Decomposition, MONet

MARGIN = 100.0
"""Nats by which a view must explain the picture better than it is explained as it stands. Measured against the truth on
Multi-dSprites: from here on the winner is the better segmentation in 19 of 20 scenes, between 20 and 50 nats in two of
three."""

DISPUTED = 0.01
"""Share of the pixels that two views must give to different slots to be scored at all: 41 of 64x64."""

Score = Callable[[Tensor, Decomposition], Tensor]


@dataclass(frozen=True)
class View:
    """One of the 24 ways to look at a scene: quarter turns, then mirrored or not; colour channels moved along."""

    turns: int = 0
    mirrored: bool = False
    shift: int = 0

    def of(self, images: Tensor) -> Tensor:
        """Images B,3,H,W as this view shows them."""
        return self.laid(images.roll(self.shift, dims=1))

    def laid(self, x: Tensor) -> Tensor:
        """Anything B,C,H,W whose channels are no colours, H = W."""
        x = x.rot90(self.turns, (2, 3))
        return (x.flip(3) if self.mirrored else x).contiguous()

    def back(self, x: Tensor) -> Tensor:
        """Undoes :meth:`laid`."""
        return (x.flip(3) if self.mirrored else x).rot90(-self.turns, (2, 3)).contiguous()


VIEWS = [View(*parts) for parts in product(range(4), (False, True), range(3))]
"""The first is the picture as it stands."""


@torch.no_grad()
def best_of_views(model: MONet, images: Tensor, num_slots: int, views: int, score: Score) -> tuple[Tensor, Tensor]:
    """The masks that explain each picture best, among those of the picture as it stands and of other views of it.

    Args:
        model: in eval mode.
        images: B,3,H,W in [0, 1].
        num_slots: K.
        views: how many others, drawn from ``VIEWS``.
        score: pictures and their decomposition to one value each, the lower the better.

    Returns:
        log masks B,K,H,W, their slots in the order that is nearest to the picture's own; and where another view has
        won by ``MARGIN``, B booleans. Elsewhere the masks are the picture's own.
    """
    own = model.attention(images, num_slots)[0]
    candidates = [own]
    for index in (1 + torch.randperm(len(VIEWS) - 1))[:views].tolist():
        view = VIEWS[index]
        candidates.append(in_order_of(own, view.back(model.attention(view.of(images), num_slots)[0])))
    # B,1+views,K,H,W; most views agree with the picture's own, and only those that do not have to be decoded.
    masks = torch.stack(candidates, dim=1)
    found = masks.argmax(2)
    to_score = (found != found[:, :1]).float().mean((2, 3)) > DISPUTED
    to_score[:, 0] = to_score.any(1)
    scores = torch.full(to_score.shape, torch.inf, device=images.device)
    for picture, scored in enumerate(to_score):
        if scored.any():
            alike = images[picture].expand(int(scored.sum()), -1, -1, -1)
            scores[picture, scored] = score(alike, model.explain(alike, masks[picture, scored])).float()
    lowest, best = scores.min(1)
    won = lowest < scores[:, 0] - MARGIN
    return masks[torch.arange(len(images)), best * won], won


def in_order_of(own: Tensor, other: Tensor) -> Tensor:
    """``other``'s slots permuted to overlap most with ``own``'s; both log masks B,K,H,W."""
    overlap = (own.exp().flatten(2).float() @ other.exp().flatten(2).float().mT).float().cpu().numpy()
    order = np.stack([linear_sum_assignment(table, maximize=True)[1] for table in overlap])
    return other[torch.arange(len(other))[:, None], torch.from_numpy(order)]


@dataclass(frozen=True)
class Pool:
    """Pictures and the best masks that were found for them.

    Attributes:
        images: uint8 N,3,H,W.
        log_masks: float16 N,K,H,W.
        won: N booleans, where they are another view's.
    """

    images: Tensor
    log_masks: Tensor
    won: Tensor

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Some of the pictures in one of the views, B,3,H,W in [0, 1], and log masks B,K,H,W, float32."""
        at, view = torch.randint(len(self.images), (count,)), VIEWS[int(torch.randint(len(VIEWS), ()))]
        return view.of(self.images[at].float() / 255), view.laid(self.log_masks[at].float())

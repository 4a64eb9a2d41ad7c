"""Proposals: another view's masks come back in the picture's frame and order, and win only where they are better."""

from itertools import permutations
from types import SimpleNamespace

import pytest
import torch

from monet.training.proposals import MARGIN, VIEWS, Pool, View, best_of_views, in_order_of

SIDE, SLOTS = 16, 3


def masks_of(labels: torch.Tensor) -> torch.Tensor:
    """Log masks B,K,H,W that give nearly all of every pixel to its label's slot."""
    one_hot = torch.nn.functional.one_hot(labels, SLOTS).permute(0, 3, 1, 2).float()
    return (0.97 * one_hot + 0.01).log()


def scenes() -> tuple[torch.Tensor, torch.Tensor]:
    """Two pictures, red and green things on black, and their labels; no symmetry maps one of them on itself."""
    images, labels = torch.zeros(2, 3, SIDE, SIDE), torch.zeros(2, SIDE, SIDE, dtype=torch.long)
    for index, (row, column) in enumerate(((1, 2), (9, 4))):
        labels[index, row : row + 3, column : column + 5] = 1
        labels[index, row + 3 : row + 5, column : column + 2] = 2
    images[:, 0][labels == 1] = 1
    images[:, 1][labels == 2] = 1
    return images, labels


def attention(images: torch.Tensor, num_slots: int) -> tuple[torch.Tensor, None]:
    """Sees the two things apart where more than half of the colour is on the right, and as one elsewhere."""
    colour = images.sum(1)
    right = colour[:, :, SIDE // 2 :].sum((1, 2)) > colour.sum((1, 2)) / 2
    channels = images.flatten(2).sum(2).argsort(1, descending=True)  # the larger thing's channel, whatever its colour
    large = images[torch.arange(len(images)), channels[:, 0]] > 0
    labels = torch.where(large, 2, 1) * (colour > 0)
    labels[~right] = labels[~right].clamp(max=1)
    return masks_of(labels), None


def run(views: int, penalty: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, list[int]]:
    images, labels = scenes()
    scored = []

    def score(images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        scored.append(len(images))
        found = masks.argmax(1)
        mixed = [(image.sum(0)[part == k] > 0).any() and (image[:, part == k].amax(1) > 0).sum() > 1
                 for image, part in zip(images, found, strict=True) for k in (1, 2)]  # fmt: skip
        return penalty * torch.tensor(mixed).view(-1, 2).sum(1)

    model = SimpleNamespace(attention=attention, explain=lambda images, masks: masks)
    masks, won = best_of_views(model, images, SLOTS, views, score)
    return images, labels, masks, won, scored


def test_masks_of_a_better_view_come_back_to_the_picture():
    torch.manual_seed(0)
    images, labels, masks, won, _ = run(views=12, penalty=MARGIN + 1)
    own = attention(images, SLOTS)[0]
    assert (own.argmax(1) < 2).all()  # both things are on the left
    assert won.all()
    found = masks.argmax(1)
    for got, true in zip(found, labels, strict=True):
        assert any(torch.equal(torch.tensor([0, *order])[true], got) for order in permutations((1, 2)))
    torch.testing.assert_close(masks.logsumexp(1), torch.zeros(2, SIDE, SIDE), rtol=0, atol=1e-5)


def test_a_view_that_is_little_better_does_not_win_and_one_that_agrees_is_not_scored():
    torch.manual_seed(0)
    _, _, _, won, scored = run(views=12, penalty=MARGIN - 1)
    assert not won.any()
    assert scored and max(scored) < 13
    assert run(views=0, penalty=1.0)[4] == []


def test_views_are_all_there_are_and_each_is_undone():
    x = torch.rand(2, 3, SIDE, SIDE)
    seen = {tuple(view.of(x).flatten().tolist()) for view in VIEWS}
    assert len(seen) == len(VIEWS) == 24
    assert VIEWS[0] == View() and torch.equal(View().of(x), x)
    for view in VIEWS:
        assert torch.equal(view.back(view.laid(x)), x)
        assert torch.equal(view.of(x).amax(1, keepdim=True), view.laid(x.amax(1, keepdim=True)))


def test_pool_shows_a_picture_and_its_masks_in_the_same_view():
    images, labels = scenes()
    pool = Pool((255 * images).byte(), masks_of(labels).half(), torch.tensor([True, False]))
    torch.manual_seed(0)
    for _ in range(20):
        drawn, masks = pool.draw(3)
        assert drawn.shape == (3, 3, SIDE, SIDE) and masks.shape == (3, SLOTS, SIDE, SIDE)
        torch.testing.assert_close(drawn.sum(1) > 0, masks.argmax(1) > 0)


@pytest.mark.parametrize("order", list(permutations(range(SLOTS))))
def test_slots_are_permuted_to_the_order_of_the_picture(order):
    _, labels = scenes()
    own = masks_of(labels)
    torch.testing.assert_close(in_order_of(own, own[:, list(order)]), own, rtol=0, atol=0)

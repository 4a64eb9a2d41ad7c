"""Tests of the training step against plain PyTorch, and of learning slot by slot."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, kl_divergence

from monet.data.batches import TRAIN, prepare, scenes, to_tensor
from monet.model import Decomposition, MONet
from monet.objective import latent_kl, loss, slot_loss
from monet.training import lessons, recipe
from monet.training.pool import SMALLEST, Pool, Slots
from monet.training.recycle import recycle
from monet.training.run import Run
from monet.training.step import Scenes, Step
from monet.vae import Lattice
from tests.test_training import TINY, assert_identical, saved, vars_of


@pytest.fixture
def tiny(tmp_path):
    torch.set_num_threads(1)
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


def stage_of(tiny, **changes) -> recipe.Recipe:
    """Returns the tiny recipe with one given stage."""
    table = vars_of(tiny)
    table["stages"] = [{"until": 500, "slots": 3, "objects": [1, 2], **changes}]
    return recipe.from_table(table)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{}, {"window": 16, "stride": 2}, {"window": 8, "detach_masks": True}, {"learn": "vae"}]
)
def test_two_steps_are_those_of_plain_pytorch(tiny, changes):
    plan = stage_of(tiny, **changes)
    model = Run(plan, tiny.parent / "new").model
    plain, plain_average = copy.deepcopy(model).train(), copy.deepcopy(model)
    fast = Step(model.train(), plan)
    images = to_tensor(prepare(s, plan.model) for s in scenes("tetrominoes", TRAIN, range(2), (1, 2)))
    lattice = Lattice.draw(2, 32, plan.stages[0].stride, plan.stages[0].window)
    adam = torch.optim.Adam([{"params": list(part.parameters())} for part in (plain.attention, plain.vae)])
    for number in range(2):
        fast([Scenes(images, lattice)], [number], 3, plan.stages[0], number, number == 0)

        torch.manual_seed(number)
        whole = plain(images, 3, detach_masks=plan.stages[0].detach_masks)
        terms = []
        for n in range(2):
            at = Lattice(*(value if value is None or isinstance(value, int) else int(value[n]) for value in lattice))
            part = {name: value[n : n + 1] for name, value in vars(whole).items()}
            if plan.stages[0].stride == 1:  # cut out of every pixel
                part |= {name: at.take(part[name]) for name in ("components", "mask_logits")}
            else:
                latents = part["latents"].flatten(0, 1)
                means, logits = plain.vae.decoder(latents, 32, 32, at)
                part |= {"components": means[None], "mask_logits": logits[None, :, 0]}
            scale = plan.value("scale_factor", number)
            terms.append(loss(images[n : n + 1], Decomposition(**part), plan.model, "joint", at, scale).mean())
        total = sum(term.total(0.5, 0.5) for term in terms) / 2
        adam.zero_grad()
        total.backward()
        if plan.stages[0].learn == "vae":
            for parameter in plain.attention.parameters():
                parameter.grad = None
        norms = [nn.utils.clip_grad_norm_(part.parameters(), plan.clip) for part in (plain.attention, plain.vae)]
        figures = fast.read()
        expected = [sum(getattr(term, name).item() for term in terms) / 2 for name in vars(terms[0])]
        assert figures.means == pytest.approx([*expected, torch.stack(norms).norm().item()], rel=1e-5)
        assert [p.grad is None for p in model.parameters()] == [p.grad is None for p in plain.parameters()]
        ours, plains = ([p.grad for p in m.parameters() if p.grad is not None] for m in (model, plain))
        a, b = (torch.cat([gradient.flatten() for gradient in gradients]) for gradients in (ours, plains))
        assert (a - b).norm() < 1e-5 * b.norm()
        torch._foreach_copy_(plains, ours)  # Adam divides what rounding made of a gradient near nought by its size
        for group, factor in zip(adam.param_groups, (1, plan.value("vae_factor", number)), strict=True):
            group["lr"] = plan.value("learning_rate", number) * factor
        adam.step()
        decay = plan.average if number else 0.0
        for average, weights in zip(plain_average.parameters(), plain.parameters(), strict=True):
            average.data = decay * average.data + (1 - decay) * weights.data

        for a, b in zip(fast.model.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
        plain.load_state_dict(model.state_dict())
    for a, b in zip(fast.average.parameters(), plain_average.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)


def test_slots_alone_are_scored_as_bernoulli_masks_and_one_gaussian():
    generator = torch.Generator().manual_seed(0)
    images, components = torch.rand(2, 4, 3, 5, 5, generator=generator)
    masks, logits = torch.rand(4, 5, 5, generator=generator), torch.randn(4, 5, 5, generator=generator)
    mean, log_std = torch.randn(2, 4, 6, generator=generator)
    scales = torch.tensor([0.09, 0.11, 0.11, 0.11])
    terms = slot_loss(images, masks, components, logits, scales, mean, log_std)
    gaussian = torch.distributions.Normal(components, scales[:, None, None, None])
    density = (gaussian.log_prob(images) + 0.5 * np.log(2 * np.pi)).sum(1)
    torch.testing.assert_close(terms.reconstruction, -(masks * density).sum((1, 2)))
    expected = kl_divergence(Bernoulli(probs=masks), Bernoulli(logits=logits)).sum((1, 2))
    torch.testing.assert_close(terms.mask_kl, expected, rtol=1e-4, atol=1e-4)
    prior = torch.distributions.Normal(0.0, 1.0)
    expected = kl_divergence(torch.distributions.Normal(mean, log_std.exp()), prior).sum(1)
    torch.testing.assert_close(terms.latent_kl, expected)


def squares(count: int, side: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures, each with a coloured rectangle of its own in its second slot, and its log masks; the third is empty."""
    generator = torch.Generator().manual_seed(0)
    images = torch.zeros(count, 3, side, side, dtype=torch.uint8)
    masks = torch.full((count, 3, side, side), 1e-4)
    for n, (row, column) in enumerate(torch.randint(0, side - 9, (count, 2), generator=generator).tolist()):
        images[n, :, row : row + 5, column : column + 9] = torch.randint(100, 256, (3, 1, 1), generator=generator)
        masks[n, 1, row : row + 5, column : column + 9] = 0.999
    masks[:, 0] = 1 - masks[:, 1] - masks[:, 2]
    return images, masks.log()


@pytest.mark.parametrize("symmetric", [False, True])
def test_slots_come_from_a_pool_with_their_masks_and_windows_around_them(symmetric):
    torch.manual_seed(0)
    pool = Pool(*squares(20))
    assert (pool.objects % 3 == 1).all() and len(pool.objects) == 20
    shapes, shares, firsts = set(), [], 0
    for _ in range(20):
        slots = pool.draw(64, 16, symmetric)
        objects = slots.log_masks[:60].exp()
        assert (objects.sum((1, 2)) > SMALLEST).all()
        inside = objects > 0.5
        assert (slots.images[:60].amax(1)[inside] > 0).all() and (slots.images[:60].amax(1)[~inside] == 0).all()
        assert not slots.first[:60].any()
        firsts += int(slots.first[60:].sum())
        shapes |= {tuple(mask.any(axis).sum().item() for axis in (0, 1)) for mask in inside}
        held = slots.windows.take(slots.log_masks).exp()[:60].sum((1, 2)) / objects.sum((1, 2))
        shares.append((held > 0.9).float().mean().item())
        assert slots.windows.row.min() >= 0 and slots.windows.row.max() <= 16
    assert 0 < firsts < 80, "the others are backgrounds and empty slots"
    assert 0.5 < np.mean(shares) < 0.8, "some windows lie elsewhere, and some cut their object"
    assert shapes == ({(9, 5), (5, 9)} if symmetric else {(9, 5)})
    with pytest.raises(ValueError, match="no slot of the frozen attention holds an object"):
        Pool.fill(_Empty(), squares(4)[0], 3, False)


@pytest.mark.slow
@pytest.mark.parametrize("learn", ["vae", "slots"])
def test_others_factor_weights_the_divergence_of_backgrounds_and_empty_slots(tiny, monkeypatch, learn):
    table = vars_of(tiny)
    table["stages"] = [{"until": 500, "slots": 3, "learn": learn}]
    table["schedules"]["others_factor"] = [[0, 0.25]]
    plan = recipe.from_table(table)
    model = MONet(plan.model)
    images, log_masks = squares(4)
    pictures = images.float() / 255
    monkeypatch.setattr(model.attention, "forward", lambda images, slots, scope: (log_masks, log_masks))
    with torch.no_grad():
        posterior = model.vae.encoder(pictures.repeat_interleave(3, 0), log_masks.flatten(0, 1)[:, None])
        of_slots = latent_kl(*posterior).sum(1).unflatten(0, (4, 3)) * torch.tensor([0.25, 1.0, 0.25])
    if learn == "vae":
        inputs, expected = Scenes(pictures, Lattice()), of_slots.sum(1).mean()
    else:
        repeated = pictures.repeat_interleave(3, 0)
        inputs = Slots(repeated, log_masks.flatten(0, 1), torch.arange(12) % 3 == 0, Lattice())
        expected = of_slots.mean()
    training = Step(model, plan)
    training([inputs], [0], 3, plan.stages[0], 0, True)
    assert training.read().means[1] == pytest.approx(expected.item(), rel=1e-5)


class _Empty:
    """An attention that assigns every pixel to the first slot."""

    def attention(self, images: torch.Tensor, slots: int) -> tuple[torch.Tensor, None]:
        masks = torch.full((len(images), slots, *images.shape[2:]), 1e-6)
        masks[:, 0] = 1
        return masks.log(), None


@pytest.mark.slow
def test_a_run_that_learns_slot_by_slot_resumes_exactly_and_leaves_the_attention_alone(tiny):
    text = TINY.replace("[[stages]]\nuntil = 500", '[[stages]]\nlearn = "slots"\nuntil = 500')
    tiny.write_text(f"symmetric = true\nslot_pool = 16\nslot_reuse = 2\nslot_batch = 8\n{text}", encoding="utf-8")
    plan = recipe.load(str(tiny))
    runs = [Run(plan, tiny.parent / name) for name in ("whole", "parts")]
    for run in runs:  # an untrained attention hands out halves of the picture
        run.optimizing.model.attention.unet.logits.weight.data *= 30
    runs[0].train(12)
    for steps in (5, 4, 3):
        runs[1].train(steps)
        runs[1] = Run(plan, tiny.parent / "parts")
        assert runs[1].resume()
    assert_identical(saved(runs[0]), saved(runs[1]))
    assert runs[0].record["slots"] == 8 * 8
    assert runs[0].record["pictures"] == 4 * 2
    before = [value.clone() for value in runs[0].model.attention.parameters()]
    vae = [value.clone() for value in runs[0].model.vae.parameters()]
    runs[0].train(1)
    assert all(map(torch.equal, before, runs[0].model.attention.parameters()))
    assert not all(map(torch.equal, vae, runs[0].model.vae.parameters()))


@pytest.mark.slow
def test_a_vae_begins_anew_with_a_stage_and_only_then(tiny):
    tiny.write_text(TINY.replace("until = 500", "new_vae = true\nuntil = 500"), encoding="utf-8")
    plan = recipe.load(str(tiny))
    whole, parts = (Run(plan, tiny.parent / name) for name in ("whole", "parts"))
    whole.train(4)
    before = {name: value.clone() for name, value in whole.model.state_dict().items()}
    whole.train(2)
    for steps in (4, 1, 1):
        parts.train(steps)
        parts = Run(plan, tiny.parent / "parts")
        assert parts.resume()
    assert_identical(saved(whole)["weights"], saved(parts)["weights"])
    far, near = (
        [
            (value - before[name]).norm() / before[name].norm()
            for name, value in whole.model.state_dict().items()
            if name.startswith(part) and name.endswith("convolution.weight" if part == "attention" else "0.weight")
        ]
        for part in ("vae", "attention")
    )
    assert min(far) > 1 > 0.1 > max(near)

    wider = MONet(replace(plan.model, encoder_channels=(16, 8, 8, 8)))
    run = Run(plan, tiny.parent / "from")
    run.start_from(wider, 4)
    assert all(map(torch.equal, run.model.attention.parameters(), wider.attention.parameters()))
    with pytest.raises(ValueError, match="differ in vae"):
        run.start_from(wider, 5)


@pytest.mark.slow
def test_a_stage_recycles_once_when_it_begins_also_in_a_resumed_run(tiny, monkeypatch):
    counts = []
    monkeypatch.setattr(lessons, "recycle", lambda *given: counts.append(recycle(*given)))
    tiny.write_text("slot_pool = 32\n" + TINY.replace("until = 500", "recycle = true\nuntil = 500"), encoding="utf-8")
    plan = recipe.load(str(tiny))
    whole, parts = (Run(plan, tiny.parent / name) for name in ("whole", "parts"))
    for run in (whole, parts):  # an untrained attention gives away halves of the picture
        run.optimizing.model.attention.unet.logits.weight.data *= 30
        with torch.no_grad():
            run.model.vae.decoder.convolutions[1].bias[:3] = -100
    whole.train(6)
    for steps in (4, 1, 1):
        parts.train(steps)
        parts = Run(plan, tiny.parent / "parts")
        assert parts.resume()
    assert_identical(saved(whole)["weights"], saved(parts)["weights"])
    assert [count["decoder"] >= 3 for count in counts] == [True, True]  # one of each run

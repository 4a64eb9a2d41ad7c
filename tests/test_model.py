"""Tests of the network against the reference notebook's, for several slots, batches and resolutions."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from monet.model import Decomposition, MONet, MONetConfig
from monet.vae import Lattice, SpatialBroadcastDecoder, sample
from tests import reference

FOUR_BLOCKS = (8, 16, 32, 64)
RESOLUTIONS = [
    MONetConfig(resolution=32, attention_channels=FOUR_BLOCKS),
    MONetConfig(resolution=40, attention_channels=FOUR_BLOCKS, picture_size=35, num_slots=4),
    MONetConfig(resolution=64),
    MONetConfig(resolution=128),
]


def scenes(batch: int, side: int = 64, seed: int = 0) -> torch.Tensor:
    """Returns noise with a bright square: pictures differ in every pixel and as a whole."""
    images = 0.5 * torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(seed))
    for i, image in enumerate(images):
        image[i % 3, 4 + 3 * i : side // 2, 5 : side // 2 + 2 * i] += 0.5
    return images


def both(slots: int, batch: int, seed: int = 0) -> tuple[Decomposition, Decomposition]:
    """The notebook's and our decomposition of the same pictures with the same weights."""
    theirs, ours = reference.build(slots, batch, seed), MONet(MONetConfig()).eval()
    reference.copy_weights(theirs, ours)
    images = scenes(batch)
    with torch.no_grad():
        return reference.decompose(theirs, images), ours(images, slots)


def assert_same(expected: Decomposition, actual: Decomposition, tolerance: float = 1e-5) -> None:
    """Asserts equality up to rounding, relative to the largest values."""
    for name, value in vars(expected).items():
        error, largest = (getattr(actual, name) - value).abs().max(), value.abs().max()
        assert error <= tolerance * largest.clamp(min=1), f"{name} is off by {error} where the largest is {largest}"


def plain_decode(
    decoder: SpatialBroadcastDecoder, latents: torch.Tensor, side: int, stride: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """The decoder in the paper's words, at every pixel: tile the latent, append coordinates, convolve.

    With a stride, neighbours in a convolution are ``stride`` pixels apart, and the coordinates go on beyond [-1, 1].
    """
    margin = 4 * stride
    axis = -1 + 2 / (side + 7) * torch.arange(4 - margin, side + 4 + margin)
    size = (len(latents), 1, len(axis), len(axis))
    tiled = latents[:, :, None, None].expand(-1, -1, len(axis), len(axis))
    x = torch.cat((tiled, axis[:, None].expand(size), axis.expand(size)), dim=1)
    for layer in decoder.convolutions:
        x = F.relu(F.conv2d(x, layer.weight, layer.bias, dilation=stride))
    x = F.conv2d(x, decoder.output.weight, decoder.output.bias)
    return x[:, :3], x[:, 3:]


def small(slots: int) -> MONet:
    torch.manual_seed(0)
    config = MONetConfig(resolution=32, attention_channels=FOUR_BLOCKS, num_slots=slots)
    return reference.enliven(MONet(config)).eval()


@pytest.fixture
def decoder() -> SpatialBroadcastDecoder:
    """A decoder with three latents and unequal widths."""
    torch.manual_seed(0)
    return reference.enliven(SpatialBroadcastDecoder((16, 15, 17, 14), 3)).requires_grad_(False)


def test_default_has_as_many_parameters_as_the_reference():
    assert sum(p.numel() for p in MONet(MONetConfig()).parameters()) == 1_207_921


@pytest.mark.slow
@pytest.mark.parametrize(("slots", "batch"), [(1, 2), (2, 5), (5, 1), (7, 2)])
def test_decomposition_equals_the_notebooks(slots, batch):
    expected, actual = both(slots, batch, seed=slots)
    assert_same(expected, actual)
    torch.testing.assert_close(actual.log_masks.exp(), expected.log_masks.exp(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("slots", [2, 7])
def test_extreme_logits_stay_finite_and_equal_the_notebooks(slots):
    theirs, ours = reference.build(slots, batch=2), MONet(MONetConfig()).eval()
    images, last = scenes(2), theirs.attention.final_nn[0]
    with torch.no_grad():
        log_alpha, log_rest = theirs.attention(images, torch.zeros(2, 1, 64, 64))
        logits = log_alpha - log_rest
        # At the first step the logits then reach from -80 to 80.
        gain = 160 / (logits.max() - logits.min())
        last.weight *= gain
        last.bias.copy_(gain * last.bias - gain * logits.min() - 80)
        reference.copy_weights(theirs, ours)
        expected, actual = reference.decompose(theirs, images), ours(images, slots)
    assert expected.log_masks[:, 0].min() < -79
    assert expected.log_scopes[:, 1].min() < -79
    for name, value in vars(actual).items():
        assert value.isfinite().all(), name
    assert actual.log_masks.max() <= 0
    torch.testing.assert_close(actual.log_masks.exp().sum(1), torch.ones(2, 64, 64), rtol=0, atol=1e-5)
    # Rounding of one step's logits is enlarged by the gain and again at every step that follows.
    assert_same(expected, actual, tolerance=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("config", RESOLUTIONS, ids=lambda config: str(config.resolution))
def test_every_resolution_gives_every_pixel_to_the_slots(config):
    torch.manual_seed(0)
    model, side, slots = reference.enliven(MONet(config)).eval(), config.resolution, config.num_slots
    with torch.no_grad():
        d = model(scenes(1, side))
    assert d.log_masks.shape == d.log_scopes.shape == d.mask_logits.shape == (1, slots, side, side)
    assert d.components.shape == (1, slots, 3, side, side)
    assert d.latent_mean.shape == d.latent_log_std.shape == d.latents.shape == (1, slots, config.latent_dim)
    assert d.reconstruction.shape == (1, 3, side, side)
    torch.testing.assert_close(d.log_masks.exp().sum(1), torch.ones(1, side, side))
    # What is left after a step is what the step before it left, less what it took.
    rest = 1 - d.log_masks.exp().cumsum(1)[:, :-1]
    torch.testing.assert_close(d.log_scopes.exp()[:, 1:], rest, rtol=0, atol=1e-5)
    assert (d.log_scopes[:, 0] == 0).all()


@pytest.mark.slow
def test_pictures_of_a_batch_do_not_touch_each_other():
    model, images = small(slots=3), scenes(5, 32)
    with torch.no_grad():
        whole, single = model(images), [model(image[None]) for image in images]
    for name, value in vars(whole).items():
        torch.testing.assert_close(value, torch.cat([vars(d)[name] for d in single]), rtol=1e-4, atol=1e-5)
    assert (whole.components[0] - whole.components[1]).abs().mean() > 0.01


def test_layout_of_a_picture_in_memory_does_not_touch_its_masks():
    model, images = small(slots=3), scenes(2, 32)
    with torch.no_grad():
        planes, pixels = (
            model(images.contiguous(memory_format=f)) for f in (torch.contiguous_format, torch.channels_last)
        )
    assert torch.equal(planes.log_masks, pixels.log_masks)


def test_first_slots_do_not_depend_on_how_many_follow():
    model, images = small(slots=3), scenes(2, 32)
    with torch.no_grad():
        three, five = model(images), model(images, 5)
    assert three.log_masks.shape[1] == 3
    assert five.log_masks.shape[1] == 5
    torch.testing.assert_close(five.log_masks[:, :2], three.log_masks[:, :2])
    torch.testing.assert_close(five.log_scopes[:, :3], three.log_scopes)
    torch.testing.assert_close(three.log_masks[:, -1], five.log_masks[:, 2:].logsumexp(1))


def test_reconstruction_is_the_sum_of_the_components_under_the_attention_masks():
    log_masks = torch.tensor([0.25, 0.75]).log()[None, :, None, None].expand(1, 2, 4, 4)
    components = torch.tensor([0.2, 0.6])[None, :, None, None, None].expand(1, 2, 3, 4, 4)
    nothing = torch.zeros(1, 2, 4)
    d = Decomposition(log_masks, log_masks, nothing, nothing, nothing, components, torch.zeros(1, 2, 4, 4))
    torch.testing.assert_close(d.reconstruction, torch.full((1, 3, 4, 4), 0.25 * 0.2 + 0.75 * 0.6))


def test_eval_decodes_means_and_training_decodes_draws_of_the_posterior():
    model, images = small(slots=3), scenes(2, 32)
    with torch.no_grad():
        calm, first, second = model.eval()(images), model.train()(images), model(images)
    assert torch.equal(calm.latents, calm.latent_mean)
    torch.testing.assert_close(first.latent_mean, calm.latent_mean)
    assert not torch.equal(first.latents, second.latents)
    noise = (first.latents - first.latent_mean) / first.latent_log_std.exp()
    assert abs(noise.mean()) < 4 * noise.numel() ** -0.5
    assert abs(noise.std() - 1) < 4 * (2 * noise.numel()) ** -0.5


def test_draws_have_the_posteriors_mean_and_deviation():
    torch.manual_seed(0)
    draws = sample(torch.tensor([1.0, -2.0]).expand(40_000, 2), torch.tensor([0.5, 3.0]).log().expand(40_000, 2))
    torch.testing.assert_close(draws.mean(0), torch.tensor([1.0, -2.0]), rtol=0, atol=0.06)
    torch.testing.assert_close(draws.std(0), torch.tensor([0.5, 3.0]), rtol=0.02, atol=0)


def test_gradient_of_the_components_reaches_log_sigma():
    model = small(slots=2).train()
    model(scenes(1, 32)).components.square().sum().backward()
    mean, log_std = model.vae.encoder.posterior.weight.grad.chunk(2)
    assert mean.norm() > 0
    assert log_std.norm() > 0


def test_bfloat16_autocast_keeps_masks_in_full_precision():
    model = small(slots=4).train()
    with torch.autocast("cpu", torch.bfloat16):
        d = model(scenes(1, 32))
    for name, value in vars(d).items():
        if name != "latents":
            assert value.dtype == torch.float32, name
    torch.testing.assert_close(d.log_masks.exp().sum(1), torch.ones(1, 32, 32))


def test_split_first_layer_is_the_convolution_of_the_tiled_latent(decoder):
    latents = torch.randn(4, 3)
    for ours, plain in zip(decoder(latents, 12, 12), plain_decode(decoder, latents, 12), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-5)
        assert ours.std(0).mean() > 0.05, "the latents do not show"


@pytest.mark.parametrize(("stride", "row", "column"), [(1, 0, 0), (2, 0, 1), (2, 1, 0), (3, 2, 1), (4, 0, 3)])
def test_lattice_decodes_its_pixels_with_coordinates_that_far_apart(decoder, stride, row, column):
    latents, lattice = torch.randn(2, 3), Lattice(stride, row, column)
    everywhere = plain_decode(decoder, latents, 16, stride)
    for ours, plain in zip(decoder(latents, 16, 16, lattice), everywhere, strict=True):
        torch.testing.assert_close(ours, plain[..., row::stride, column::stride], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("stride", "row", "column", "window"), [(1, 8, 16, 8), (1, 0, 3, 20), (2, 17, 8, 8)])
def test_window_decodes_to_the_cut_of_the_whole_picture(decoder, stride, row, column, window):
    latents, cut = torch.randn(2, 3), np.s_[..., row : row + window : stride, column : column + window : stride]
    everywhere = plain_decode(decoder, latents, 24, stride)
    for ours, plain in zip(decoder(latents, 24, 24, Lattice(stride, row, column, window)), everywhere, strict=True):
        torch.testing.assert_close(ours, plain[cut], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("stride", "window"), [(1, None), (3, None), (1, 4), (2, 4)])
def test_drawn_lattices_share_the_picture_out_without_remainder(stride, window):
    torch.manual_seed(0)
    drawn = Lattice.draw(2000, 12, stride, window)
    places = (
        {(0, 0)} if isinstance(drawn.row, int) else set(zip(drawn.row.tolist(), drawn.column.tolist(), strict=True))
    )
    counts = torch.zeros(12, 12)
    for row, column in places:
        Lattice(stride, row, column, window).take(counts).add_(1)
    assert (counts == 1).all()


def test_lattices_of_their_own_are_each_what_one_for_all_is(decoder):
    latents, pictures = torch.randn(3, 3), torch.rand(3, 2, 3, 24, 24)
    row, column = torch.tensor([0, 5, 16]), torch.tensor([16, 1, 7])
    means, logits = decoder(latents, 24, 24, Lattice(2, row, column, 8))
    taken = Lattice(2, row, column, 8).take(pictures)
    for n in range(3):
        alone = Lattice(2, int(row[n]), int(column[n]), 8)
        for ours, plain in zip((means, logits), decoder(latents[n : n + 1], 24, 24, alone), strict=True):
            torch.testing.assert_close(ours[n], plain[0], rtol=1e-5, atol=2e-6)
        assert torch.equal(taken[n], alone.take(pictures[n]))
    assert Lattice(2, row, column, 8).repeat(2).row.tolist() == [0, 0, 5, 5, 16, 16]


def test_decoder_tells_height_from_width(decoder):
    means, logits = decoder(torch.randn(2, 3), 6, 10)
    assert means.shape == (2, 3, 6, 10)
    assert logits.shape == (2, 1, 6, 10)


def test_decode_equals_what_the_forward_pass_decoded():
    model = small(slots=3)
    with torch.no_grad():
        d = model(scenes(2, 32))
    components, mask_logits = model.decode(d.latents.flatten(0, 1))
    torch.testing.assert_close(components, d.components.flatten(0, 1))
    torch.testing.assert_close(mask_logits, d.mask_logits.flatten(0, 1))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"resolution": 40}, "resolution 40 must be a multiple of 16"),
        ({"resolution": 0}, "resolution 0 must"),
        ({"resolution": 2048}, "to 1024"),
        ({"resolution": 16}, "from 32 to 1024"),
        ({"resolution": 64.0}, "resolution 64.0 must"),
        ({"resolution": "64"}, "resolution '64' must"),
        ({"attention_channels": ()}, "must not be empty"),
        ({"encoder_channels": []}, "must not be empty"),
        ({"decoder_channels": "32"}, "must be a list of widths"),
        ({"beta": float("nan")}, "beta must be a number"),
        ({"gamma": -1}, "gamma must be a number and not negative"),
        ({"picture_size": 65}, "picture_size 65 must lie between 1 and 64"),
        ({"num_slots": 0}, "num_slots 0 must be a whole number between 1 and 64"),
        ({"latent_dim": 0}, "width must be a whole number"),
        ({"encoder_channels": (32, -1)}, "width must be a whole number"),
        ({"attention_channels": (7, 16)}, "must be even"),
        ({"decoder_channels": (32, 32)}, "must be four widths"),
        ({"foreground_scale": 0.0}, "foreground_scale must be a positive"),
        ({"background_scale": float("nan")}, "background_scale must be a positive"),
    ],
)
def test_configuration_that_no_network_can_have_is_refused_in_words(wrong, words):
    with pytest.raises(ValueError, match=words):
        MONetConfig(**wrong)


def test_configuration_read_from_lists_is_the_same_value():
    assert MONetConfig(decoder_channels=[32, 32, 32, 32]) == MONetConfig()


def test_log_mask_floor_and_detached_masks_change_what_the_encoder_sees_and_teaches():
    torch.manual_seed(0)
    images = torch.rand(2, 3, 32, 32)
    model = MONet(MONetConfig(resolution=32, log_mask_floor=-0.5)).eval()
    seen: list[torch.Tensor] = []
    model.vae.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    free, detached = model(images, 3), model(images, 3, detach_masks=True)
    assert seen[0].min() == -0.5 and free.log_masks.min() < -0.5
    torch.testing.assert_close(vars(detached), vars(free), rtol=0, atol=0)
    weight = model.attention.unet.logits.weight
    (gradient,) = torch.autograd.grad(free.latent_mean.sum(), weight)
    assert gradient.abs().sum() > 0
    assert torch.autograd.grad(detached.latent_mean.sum(), weight, allow_unused=True) == (None,)
    assert torch.autograd.grad(detached.reconstruction.sum(), weight)[0].abs().sum() > 0

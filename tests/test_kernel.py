"""Tests of the page's decoder kernel against PyTorch; the shipped binaries run under wasmtime."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from monet.explorer.kernel import build
from tests.kernels import Decoder, binaries

LATENT_DIM = 16
CHECKPOINTS = sorted((Path(__file__).parents[1] / "checkpoints").glob("*/model.safetensors"))
PREFIX = "vae.decoder."
LAYERS = ["convolutions.0", "convolutions.1", "convolutions.2", "convolutions.3", "output"]


@pytest.fixture(params=binaries("decoder"))
def kernel(request) -> Decoder:
    return Decoder(request.param)


def reference(parameters: list[torch.Tensor], latents: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The decoder as in the paper, without folding: latents N,Z to N,4,H,W."""
    rows, columns = torch.linspace(-1, 1, height + 8), torch.linspace(-1, 1, width + 8)
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))  # 2,H+8,W+8: row coordinate, then column
    tiled = latents[:, :, None, None].expand(-1, -1, height + 8, width + 8)
    x = torch.cat((tiled, grid.expand(len(latents), -1, -1, -1)), dim=1)
    *hidden, last = zip(parameters[0::2], parameters[1::2], strict=True)
    for weight, bias in hidden:
        x = F.relu(F.conv2d(x, weight, bias))
    return F.conv2d(x, *last)


def random_parameters(seed: int, latent_dim: int = LATENT_DIM, width: int = 32) -> list[torch.Tensor]:
    """Returns weights of a trained decoder's scale: outputs reach several units."""
    generator = torch.Generator().manual_seed(seed)
    parameters = []
    for inputs, outputs, side in ((latent_dim + 2, width, 3), *[(width, width, 3)] * 3, (width, 4, 1)):
        scale = 1.8 * (inputs * side**2) ** -0.5
        parameters.append(scale * torch.randn(outputs, inputs, side, side, generator=generator))
        parameters.append(0.1 * torch.randn(outputs, generator=generator))
    return parameters


def random_latents(count: int, latent_dim: int = LATENT_DIM) -> torch.Tensor:
    return 1.5 * torch.randn(count, latent_dim, generator=torch.Generator().manual_seed(1))


def decode(kernel: Decoder, latent: torch.Tensor) -> torch.Tensor:
    """Decodes a latent of Z numbers to 4,H,W."""
    return torch.from_numpy(kernel.decode(latent.numpy()).copy()).permute(2, 0, 1)


def assert_parity(kernel: Decoder, parameters: list[torch.Tensor], latents: torch.Tensor) -> None:
    expected = reference(parameters, latents, kernel.height, kernel.width)
    kernel.load(parameters)
    decoded = torch.stack([decode(kernel, latent) for latent in latents])
    assert (decoded - expected).abs().max() <= 1e-5 * expected.abs().max().clamp(min=1)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (40, 40), (64, 64), (128, 128), (48, 64), (2, 6)])
def test_parity(kernel, height, width):
    parameters, latents = random_parameters(seed=height), random_latents(2)
    assert kernel.allocate(height, width, LATENT_DIM) == sum(parameter.numel() for parameter in parameters)
    assert_parity(kernel, parameters, latents)


@pytest.mark.parametrize("latent_dim", [1, 5, 64])
def test_parity_for_any_number_of_latents(kernel, latent_dim):
    parameters = random_parameters(seed=2, latent_dim=latent_dim)
    assert kernel.allocate(16, 16, latent_dim) == sum(parameter.numel() for parameter in parameters)
    assert_parity(kernel, parameters, random_latents(2, latent_dim))


def test_one_instance_serves_one_model_after_another(kernel):
    for seed, side in ((3, 32), (4, 64), (5, 16)):
        assert kernel.allocate(side, side, LATENT_DIM)
        assert_parity(kernel, random_parameters(seed), random_latents(1))


def test_nan_is_handed_on(kernel):
    assert kernel.allocate(16, 16, LATENT_DIM)
    kernel.load(random_parameters(seed=6))
    assert decode(kernel, torch.full((LATENT_DIM,), torch.nan)).isnan().all()


@pytest.mark.parametrize(
    ("height", "width", "latent_dim"),
    [(33, 32, 16), (32, 33, 16), (0, 32, 16), (32, -2, 16), (1026, 32, 16), (32, 32, 0), (32, 32, 4097)],
)
def test_sizes_it_cannot_decode_are_refused(kernel, height, width, latent_dim):
    assert kernel.allocate(height, width, latent_dim) == 0


@pytest.mark.parametrize("width", [16, 31, 33, 64])
def test_other_widths_are_refused_by_the_number_of_weights(kernel, width):
    parameters = random_parameters(seed=0, width=width)
    assert kernel.allocate(64, 64, LATENT_DIM) != sum(parameter.numel() for parameter in parameters)


def test_binaries_belong_to_the_source():
    recorded = json.loads(build.RECORD.read_text(encoding="utf-8"))
    assert recorded == build.fingerprint(), "run python -m monet.explorer.kernel.build"


@pytest.mark.parametrize("file", CHECKPOINTS, ids=lambda file: file.parent.name)
def test_checkpoint_is_decoded_or_refused(kernel, file):
    state = load_file(file)
    parameters = [state[f"{PREFIX}{layer}.{kind}"] for layer in LAYERS for kind in ("weight", "bias")]
    config = json.loads(file.with_name("config.json").read_text(encoding="utf-8"))
    config = config.get("model", config)
    side, latent_dim = config["resolution"], config["latent_dim"]

    expected = kernel.allocate(side, side, latent_dim)
    hidden_biases = parameters[1:-2:2]
    if all(len(bias) == 32 for bias in hidden_biases) and side % 2 == 0:
        assert expected == sum(parameter.numel() for parameter in parameters)
        assert_parity(kernel, parameters, random_latents(2, latent_dim))
    else:
        assert expected != sum(parameter.numel() for parameter in parameters)

"""Exports a checkpoint as three ONNX graphs (attention step, encoder, decoder), compared with PyTorch."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from monet.checkpoints import CheckpointError
from monet.model import MONet

NEEDED = ("onnx", "onnxscript", "onnxruntime")
TOLERANCE = 1e-4
"""Largest difference from PyTorch: absolute up to 1, relative beyond, because float32 has seven digits."""
OPSET = 18
BATCH = "batch"
SIZES = (1, 2, 19)
"""Batch sizes that a graph is checked with; the last exceeds the chunks of the model on a CPU."""


class AttentionStep(nn.Module):
    """One step of the scope recursion (paper, equations 1 and 2)."""

    def __init__(self, model: MONet):
        super().__init__()
        self.unet = model.attention.unet

    def forward(self, image: Tensor, log_scope: Tensor) -> tuple[Tensor, Tensor]:
        """Maps images B,3,H,W and log s_{k-1} B,1,H,W to log m_k and log s_k, B,1,H,W each."""
        logits = self.unet(self.unet.picture_share(image), log_scope)
        # ONNX would compute log(sigmoid(x)), which underflows to log 0; softplus stays finite.
        return log_scope - F.softplus(-logits), log_scope - F.softplus(logits)


class Encoder(nn.Module):
    """q_phi(z_k | x, m_k)."""

    def __init__(self, model: MONet):
        super().__init__()
        self.encoder, self.floor = model.vae.encoder, model.config.log_mask_floor

    def forward(self, image: Tensor, log_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Maps images B,3,H,W and log m_k B,1,H,W to the posterior's mean and log standard deviation, B,Z each."""
        shown = log_mask if self.floor is None else log_mask.clamp(min=self.floor)
        mean, log_std = self.encoder(image, shown)
        return mean, log_std


class Decoder(nn.Module):
    """p_theta(x, c | z_k)."""

    def __init__(self, model: MONet):
        super().__init__()
        self.decoder, self.side = model.vae.decoder, model.config.resolution

    def forward(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Maps latents B,Z to component means B,3,H,W and mask logits B,1,H,W."""
        means, logits = self.decoder(latents, self.side, self.side)
        return means, logits


class Graph(NamedTuple):
    """A part of the network to be exported."""

    name: str
    part: nn.Module
    inputs: dict[str, tuple[int, ...]]
    """Shapes by name, without the batch axis."""
    outputs: tuple[str, ...]

    def example(self, batch: int) -> dict[str, Tensor]:
        """Draws plausible inputs: pictures in [0, 1], log masks and log scopes below 0, latents around 0."""
        generator = torch.Generator().manual_seed(batch)
        drawn = {}
        for name, shape in self.inputs.items():
            uniform = torch.rand(batch, *shape, generator=generator)
            drawn[name] = uniform if name == "image" else 6 * uniform - 3 if name == "latents" else -10 * uniform
        return drawn


def graphs(model: MONet) -> tuple[Graph, ...]:
    """Builds the three parts of a network. For K slots run K - 1 attention steps; mask K is the last scope."""
    side, latent_dim = model.config.resolution, model.config.latent_dim
    image, plane = (3, side, side), (1, side, side)
    return (
        Graph(
            "attention_step", AttentionStep(model), {"image": image, "log_scope": plane}, ("log_mask", "next_log_scope")
        ),
        Graph("encoder", Encoder(model), {"image": image, "log_mask": plane}, ("latent_mean", "latent_log_std")),
        Graph("decoder", Decoder(model), {"latents": (latent_dim,)}, ("component", "mask_logits")),
    )


def export(model: MONet, folder: Path) -> dict[Path, float]:
    """Writes ``attention_step.onnx``, ``encoder.onnx`` and ``decoder.onnx`` with a dynamic batch axis.

    Height and width are fixed to the model's resolution, because the attention and the encoder have linear layers.

    Args:
        model: model in eval mode, on the CPU.
        folder: created if needed.

    Returns:
        largest difference from PyTorch by file, see ``TOLERANCE``.

    Raises:
        CheckpointError: a library is missing, or ONNX Runtime disagrees with PyTorch.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise CheckpointError(f"ONNX needs {', '.join(missing)}: pip install {' '.join(NEEDED)}")
    folder.mkdir(parents=True, exist_ok=True)
    return {file: difference(graph, file) for graph in graphs(model) for file in [_write(graph, folder)]}


def _write(graph: Graph, folder: Path) -> Path:
    file = folder / f"{graph.name}.onnx"
    part = file.with_suffix(".part")
    axis = torch.export.Dim(BATCH, min=1)
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)  # hides a warning about torchvision, which is not needed
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # PyTorch warns about its own code
            torch.onnx.export(
                graph.part.eval(),
                kwargs=graph.example(2),
                f=str(part),
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_shapes={name: {0: axis} for name in graph.inputs},
                opset_version=OPSET,
                external_data=False,
                dynamo=True,
                verbose=False,
            )
    finally:
        log.setLevel(level)
    part.replace(file)
    return file


def difference(graph: Graph, file: Path) -> float:
    """Computes the largest difference of ONNX Runtime from PyTorch over batches of ``SIZES``, see ``TOLERANCE``.

    Raises:
        CheckpointError: it exceeds ``TOLERANCE``.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    worst = 0.0
    for batch in SIZES:
        example = graph.example(batch)
        with torch.inference_mode():
            expected = graph.part(**example)
        found = session.run(list(graph.outputs), {name: value.numpy() for name, value in example.items()})
        for ours, theirs in zip(expected, map(torch.from_numpy, found), strict=True):
            worst = max(worst, ((ours - theirs).abs() / ours.abs().clamp(min=1)).max().item())
    if not worst <= TOLERANCE:
        raise CheckpointError(f"{file}: ONNX Runtime differs from PyTorch by {worst:.1e}, more than {TOLERANCE:.0e}")
    return worst

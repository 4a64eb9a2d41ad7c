"""Executes the reference notebook's classes, the oracle that the model must equal.

The notebook lies beside the project, not in it; a test that asks for it where it is missing is skipped.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from monet.checkpoints.notebook import names
from monet.model import Decomposition, MONet
from monet.objective import Loss

NOTEBOOK = Path(os.environ.get("MONET_NOTEBOOK") or Path(__file__).parents[2] / "shared" / "notebook.md")


def copy_weights(reference: nn.Module, model: MONet) -> None:
    """Copies the notebook's weights into our model; parameters must correspond one to one."""
    ours = names(model.config)
    model.load_state_dict({ours[name]: tensor for name, tensor in reference.state_dict().items()}, strict=True)


@torch.no_grad()
def enliven(network: nn.Module) -> Any:
    """Draws weights that make what the network says differ by picture, slot and pixel.

    As initialised, all components are one grey, in which a layer in the wrong place hardly shows, and norms in the
    wrong place never do.
    """
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter, a=0.6)
        else:
            parameter.add_(0.3 * torch.randn_like(parameter))
    return network


def build(slots: int, batch: int, seed: int = 0) -> Any:
    """Returns the notebook's MONet in eval mode with large random weights; it decodes posterior means."""
    torch.manual_seed(seed)
    reference = enliven(notebook().MONet(slots, batch, 1e-4)).eval()
    reference.vae.reparameterize = lambda mean, log_std: mean
    return reference


@torch.no_grad()
def decompose(reference: Any, images: Tensor) -> Decomposition:
    """Returns the output of the notebook's model in our layout: the batch axis before the slots."""
    means, log_stds, log_masks, components, mask_logits = (x.transpose(0, 1) for x in reference(images))
    log_scopes = [torch.zeros_like(images[:, :1])]
    for _ in range(reference.K - 1):
        log_scopes.append(reference.attention(images, log_scopes[-1])[1])
    return Decomposition(
        log_masks=log_masks[:, :, 0],
        log_scopes=torch.cat(log_scopes, dim=1),
        latent_mean=means,
        latent_log_std=log_stds,
        latents=means,
        components=components,
        mask_logits=mask_logits[:, :, 0],
    )


def loss(reference: Any, images: Tensor) -> Loss:
    """Returns the notebook's three unweighted loss terms, from one of its training steps, which changes its weights."""
    notebook().learn(reference, [[{"image": 255 * images}]], 1, "unused")
    terms = reference.loss_1, reference.loss_2 / reference.beta, reference.loss_3 / reference.gamma
    return Loss(*(term.detach() for term in terms))


@functools.cache
def notebook(as_it_stands: bool = False, device: str = "cpu") -> SimpleNamespace:
    """What the notebook's cells define, without the first, which imports data sets and chooses the device.

    Its training leaves float32 where the machine has bfloat16 only if it is taken as it stands.
    """
    if not NOTEBOOK.is_file():
        pytest.skip("the reference notebook is not beside the project")
    # A cell ends where the next one or a heading begins; prose follows headings only.
    cell = re.compile(r"^In \[\d+\]:\n(.*?)(?=^In \[\d+\]:|^#{1,6} |\Z)", re.MULTILINE | re.DOTALL)
    _, *definitions = cell.findall(NOTEBOOK.read_text(encoding="utf-8"))
    namespace: dict[str, Any] = {
        "torch": _quiet_torch({} if as_it_stands else FULL_PRECISION),
        "nn": nn,
        "device": device,
        "os": SimpleNamespace(path=os.path, makedirs=lambda path: None),
        "time": time.time,
        "tqdm": lambda items: items,
    }
    for source in definitions:
        exec(source, namespace)
    return SimpleNamespace(**{name: namespace[name] for name in ("MONet", "VAE", "Attention", "learn")})


FULL_PRECISION: dict[str, Any] = {
    "autocast": lambda device: contextlib.nullcontext(),
    "amp": SimpleNamespace(GradScaler=lambda device: torch.amp.GradScaler(device, enabled=False)),
}


def _quiet_torch(changes: dict[str, Any]) -> SimpleNamespace:
    """torch for the notebook's eyes only: its training writes no files."""
    return SimpleNamespace(**{**vars(torch), "save": lambda model, path: None, **changes})

"""Tests of the ONNX export: three graphs and NumPy decompose a scene as PyTorch does."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import monet
from monet import checkpoints
from monet.checkpoints import CheckpointError, onnx
from monet.checkpoints import __main__ as command
from monet.data import samples
from monet.data.batches import prepare, to_tensor

pytestmark = pytest.mark.slow

NAME = "tetrominoes"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for library in onnx.NEEDED:
        pytest.importorskip(library)
    folder = tmp_path_factory.mktemp("onnx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["checkpoints", "export-onnx", NAME, "--out", str(folder)])
        command.main()
    return folder


def test_scenes_are_taken_apart_as_by_pytorch(exported):
    """Equations 1 and 2 of the paper in NumPy, around the graphs; ten scenes, more than one PyTorch batch."""
    import onnxruntime

    attention, encoder, decoder = (
        onnxruntime.InferenceSession(exported / f"{name}.onnx", providers=["CPUExecutionProvider"])
        for name in ("attention_step", "encoder", "decoder")
    )
    model = monet.load(NAME)
    images = to_tensor(prepare(samples.read(NAME, index), model.config) for index in range(10))
    with torch.inference_mode():
        expected = model(images)
    image, log_scope = images.contiguous().numpy(), np.zeros((10, 1, 40, 40), np.float32)
    log_masks = []
    for _ in range(model.config.num_slots - 1):
        log_mask, log_scope = attention.run(["log_mask", "next_log_scope"], {"image": image, "log_scope": log_scope})
        log_masks.append(log_mask)
    for slot, log_mask in enumerate([*log_masks, log_scope]):
        mean, log_std = encoder.run(["latent_mean", "latent_log_std"], {"image": image, "log_mask": log_mask})
        component, logits = decoder.run(["component", "mask_logits"], {"latents": mean})
        for found, right in (
            (np.exp(log_mask[:, 0]), expected.log_masks[:, slot].exp()),
            (mean, expected.latent_mean[:, slot]),
            (np.exp(log_std), expected.latent_log_std[:, slot].exp()),
            (component, expected.components[:, slot]),
        ):
            assert np.abs(found - right.numpy()).max() < 1e-4
        np.testing.assert_allclose(logits[:, 0], expected.mask_logits[:, slot].numpy(), rtol=1e-4, atol=1e-4)


def test_axes_have_names_and_the_batch_is_free(exported):
    import onnxruntime

    found = {}
    for graph in onnx.graphs(checkpoints.load(NAME)):
        session = onnxruntime.InferenceSession(exported / f"{graph.name}.onnx", providers=["CPUExecutionProvider"])
        found |= {(graph.name, value.name): tuple(value.shape) for value in session.get_inputs()}
    batch, image, plane = onnx.BATCH, (3, 40, 40), (1, 40, 40)
    assert found == {
        ("attention_step", "image"): (batch, *image),
        ("attention_step", "log_scope"): (batch, *plane),
        ("encoder", "image"): (batch, *image),
        ("encoder", "log_mask"): (batch, *plane),
        ("decoder", "latents"): (batch, 16),
    }


def test_a_graph_that_differs_is_refused(exported):
    attention, _, _ = onnx.graphs(checkpoints.load(NAME))
    assert onnx.difference(attention, exported / "attention_step.onnx") <= onnx.TOLERANCE
    with torch.no_grad():
        attention.part.unet.logits.bias += 0.01
    with pytest.raises(CheckpointError, match="ONNX Runtime differs from PyTorch"):
        onnx.difference(attention, exported / "attention_step.onnx")


def test_a_missing_library_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match="ONNX needs onnx, onnxscript, onnxruntime: pip install"):
        onnx.export(checkpoints.load(NAME), tmp_path / "out")
    assert not (tmp_path / "out").exists()

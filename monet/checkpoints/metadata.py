"""Front matter (YAML) and "Use" section of a model card, in the Hub's format."""

from __future__ import annotations

import json
from collections.abc import Mapping

from monet.pictures import How

LIBRARY = "monet-explorer"
TASK = "image-segmentation"
PAPER = "arxiv:1901.11390"
USE = "## Use"
"""Heading of the section that :func:`use` writes."""


def front_matter(
    title: str = "", data: str = "", measured: Mapping[str, float] | None = None, licence: str = ""
) -> str:
    """Writes the YAML block at the head of a model card, including its two lines of dashes.

    Args:
        title: display name of the model.
        data: name of the training data set, "" if unknown.
        measured: see :class:`~monet.checkpoints.Checkpoint`; written as the results of ``model-index``.
        licence: licence of the weights in the Hub's spelling; "" if this project cannot grant one.
    """
    lines = [f"license: {licence}"] if licence else []
    lines += [f"library_name: {LIBRARY}", f"pipeline_tag: {TASK}"]
    lines += [f"tags: [monet, object-centric, scene-decomposition, '{PAPER}']"]
    if data:
        lines += [f"datasets: [{json.dumps(data)}]"]
    figures = {name: value for name, value in (measured or {}).items() if name != "scenes"}
    if data and figures:
        # JSON strings are valid YAML, so any name is quoted safely.
        lines += [
            "model-index:",
            f"- name: {json.dumps(f'MONet, {title}')}",
            "  results:",
            f"  - task: {{type: {TASK}, name: Unsupervised scene decomposition}}",
            f"    dataset: {{type: {json.dumps(data)}, name: {json.dumps(title)}, split: test}}",
            "    metrics:",
            *(f"    - {{type: {name}, value: {value!r}}}" for name, value in figures.items()),
        ]
    return "\n".join(("---", *lines, "---"))


def use(name: str, fit: How = "crop") -> str:
    """Writes the section of a card with a Python example.

    Args:
        name: name under ``checkpoints/``, or a folder.
        fit: see :class:`~monet.checkpoints.Checkpoint`.
    """
    how = "" if fit == "crop" else f", how={json.dumps(fit)}"
    return f"""{USE}

```python
import monet

model = monet.MONet.from_pretrained({json.dumps(name)})  # or a folder, or the model's id on the Hub
scene = monet.decompose(model, "picture.png"{how})
scene.masks  # K,H,W: one attention mask per slot, they sum to one
scene.components  # K,3,H,W: what each slot shows
```"""

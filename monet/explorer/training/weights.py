"""Loads the current weights of a training run as a model of the app."""

from __future__ import annotations

from pathlib import Path

import torch

from monet.checkpoints import Checkpoint
from monet.explorer.training.commands import recipe_of
from monet.explorer.training.note import data_of, read_note
from monet.explorer.training.runs import RunError, known_config
from monet.model import MONet
from monet.training import state as states
from monet.training.run import STATES

_AVERAGE = "average."


def load(folder: Path) -> tuple[Checkpoint, MONet]:
    """Loads the averaged weights of a run's newest complete state as ``NAME@STEP``, in eval mode.

    Raises:
        RunError: there is no state yet, or the recipe is unknown or does not fit.
    """
    for path in reversed(states.saved(folder / STATES)):
        try:
            state = states.open_state(path / states.WEIGHTS, None, torch.device("cpu"))
            break
        except states.StateError:  # damaged, or deleted after a newer one was written
            continue
    else:
        raise RunError("The run has not saved weights yet: try again in a minute.")
    note = read_note(folder)
    data, recipe = data_of(note, state.record, folder), recipe_of(known_config(folder, note))
    if recipe is None:
        raise RunError(f"The recipe of {folder.name} is unknown, so its weights cannot be loaded.")
    model = MONet(recipe.model)
    weights = {name.removeprefix(_AVERAGE): x for name, x in state.weights.items() if name.startswith(_AVERAGE)}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(f"The weights of {folder.name} do not fit the network of its recipe.") from error
    step = int(state.record["step"])
    name, title = f"{folder.name}@{step}", f"{folder.name} (step {step:,})"
    return Checkpoint(name, folder, recipe.model, title, data.name), model.eval()

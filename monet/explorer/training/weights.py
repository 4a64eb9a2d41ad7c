"""The weights that a run has now, as a model of the app."""

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


def take(folder: Path) -> tuple[Checkpoint, MONet]:
    """The averaged weights of a run's newest whole state, as ``NAME@STEP``, in eval mode.

    Raises:
        RunError: there is none yet, or its recipe is not known.
    """
    for path in reversed(states.saved(folder / STATES)):
        try:
            state = states.open_state(path / states.WEIGHTS, None, torch.device("cpu"))
            break
        except states.StateError:  # damaged, or gone since a newer one was written
            continue
    else:
        raise RunError("The run has saved no weights yet: it does within a minute.")
    note = read_note(folder)
    data, recipe = data_of(note, state.record, folder), recipe_of(known_config(folder, note))
    if recipe is None:
        raise RunError(f"The recipe of {folder.name} is not known, so nobody knows what its weights are of.")
    model = MONet(recipe.model)
    weights = {name.removeprefix(_AVERAGE): x for name, x in state.weights.items() if name.startswith(_AVERAGE)}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(f"The weights of {folder.name} are of another network than its recipe describes.") from error
    step = int(state.record["step"])
    name, title = f"{folder.name}@{step}", f"{folder.name} (step {step:,})"
    return Checkpoint(name, folder, recipe.model, title, data.name), model.eval()

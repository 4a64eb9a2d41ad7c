"""Training run in a folder that can be stopped and resumed, with one process or several (``torchrun``)."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from monet.model import MONet
from monet.pictures import How
from monet.training import state as states
from monet.training.clock import Clock
from monet.training.initialise import initialise
from monet.training.journal import Journal
from monet.training.lessons import Lessons
from monet.training.loggers import check_installed
from monet.training.loop import Loop
from monet.training.recipe import Recipe
from monet.training.source import Source
from monet.training.state import State, StateError
from monet.training.step import Step
from monet.training.widen import widen

STATES = states.FOLDER
ATTENTION = ("attention_channels", "attention_hidden", "resolution")
"""Fields of a configuration that determine the shapes of the attention's weights."""


class Run:
    """A training run in a folder: ``state/``, ``log.csv``, ``evaluation.csv`` and ``pictures/``.

    Resuming is exact: every random draw is seeded by the run's seed, the step and the chunk of the batch. So one
    process with two chunks trains exactly like two processes with half the batch each.

    Args:
        recipe: the recipe.
        folder: folder of the run; created when training begins.
        data: name or path of scenes to train on instead of the recipe's. A resumed run keeps its own data.
        device: training device; the first GPU if None, or the CPU if there is none.
        batch: pictures per step and process instead of the recipe's. The learning rate grows with its square root, and
            schedules follow the number of pictures.
        workers: processes that prepare pictures ahead of the step.
        how: how to make pictures square, instead of the recipe's way. A resumed run keeps its own way.
        log: name of a logger that also gets the figures; see :mod:`monet.training.loggers`.

    Attributes:
        record: contents of a state besides tensors: ``step``; ``position`` in the recipe, in its steps; ``stage`` of
            the last step; ``pictures`` and ``slots`` trained on; ``seconds``; ``skipped`` steps; ``batch``;
            ``halvings`` of the learning rate; ``machines``, each with its share of pictures and seconds; ``data``,
            ``content``, ``background`` and ``split`` as in :class:`monet.training.source.Source`; and ``fit``, how
            pictures were made square.

    Raises:
        ValueError: no such data, or the logger is not installed.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        data: str | None = None,
        *,
        device: torch.device | None = None,
        batch: int | None = None,
        workers: int = 0,
        how: How | None = None,
        log: str | None = None,
    ):
        self.recipe, self.folder, self.workers = recipe, folder, workers
        if log:
            check_installed(log)
        self.rank = int(os.environ.get("RANK", 0))
        self.processes = int(os.environ.get("WORLD_SIZE", 1))
        local = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
        self.device = device or torch.device(local if torch.cuda.is_available() else "cpu")
        self.record: dict[str, Any] = {
            "step": 0, "position": 0.0, "stage": -1, "pictures": 0, "slots": 0, "seconds": 0.0, "skipped": 0,
            "halvings": 0, "batch": batch or recipe.batch_size, "machines": [],
        }  # fmt: skip
        torch.manual_seed(recipe.seed)
        model = MONet(recipe.model)
        if recipe.he_initialisation:
            initialise(model)
        self.optimizing = Step(model.to(self.device), recipe, self.processes)
        self.on_save: Callable[[], None] = lambda: None
        """Called after a state has been written."""
        self.lessons = Lessons(recipe, self.optimizing, self.record, self.rank)
        self.journal = Journal(folder, recipe, self.optimizing, self.record, self.rank == 0, log)
        self._how = how
        self._set_source(self._source(data), how or recipe.fit)

    @property
    def model(self) -> MONet:
        return self.optimizing.model

    @property
    def average(self) -> MONet:
        """The moving average of the weights, which is evaluated and exported."""
        return self.optimizing.average

    @property
    def data(self) -> str:
        return str(self.record["data"])

    @property
    def fit(self) -> How:
        """How pictures are made square."""
        how: How = self.record["fit"]
        return how

    @property
    def step(self) -> int:
        return int(self.record["step"])

    @property
    def seconds(self) -> float:
        """Training time on all machines."""
        return float(self.record["seconds"])

    @property
    def position(self) -> float:
        return float(self.record["position"])

    # ------------------------------------------------------------------ state

    def save(self) -> State:
        """Writes the state beside the last one, so that there is always a complete one; returns it."""
        state = self.state()
        states.write(state, self.folder / STATES)
        self.on_save()
        return state

    def state(self) -> State:
        """Copies the current state to the host."""
        weights, memory = (
            {name: value.detach().to("cpu", copy=True) for name, value in tensors.items()}
            for tensors in self.optimizing.tensors()
        )
        return State(weights, memory, {**self.record, "machines": [dict(m) for m in self.record["machines"]]})

    def resume(self, *, change_data: bool = False) -> bool:
        """Resumes from the folder's last complete state; returns False if there is none.

        Args:
            change_data: allow other data, or another fit, than the run was trained on.

        Raises:
            StateError: no complete state, another network, or other data.
        """
        state, warning = states.read(self.folder / STATES, self.device)
        if state is None:
            if self.rank == 0:
                self.journal.back()  # a run that was killed before its first save may have logged rows
            return False
        if warning and self.rank == 0:
            print(f"{warning} Resuming from the state before it.")
        how, before = self._how, state.record.get("fit", "crop")
        what = self.source.differs(state.record) or ("" if how in (None, before) else f"fit ({how}, not {before})")
        if what and not change_data:
            raise StateError(
                f"{self.folder} was trained on {state.record['data']}, and the {what} differs now: add --change-data "
                "to use it, leave out --data and --fit to continue as before, or give another --folder to start anew."
            )
        batch = self.record["batch"]
        self.restore(state)
        self.record["batch"] = batch
        self._set_source(self.source, how or before)
        if self.rank == 0:
            self.journal.back()  # a killed run logged rows after its last save; they are logged again
        return True

    def _source(self, data: str | None) -> Source:
        """Opens the given data, else the data of the folder's run, else the recipe's."""
        records = states.records(self.folder / STATES)
        if data or not records:
            return Source.of(data or self.recipe.data)
        try:
            return Source.of(records[-1]["data"])
        except ValueError as error:
            raise StateError(
                f"{self.folder} was trained on {records[-1]['data']}, which cannot be read any more ({error}): give "
                "the new path of the same pictures with --data."
            ) from error

    def _set_source(self, source: Source, how: How) -> None:
        """Sets the data of the run.

        Raises:
            ValueError: it has no scenes for one of the recipe's stages.
        """
        source.check(self.recipe)
        self.source = source
        self.record |= {**source.record(), "fit": how}

    def restore(self, state: State) -> None:
        """Restores a state.

        Raises:
            StateError: it holds another network.
        """
        try:
            self.optimizing.load(
                {name: value.to(self.device) for name, value in state.weights.items()},
                {name: value.to(self.device) for name, value in state.optimizer.items()},
            )
        except RuntimeError as error:
            raise StateError(
                f"{self.folder} holds another network than the recipe's [model] describes: give the folder's own "
                "recipe, or another --folder, which can start from an exported checkpoint with --weights"
            ) from error
        self.record |= {**state.record, "machines": [dict(m) for m in state.record["machines"]]}

    def start_from(self, trained: MONet, position: int = 0, name: str = "") -> None:
        """Loads the weights of a checkpoint and continues at a step of the recipe with a fresh optimiser.

        The record keeps the checkpoint's ``name`` and the step for the model card.

        The recipe's attention may be wider than the checkpoint's (:func:`monet.training.widen.widen`). If a stage with
        ``new_vae`` begins at that step, the checkpoint's VAE may have any shape.

        Raises:
            ValueError: the recipe has no such step, or its network cannot take the checkpoint's weights.
        """
        if not 0 <= position < self.recipe.steps:
            raise ValueError(f"--first {position} must lie in 0 to {self.recipe.steps - 1}, the steps of the recipe")
        self.record |= {"step": position, "position": float(position), "from": (name, position)}
        stage = self.recipe.stage(position)
        if stage.new_vae and position in (0, *(stage.until for stage in self.recipe.stages)):
            of_attention = {field: getattr(trained.config, field) for field in ATTENTION}
            donor = MONet(replace(self.recipe.model, **of_attention))
            donor.attention.load_state_dict(trained.attention.state_dict())
            trained = donor
        widen(trained, self.model)
        self.average.load_state_dict(self.model.state_dict())

    def compile(self) -> None:
        """Compiles the attention's many small layers, which take half of a step; needs a C++ compiler.

        The first step then takes a minute, or a few seconds if the run's folder has a compilation cache. On a GPU the
        VAE is compiled too, and each step is captured as a CUDA graph.
        """
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(self.folder / "compiled"))
        self.model.attention.unet.compile(dynamic=False)
        if self.device.type == "cuda":
            torch.backends.cudnn.benchmark = True
            self.model.vae.encoder.compile()
            self.model.vae.decoder.compile()
            self.optimizing.capture = self.processes == 1

    # ------------------------------------------------------------------- loop

    def train(self, steps: int | None = None, minutes: float | None = None) -> None:
        """Trains to the recipe's last step, or for ``steps`` more; saves a state even if it is interrupted or fails.

        Args:
            steps: largest number of steps.
            minutes: budget of wall time. Schedules and stages then follow the elapsed share of it: the rest of the
                recipe is run in more or fewer steps than it says.

        Raises:
            StateError: another process trains in the folder, or the run diverges at every learning rate tried.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with states.locked(self.folder) if self.rank == 0 else nullcontext() as owner:
            if owner:
                print(f"process {owner} was killed while it trained in {self.folder}")
            clock = Clock(self.position, self.recipe.steps, minutes)
            Loop(self, clock, None if steps is None else self.step + steps).train()

    def note_machine(self) -> None:
        """Adds the current machine to the record, unless it is the last one there."""
        gpu = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""
        machine = {
            "device": gpu or f"{platform.machine()} processor", "processor": processor(),
            "threads": torch.get_num_threads(),
            "processes": self.processes, "bfloat16": self.optimizing.bfloat16, "torch": torch.__version__,
        }  # fmt: skip
        known = self.record["machines"]
        if not known or any(known[-1].get(name, value) != value for name, value in machine.items()):
            known.append({**machine, "pictures": 0, "seconds": 0.0})


def processor() -> str:
    """Returns the CPU's name; "" if unknown."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")

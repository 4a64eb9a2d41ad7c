"""A training run in a folder, with one process or several (``torchrun``); it can be stopped and resumed."""

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
"""What in a configuration the attention network's shape depends on."""


class Run:
    """A training run in a folder: ``state/``, ``log.csv``, ``evaluation.csv`` and ``pictures/``.

    Resuming is exact: every random draw is seeded by the run's seed, the step and the part of the batch that goes
    through the network at once. So a batch in two parts is also what two processes with half the batch each make.

    Args:
        recipe: what to do.
        folder: of the run; made when the training begins.
        data: name or path of scenes to train on instead of the recipe's. A run that is resumed remembers its own.
        device: where; the first card, or the processor where there is none, if None.
        batch: pictures per step and process instead of the recipe's. The learning rate grows with its root, and the
            schedules follow the pictures seen.
        workers: processes that make pictures ahead of the step; None: one if they are made on the host and there is a
            core for it, none otherwise.
        how: pictures that are not square become so, instead of the recipe's way; remembered, too.
        log: name of a logger that gets the figures, too; see :mod:`monet.training.loggers`.

    Attributes:
        record: what a state holds besides tensors: ``step``; ``position`` in the recipe, in its steps; ``stage`` that
            the last step was of; ``pictures`` and ``slots`` learned from; ``seconds``; ``skipped`` steps;
            ``batch``; ``halvings`` of the learning rate; ``machines``, each with its part of pictures and seconds;
            ``data``, ``content``, ``background`` and ``split`` as :class:`monet.training.source.Source` has them, and
            ``fit``, how pictures became square.

    Raises:
        ValueError: there is no such data or logger.
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
        """Is called whenever a state has been written."""
        self.lessons = Lessons(recipe, self.optimizing, self.record, self.rank)
        self.journal = Journal(folder, recipe, self.optimizing, self.record, self.rank == 0, log)
        self._asked = how
        self._learn_from(self._source(data), how or recipe.fit)

    @property
    def model(self) -> MONet:
        return self.optimizing.model

    @property
    def average(self) -> MONet:
        """The moving average of the weights: what is evaluated and exported."""
        return self.optimizing.average

    @property
    def data(self) -> str:
        return str(self.record["data"])

    @property
    def fit(self) -> How:
        """How pictures become square."""
        how: How = self.record["fit"]
        return how

    @property
    def step(self) -> int:
        return int(self.record["step"])

    @property
    def seconds(self) -> float:
        """Of training, wherever it was."""
        return float(self.record["seconds"])

    @property
    def position(self) -> float:
        return float(self.record["position"])

    # ------------------------------------------------------------------ state

    def save(self) -> State:
        """Writes the state beside the last one, so that there is always a whole one; returns it."""
        good = self.state()
        states.write(good, self.folder / STATES)
        self.on_save()
        return good

    def state(self) -> State:
        """What the run is now, on the host."""
        weights, memory = (
            {name: value.detach().to("cpu", copy=True) for name, value in tensors.items()}
            for tensors in self.optimizing.tensors()
        )
        return State(weights, memory, {**self.record, "machines": [dict(m) for m in self.record["machines"]]})

    def resume(self, *, change_data: bool = False) -> bool:
        """Goes on from the folder's last whole state; False if there is none.

        Args:
            change_data: it may go on with other data, or squares made otherwise, than it has learned from.

        Raises:
            StateError: no state is whole, or it is of another network or learned from other data.
        """
        state, words = states.read(self.folder / STATES, self.device)
        if state is None:
            if self.rank == 0:
                self.journal.back()  # one that was killed before it saved may have logged
            return False
        if words and self.rank == 0:
            print(f"{words} Going on from the state before it.")
        how, before = self._asked, state.record.get("fit", "crop")
        what = self.source.differs(state.record) or ("" if how in (None, before) else f"fit ({how}, not {before})")
        if what and not change_data:
            raise StateError(
                f"{self.folder} has learned from {state.record['data']}, and the {what} is another now: --change-data "
                "goes on with it, without --data and --fit it goes on as it was, another --folder begins anew."
            )
        batch = self.record["batch"]
        self.take(state)
        self.record["batch"] = batch
        self._learn_from(self.source, how or before)
        if self.rank == 0:
            self.journal.back()  # a killed run wrote further than it saved, and will write that again
        return True

    def _source(self, data: str | None) -> Source:
        """The data that is asked for, or what the folder's run has learned from, or else the recipe's."""
        remembered = states.records(self.folder / STATES)
        if data or not remembered:
            return Source.of(data or self.recipe.data)
        try:
            return Source.of(remembered[-1]["data"])
        except ValueError as error:
            raise StateError(
                f"{self.folder} has learned from {remembered[-1]['data']}, which cannot be read any more ({error}): "
                "give the same pictures with --data where they are now."
            ) from error

    def _learn_from(self, source: Source, how: How) -> None:
        """Lets the run learn from a source.

        Raises:
            ValueError: it has no scenes for one of the recipe's stages.
        """
        source.check(self.recipe)
        self.source = source
        self.record |= {**source.record(), "fit": how}

    def take(self, state: State) -> None:
        """Becomes what a state says.

        Raises:
            StateError: it is of another network.
        """
        try:
            self.optimizing.load(
                {name: value.to(self.device) for name, value in state.weights.items()},
                {name: value.to(self.device) for name, value in state.optimizer.items()},
            )
        except RuntimeError as error:
            raise StateError(
                f"{self.folder} is of another network than the recipe's [model] describes: give the folder's own "
                "recipe, or another --folder, which may start from an exported checkpoint with --weights"
            ) from error
        self.record |= {**state.record, "machines": [dict(m) for m in state.record["machines"]]}

    def start_from(self, trained: MONet, position: int = 0, name: str = "") -> None:
        """Takes over the weights of a checkpoint and goes on at a step of the recipe; the optimiser begins anew.

        The record remembers the checkpoint's ``name`` and the step, for the model card.

        The recipe's attention may be wider than the checkpoint's (:func:`monet.training.widen.widen`). Where the VAE
        begins anew at that step, the checkpoint's may be of any shape.

        Raises:
            ValueError: the recipe has no such step, or its network cannot be made from the checkpoint's.
        """
        if not 0 <= position < self.recipe.steps:
            raise ValueError(f"the recipe has steps 0 to {self.recipe.steps - 1}, and no {position}")
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
        """Lets PyTorch fuse the attention's many small layers, which are half of a step; needs a C++ compiler.

        The first step then takes a minute, or a few seconds where the run's folder holds what was made before. On a
        card the VAE is compiled too, and a whole step is captured as a CUDA graph.
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
        """Runs to the recipe's last step, or for ``steps`` more, and leaves a saved state behind, however it ends.

        Args:
            steps: at most so many.
            minutes: of wall time. Schedules and stages then follow the share of the time that is used: the recipe is
                run from where the run stands to its end, in more or fewer steps than it says.

        Raises:
            StateError: another process trains in the folder, or the run diverges whatever the learning rate.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with states.locked(self.folder) if self.rank == 0 else nullcontext() as owner:
            if owner:
                print(f"process {owner} was killed while it trained in {self.folder}")
            clock = Clock(self.position, self.recipe.steps, minutes)
            Loop(self, clock, None if steps is None else self.step + steps).train()

    def note_machine(self) -> None:
        """Notes in the record on what the run goes on from here."""
        card = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""
        machine = {
            "device": card or f"{platform.machine()} processor", "processor": processor(),
            "threads": torch.get_num_threads(),
            "processes": self.processes, "bfloat16": self.optimizing.bfloat16, "torch": torch.__version__,
        }  # fmt: skip
        known = self.record["machines"]
        if not known or any(known[-1].get(name, value) != value for name, value in machine.items()):
            known.append({**machine, "pictures": 0, "seconds": 0.0})


def processor() -> str:
    """The processor's name; "" where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")

"""A training run in a folder: one process or several under ``torchrun``, stopped and resumed at any moment."""

from __future__ import annotations

import csv
import os
import platform
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import torch.distributed
from torch import nn
from tqdm import tqdm

from monet import evaluation
from monet.batches import TRAIN, VALIDATE, labelled, numbers, scenes
from monet.data import DATASETS, Scene
from monet.model import MONet
from monet.training import state as states
from monet.training.feed import Pictures, Request
from monet.training.pool import Pool, Slots
from monet.training.recipe import Recipe
from monet.training.state import State, StateError
from monet.training.step import Figures, Scenes, Step, rate_for
from monet.training.widen import widen
from monet.vae import Lattice

STATES, LOG, EVALUATION = "state", "log.csv", "evaluation.csv"
EVALUATION_COUNT = 96
IN_A_ROW = 5
"""A run has diverged when so many steps in a row were not finite. One alone is skipped and counted."""
READ_EVERY = 50
"""Steps between two readings of the figures, each of which waits for the device."""
SAVE_SECONDS = 60
"""A state is never older than this, whatever the recipe says."""
HALVINGS = 3
"""Times that a run which diverges goes on from its last good state with half the learning rate."""
ATTENTION = ("attention_channels", "attention_hidden", "resolution")
"""What in a configuration the attention network's shape depends on."""
EVALUATIONS = 10
"""Evaluations of a run that has a budget."""


class Clock:
    """Tells where in its recipe a run is: as far as its steps, or, with ``minutes``, as its share of them that is used.

    Args:
        position: of the run in the recipe.
        end: the recipe's number of steps.
        minutes: of wall time from now on, or None.
    """

    def __init__(self, position: float, end: int, minutes: float | None):
        self.first, self.end, self.seconds = position, end, None if minutes is None else 60 * minutes
        self._start = time.monotonic()
        self._reserve = self._evaluating = 0.0  # for the last evaluation; spent on evaluations so far

    def position(self, counted: float) -> float:
        """The position of the step that, counted by steps, is at ``counted``."""
        return counted if self.seconds is None else self.first + self._share() * (self.end - self.first)

    def over(self, position: float) -> bool:
        return position >= self.end if self.seconds is None else self._share() >= 1

    def affords_evaluation(self) -> bool:
        """Whether evaluations have taken less than a tenth of the time so far; always, where there is no budget."""
        return self.seconds is None or self._evaluating < (time.monotonic() - self._start) / 10

    def evaluated(self, seconds: float) -> None:
        """Notes how long an evaluation took."""
        self._evaluating += seconds
        self._reserve = 1.5 * seconds

    def _share(self) -> float:
        assert self.seconds is not None
        budget = max(self.seconds - self._reserve, 0.8 * self.seconds)
        return min((time.monotonic() - self._start) / budget, 1.0)


class Diverged(Exception):
    """None of the last steps had a finite loss and gradient."""


class Run:
    """A training run in a folder: ``state/``, ``log.csv``, ``evaluation.csv`` and ``pictures/``.

    Resuming is exact: every random draw is seeded by the run's seed, the step and the part of the batch that goes
    through the network at once. So a batch in two parts is also what two processes with half the batch each make.

    Args:
        recipe: what to do.
        folder: of the run; made when the training begins.
        data: name or path of scenes to train on instead of the recipe's.
        device: where; the first card, or the processor where there is none, if None.
        batch: pictures per step and process instead of the recipe's. The learning rate grows with its root, and the
            schedules follow the pictures seen.
        workers: processes that make pictures ahead of the step; None: one if they are made on the host and there is a
            core for it, none otherwise.

    Attributes:
        record: what a state holds besides tensors: ``step``; ``position`` in the recipe, in its steps; ``stage`` that
            the last step was of; ``pictures`` and ``slots`` learned from; ``seconds``; ``skipped`` steps; ``data``;
            ``batch``; ``halvings`` of the learning rate; ``machines``, each with its part of pictures and seconds.

    Raises:
        ValueError: there is no such data.
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
    ):
        self.recipe, self.folder, self.workers = recipe, folder, workers
        self.rank = int(os.environ.get("RANK", 0))
        self.processes = int(os.environ.get("WORLD_SIZE", 1))
        local = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
        self.device = device or torch.device(local if torch.cuda.is_available() else "cpu")
        self.record: dict[str, Any] = {
            "step": 0, "position": 0.0, "stage": -1, "pictures": 0, "slots": 0, "seconds": 0.0, "skipped": 0,
            "halvings": 0,
            "data": data or recipe.data, "batch": batch or recipe.batch_size, "machines": [],
        }  # fmt: skip
        torch.manual_seed(recipe.seed)
        model = MONet(recipe.model)
        if recipe.he_initialisation:
            initialise(model)
        self.optimizing = Step(model.to(self.device), recipe, self.processes)
        self.on_save: Callable[[], None] = lambda: None
        """Is called whenever a state has been written."""
        self._good: list[State] = []
        self._held_out: list[Scene] = []
        self._pool: tuple[tuple[object, ...], Pool] | None = None
        self._unlogged = Figures()
        self._logged_at = 0.0
        self._stop = False
        self._saved_at = time.monotonic()
        self._counted = self.data in DATASETS or labelled(self.data)
        if self.data not in DATASETS:
            for stage in recipe.stages:  # says itself what is wrong, before a folder is made
                numbers(self.data, TRAIN, range(1), stage.objects if self._counted else None)

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

    def save(self) -> None:
        """Writes the state beside the last one: there is always a whole one."""
        good = self.state()
        states.write(good, self.folder / STATES)
        self._good = [*self._good, good][-states.KEPT :]
        self._saved_at = time.monotonic()
        self.on_save()

    def state(self) -> State:
        """What the run is now, on the host."""
        weights, memory = (
            {name: value.detach().to("cpu", copy=True) for name, value in tensors.items()}
            for tensors in self.optimizing.tensors()
        )
        return State(weights, memory, {**self.record, "machines": [dict(m) for m in self.record["machines"]]})

    def resume(self, data: str | None = None) -> bool:
        """Goes on from the folder's last whole state; False if there is none.

        Args:
            data: what the caller wants it to learn from; None: what it has learned from.

        Raises:
            StateError: no state is whole, or it is of another network or learned from other data.
        """
        state, words = states.read(self.folder / STATES, self.device)
        if state is None:
            return False
        if words and self.rank == 0:
            print(f"{words} Going on from the state before it.")
        if data is not None and data != state.record["data"]:
            raise StateError(
                f"{self.folder} has learned from {state.record['data']}: leave --data out, or give another --folder, "
                "which may start from an exported checkpoint with --weights."
            )
        batch = self.record["batch"]
        self.take(state)
        self.record["batch"] = batch
        if self.rank == 0:
            for name in (LOG, EVALUATION):  # a killed run wrote further than it saved, and will write that again
                forget_after(self.folder / name, self.step)
        return True

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
        if self.rank > 0:
            return self._train(steps, minutes)
        with states.locked(self.folder) as owner:
            if owner:
                print(f"process {owner} was killed while it trained in {self.folder}")
            self._train(steps, minutes)

    def _train(self, steps: int | None, minutes: float | None) -> None:
        clock = Clock(self.position, self.recipe.steps, minutes)
        last = None if steps is None else self.step + steps
        self._good, fallen = [self.state()], None
        self._logged_at = self.seconds
        self._machine()
        self.model.train()
        handlers = {s: signal.signal(s, self._request_stop) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            while not self._ended(clock, last):
                try:
                    self._until(clock, last)
                    self._check()
                except Diverged:
                    fallen = self._fall_back(fallen)
        except BaseException as error:
            if not isinstance(error, StateError):
                self._save_what_is_good()  # every process that is left: the first may be the one that is gone
            raise
        else:
            if clock.over(self.position):
                self.record["position"] = float(clock.end)  # to which the last step of a budget may lack an instant
            self._conclude()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _ended(self, clock: Clock, last: int | None) -> bool:
        return self._stop or clock.over(self.position) or (last is not None and self.step >= last)

    def _until(self, clock: Clock, last: int | None) -> None:
        """Trains until the run has ended.

        Raises:
            Diverged: the run has to go on from an earlier state.
        """
        progress = tqdm(
            total=last or (None if clock.seconds else self.recipe.steps), initial=self.step, disable=self.rank > 0,
            unit="step", dynamic_ncols=True, mininterval=2,
        )  # fmt: skip
        pictures = Pictures(self.data, self.recipe.model, self.device)
        start = time.monotonic()
        try:
            for request, images in pictures.ahead(self._plan(clock), self.workers):
                self._learn(request, images, pictures)
                self._count(request, clock, time.monotonic() - start)
                progress.update()
                self._report(progress, request.position, clock)
                if self._ended(clock, last):
                    break
                start = time.monotonic()
        finally:
            progress.close()

    def _plan(self, clock: Clock) -> Iterator[Request]:
        """The requests of the steps from here on, without end; a worker asks for some of them ahead of time."""
        recipe, step, position = self.recipe, self.step, self.position
        parts = self._parts()
        while True:
            position = clock.position(position)
            stage = recipe.stage(position)
            if not self._counted:
                stage = replace(stage, objects=None)
            objects, slots = stage.draw((recipe.seed, step), recipe.model.num_slots)
            first = (step * self.processes + self.rank) * self.record["batch"]
            seeds = tuple((recipe.seed, step, self.rank * parts + number) for number in range(parts))
            each = 0 if stage.learn == "slots" else self.record["batch"] // parts  # a pool has pictures of its own
            yield Request(step, position, objects, slots, seeds, each, first)
            step, position = step + 1, position + self._pace()

    def _parts(self) -> int:
        """Into how many a batch is split."""
        batch = int(self.record["batch"])
        return -(-batch // self.recipe.at_once) if self.recipe.at_once and not batch % self.recipe.at_once else 1

    def _pace(self) -> float:
        """Steps of the recipe that one step of this run makes up for."""
        return float(self.record["batch"]) / self.recipe.batch_size

    def _learn(self, request: Request, images: torch.Tensor, pictures: Pictures) -> None:
        number = self.recipe.stage_number(request.position)
        stage = self.recipe.stages[number]
        if stage.new_vae and number != self.record["stage"]:
            self._renew_vae()
        self.record["stage"] = number
        if stage.learn == "everything" and request.step % stage.vae_every:
            stage = replace(stage, learn="attention")
        if stage.learn == "attention":
            stage = replace(stage, window=None)
        seeds = [hash(part) for part in request.parts]
        inputs: list[Scenes | Slots] = []
        if stage.learn == "slots":
            pool = self._pool_of(request, pictures)
            torch.manual_seed(hash((*request.parts[0], 1)))
            seeds = seeds[:1]
            inputs.append(pool.draw(self.recipe.slot_batch, stage.window or self._side, self.recipe.symmetric))
        else:
            for part, seed in zip(images.to(self.device, non_blocking=True).split(request.each), seeds, strict=True):
                torch.manual_seed(hash((seed, 1)))
                lattice = Lattice.draw(len(part), self._side, stage.stride, stage.window, self.device)
                inputs.append(Scenes(part.float() / 255, lattice))
        self.optimizing.rate = rate_for(self.record["batch"], self.recipe) / 2 ** self.record["halvings"]
        self.optimizing(inputs, seeds, request.slots, stage, request.position, request.step == 0)

    @property
    def _side(self) -> int:
        return self.recipe.model.resolution

    def _renew_vae(self) -> None:
        torch.manual_seed(hash((self.recipe.seed, self.step)))
        fresh = MONet(self.recipe.model)
        if self.recipe.he_initialisation:
            initialise(fresh)
        for model in (self.model, self.average):
            model.vae.load_state_dict(fresh.vae.state_dict())
        self.optimizing.forget(self.model.vae)

    def _pool_of(self, request: Request, pictures: Pictures) -> Pool:
        """The slots that a step may draw from; the same ones when a run that was stopped comes here again."""
        recipe = self.recipe
        number = request.step * recipe.slot_batch // (recipe.slot_pool * recipe.slot_reuse)
        key = (number, request.objects, request.slots)
        if self._pool is None or self._pool[0] != key:
            self._pool = None  # two at once need not fit
            first = (number * self.processes + self.rank) * recipe.slot_pool
            asked = request._replace(
                parts=((recipe.seed, number, self.rank, 2),), each=recipe.slot_pool, first=first,
                objects=recipe.stage(request.position).objects if self._counted else None,
            )  # fmt: skip
            images = pictures.of(asked).to(self.device)
            slots = recipe.stage(request.position).slots or recipe.model.num_slots
            handed_out = Pool.hand_out(self.model, images, slots, self.optimizing.bfloat16)
            self._pool = (key, handed_out)
        return self._pool[1]

    def _count(self, request: Request, clock: Clock, seconds: float) -> None:
        stage, here = self.recipe.stage(request.position), self.record["machines"][-1]
        if stage.learn == "slots":
            self.record["slots"] += self.recipe.slot_batch * self.processes
        else:
            for table in (self.record, here):
                table["pictures"] += self.record["batch"] * self.processes
        self.record["step"] += 1
        self.record["position"] = clock.position(request.position + self._pace())
        for table in (self.record, here):
            table["seconds"] += seconds

    def _machine(self) -> None:
        """Notes on what the run goes on from here."""
        card = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""
        machine = {
            "device": card or f"{platform.machine()} processor", "threads": torch.get_num_threads(),
            "processes": self.processes, "bfloat16": self.optimizing.bfloat16, "torch": torch.__version__,
        }  # fmt: skip
        known = self.record["machines"]
        if not known or any(known[-1].get(name) != value for name, value in machine.items()):
            known.append({**machine, "pictures": 0, "seconds": 0.0})

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop = True

    # ------------------------------------------------------------- what goes wrong

    def _fall_back(self, fallen: int | None) -> int:
        """Goes back to the last state that was good, or to the one before where that has been tried in vain.

        Args:
            fallen: the step gone back to the last time, if there was one.

        Returns:
            the step gone back to.

        Raises:
            StateError: it has been tried often enough.
        """
        step, halvings = self.step, int(self.record["halvings"])
        if fallen is not None and self._good[-1].record["step"] == fallen and len(self._good) > 1:
            self._good.pop()
        good = self._good[-1]
        if halvings >= HALVINGS:
            raise StateError(
                f"the loss or its gradient is not finite at step {step}, with {2**halvings} times less learning rate "
                f"too: lower learning_rate or clip in the recipe. The state of step {good.record['step']} is kept."
            )
        self.take(good)
        self._machine()
        self.record["halvings"] = halvings + 1
        self.optimizing.read()
        self._unlogged = Figures()
        if self.rank == 0:
            print(
                f"\nthe loss or its gradient is not finite at step {step}: going on from step {self.step} with half "
                "the learning rate"
            )
            for name in (LOG, EVALUATION):
                forget_after(self.folder / name, self.step)
        return self.step

    def _check(self) -> None:
        """Reads how the last steps went.

        Raises:
            Diverged: the run has to go back.
        """
        figures = self.optimizing.read()
        self.record["skipped"] += figures.skipped
        self._unlogged += figures
        if figures.streak >= IN_A_ROW:
            raise Diverged

    def _save_what_is_good(self) -> None:
        """Saves, if there is something new and it may be good: a step that was skipped may follow one that did harm."""
        good = self._good[-1].record
        if (self.step, self.position) > (good["step"], good["position"]) and not self.optimizing.streak.item():
            self.save()

    # ----------------------------------------------------------------- report

    def _report(self, progress: tqdm[Any], before: float, clock: Clock) -> None:
        """Reads, logs, saves and evaluates where a step that began at position ``before`` calls for it."""
        log, save = self.step % READ_EVERY == 0, self.step % self.recipe.save_every == 0
        if log or save:
            self._check()
        if log:
            self._log(progress)
        if self.rank > 0:
            return
        if save or time.monotonic() - self._saved_at > SAVE_SECONDS:
            self._save_what_is_good()
        whole = clock.end - clock.first
        every = self.recipe.evaluate_every if clock.seconds is None else whole / EVALUATIONS
        if self.position // every > before // every and self.position < clock.end and clock.affords_evaluation():
            start = time.monotonic()
            self.evaluate()
            clock.evaluated(time.monotonic() - start)

    def _log(self, progress: tqdm[Any]) -> None:
        """Adds a row to the log: means over the steps since the last."""
        recipe, figures = self.recipe, self._unlogged
        self._unlogged = Figures()
        if self.rank > 0:
            return
        reconstruction, latent_kl, mask_kl, gradient_norm = figures.means
        row = {
            "step": self.step,
            "reconstruction": reconstruction,
            "latent_kl": latent_kl,
            "mask_kl": mask_kl,
            "gradient_norm": gradient_norm,
            "learning_rate": recipe.value("learning_rate", self.position) * self.optimizing.rate,
            "scale_factor": recipe.value("scale_factor", self.position),
            "skipped": figures.skipped,
        }
        append(self.folder / LOG, row)
        seconds, self._logged_at = self.seconds - self._logged_at, self.seconds
        slots = recipe.stage(self.position).learn == "slots"
        each = recipe.slot_batch if slots else self.record["batch"]
        progress.set_postfix_str(
            f"nll {reconstruction:.0f}, latent KL {latent_kl:.0f}, mask KL {mask_kl:.0f}, "
            f"{figures.steps * each * self.processes / max(seconds, 1e-9):.0f} {'slots' if slots else 'pictures'}/s",
            refresh=False,
        )

    def _conclude(self) -> None:
        """Leaves a state, and scores of it where the recipe is done."""
        if self.rank > 0:
            return
        self._save_what_is_good()
        done = self.position >= self.recipe.steps
        if done and [row["step"] for row in rows(self.folder / EVALUATION)][-1:] != [str(self.step)]:
            self.evaluate()

    def evaluate(self) -> None:
        """Scores the averaged weights on held-out scenes; a row in ``evaluation.csv`` and a picture of slots."""
        model = self.average
        self._held_out = self._held_out or scenes(self.data, VALIDATE, range(EVALUATION_COUNT))
        result = evaluation.evaluate(model, self._held_out, self.recipe.likelihood)
        append(self.folder / EVALUATION, {"step": self.step, **result.means})
        pictures = self.folder / "pictures"
        pictures.mkdir(exist_ok=True)
        sheet = evaluation.contact_sheet(model, self._held_out[: evaluation.SHEET_SCENES])
        sheet.save(pictures / f"{self.step:07d}.png")


def initialise(model: MONet) -> None:
    """He weights for the VAE and a posterior that starts narrow.

    With PyTorch's default the latent's signal shrinks below the unit noise on its way through nine layers, and
    components stay grey for thousands of steps.
    """
    for module in model.vae.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    posterior, output = model.vae.encoder.posterior, model.vae.decoder.output
    for module in model.vae.encoder.residuals.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data.mul_(0.5)  # adds to what it reads
    nn.init.xavier_normal_(posterior.weight)
    nn.init.xavier_normal_(output.weight)
    nn.init.constant_(posterior.bias[model.config.latent_dim :], -2.0)  # log sigma: 0.14


def forget_after(path: Path, step: int) -> None:
    """Drops the rows of a CSV file, first column ``step``, that are later than a step or were not finished."""
    if path.exists():
        header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
        kept = [row for row in rows if row.endswith("\n") and float(row.split(",")[0]) <= step]
        temporary = path.with_name(f"{path.name}.part")
        temporary.write_text("".join([header, *kept]), encoding="utf-8")
        temporary.replace(path)


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by their columns' names; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append(path: Path, row: dict[str, float]) -> None:
    """Adds a row to a CSV file that starts with its column names."""
    new = not path.exists() or path.stat().st_size == 0  # killed between opening the file and writing to it
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow({name: f"{value:.6g}" for name, value in row.items()})

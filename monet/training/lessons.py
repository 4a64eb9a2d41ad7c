"""Curriculum: plans the request of each training step and runs the step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from monet.model import MONet
from monet.training.clock import Clock
from monet.training.feed import Pictures, Request
from monet.training.initialise import initialise
from monet.training.pool import Pool, Slots
from monet.training.recipe import Recipe
from monet.training.recycle import SLOTS, recycle
from monet.training.step import Scenes, Step, rate_for
from monet.vae import Lattice


class Lessons:
    """Runs a recipe's steps in one process of a run.

    Every random draw is seeded by the run's seed, the step and the chunk of the batch.

    Args:
        recipe: recipe of the run.
        step: the network and the optimiser.
        record: record of the run (:class:`monet.training.run.Run`); this class updates its stage.
        rank: number of this process among the run's.
    """

    def __init__(self, recipe: Recipe, step: Step, record: dict[str, Any], rank: int):
        self.recipe, self.optimizing, self.record, self.rank = recipe, step, record, rank
        self._pool: tuple[tuple[object, ...], Pool] | None = None

    @property
    def pace(self) -> float:
        """Steps of the recipe that one step of this run corresponds to."""
        return float(self.record["batch"]) / self.recipe.batch_size

    def plan(self, clock: Clock, counted: bool) -> Iterator[Request]:
        """Yields the requests of all further steps; never ends. Workers take some of them ahead of time.

        Args:
            clock: gives the position of a step in the recipe.
            counted: whether the numbers of objects of the data's scenes are known.
        """
        recipe, step, position = self.recipe, int(self.record["step"]), float(self.record["position"])
        parts = self._parts()
        while True:
            position = clock.position(position)
            stage = recipe.stage(position)
            if not counted:
                stage = replace(stage, objects=None)
            objects, slots = stage.draw((recipe.seed, step), recipe.model.num_slots)
            first = (step * self.optimizing.processes + self.rank) * self.record["batch"]
            seeds = tuple((recipe.seed, step, self.rank * parts + number) for number in range(parts))
            each = 0 if stage.learn == "slots" else self.record["batch"] // parts  # a pool loads its own pictures
            yield Request(step, position, objects, slots, seeds, each, first)
            step, position = step + 1, position + self.pace

    def learn(self, request: Request, images: torch.Tensor, pictures: Pictures) -> None:
        """Runs a step.

        Args:
            request: request of the step.
            images: its pictures, uint8 B,3,H,W; empty if the stage trains on single slots.
            pictures: source of further pictures for the pool of single slots.
        """
        number = self.recipe.stage_number(request.position)
        stage = self.recipe.stages[number]
        if number != self.record["stage"]:
            if stage.new_vae:
                self._renew_vae()
            if stage.recycle:
                self._recycle(request, pictures)
        self.record["stage"] = number
        if stage.learn == "everything" and request.step % stage.vae_every:
            stage = replace(stage, learn="attention")
        if stage.learn == "attention":
            stage = replace(stage, window=None)
        seeds = [hash(part) for part in request.parts]
        inputs: list[Scenes | Slots] = []
        side, device = self.recipe.model.resolution, self.optimizing.device
        if stage.learn == "slots":
            pool = self._pool_of(request, pictures)
            torch.manual_seed(hash((*request.parts[0], 1)))
            seeds = seeds[:1]
            inputs.append(pool.draw(self.recipe.slot_batch, stage.window or side, self.recipe.symmetric))
        else:
            for part, seed in zip(images.to(device, non_blocking=True).split(request.each), seeds, strict=True):
                torch.manual_seed(hash((seed, 1)))
                lattice = Lattice.draw(len(part), side, stage.stride, stage.window, device)
                inputs.append(Scenes(part.float() / 255, lattice))
        self.optimizing.rate = rate_for(self.record["batch"], self.recipe) / 2 ** self.record["halvings"]
        self.optimizing(inputs, seeds, request.slots, stage, request.position, request.step == 0)

    def _parts(self) -> int:
        """Returns the number of chunks of a batch."""
        batch = int(self.record["batch"])
        return -(-batch // self.recipe.at_once) if self.recipe.at_once and not batch % self.recipe.at_once else 1

    def _renew_vae(self) -> None:
        torch.manual_seed(hash((self.recipe.seed, self.record["step"])))
        fresh = MONet(self.recipe.model)
        if self.recipe.he_initialisation:
            initialise(fresh)
        for model in (self.optimizing.model, self.optimizing.average):
            model.vae.load_state_dict(fresh.vae.state_dict())
        self.optimizing.forget(self.optimizing.model.vae)

    def _recycle(self, request: Request, pictures: Pictures) -> None:
        step, recipe = self.optimizing, self.recipe
        # Without the process's rank: all of them must draw the same weights from the same pictures.
        pool = self._fill(request, pictures, (recipe.seed, request.step, 3), int(self.record["pictures"]))
        torch.manual_seed(hash((recipe.seed, request.step, 3)))
        slots = pool.log_masks.shape[1]
        chosen = torch.randperm(len(pool.images) * slots)[:SLOTS].to(step.device)
        images, log_masks = pool.images[chosen // slots].float() / 255, pool.log_masks.flatten(0, 1)[chosen].float()
        recycle(step.model, images, log_masks)
        step.average.vae.load_state_dict(step.model.vae.state_dict())
        step.forget(step.model.vae)

    def _pool_of(self, request: Request, pictures: Pictures) -> Pool:
        """Returns the pool of slots that a step draws from; a resumed run gets the same pool."""
        recipe = self.recipe
        number = request.step * recipe.slot_batch // (recipe.slot_pool * recipe.slot_reuse)
        key = (number, request.objects, request.slots)
        if self._pool is None or self._pool[0] != key:
            self._pool = None  # two pools may not fit into memory
            first = (number * self.optimizing.processes + self.rank) * recipe.slot_pool
            self._pool = (key, self._fill(request, pictures, (recipe.seed, number, self.rank, 2), first))
        return self._pool[1]

    def _fill(self, request: Request, pictures: Pictures, seed: tuple[int, ...], first: int) -> Pool:
        recipe, stage = self.recipe, self.recipe.stage(request.position)
        objects = stage.objects if request.objects else None
        asked = request._replace(parts=(seed,), each=recipe.slot_pool, first=first, objects=objects)
        images = pictures.of(asked).to(self.optimizing.device)
        slots = stage.slots or recipe.model.num_slots
        return Pool.fill(self.optimizing.model, images, slots, self.optimizing.bfloat16)

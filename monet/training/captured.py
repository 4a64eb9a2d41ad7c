"""A training step captured as a CUDA graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from monet.training.pool import Slots
from monet.training.recipe import Stage
from monet.vae import Lattice

if TYPE_CHECKING:
    from monet.training.step import Scenes, Step


class Captured:
    """A step as one CUDA graph: replayed, it costs the host a single launch."""

    def __init__(self, step: Step, inputs: Scenes | Slots, slots: int, stage: Stage):
        self.inputs = _clone(inputs)
        held = [*step.model.parameters(), *step.average.parameters(), step.sums, step.streak]
        before = [tensor.detach().clone() for tensor in held]
        memory = {key: dict(value) for key, value in step.optimizer.state.items()}
        for state in memory.values():
            for kind in state:
                state[kind] = state[kind].clone()

        def work() -> None:
            step.optimizer.zero_grad(set_to_none=True)
            step.finish(*step.backward(self.inputs, slots, stage, 1))

        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # compiles, and creates the optimiser's moments
            for _ in range(3):
                work()
        torch.cuda.current_stream().wait_stream(stream)
        with torch.no_grad():
            torch._foreach_copy_(held, before)
            for parameter, state in step.optimizer.state.items():
                for kind, value in state.items():
                    value.copy_(memory[parameter][kind]) if parameter in memory else value.zero_()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            work()

    def __call__(self, inputs: Scenes | Slots) -> None:
        torch._foreach_copy_(list(tensors(self.inputs)), list(tensors(inputs)))
        self.graph.replay()


def tensors(inputs: Scenes | Slots) -> Iterator[Tensor]:
    lattice = inputs.windows if isinstance(inputs, Slots) else inputs.lattice
    return (value for value in (*inputs, lattice.row, lattice.column) if isinstance(value, Tensor))


def _clone(inputs: Scenes | Slots) -> Scenes | Slots:
    def copied(value: Any) -> Any:
        if isinstance(value, Lattice):
            return Lattice(*map(copied, value))
        return value.clone() if isinstance(value, Tensor) else value

    return type(inputs)(*map(copied, inputs))

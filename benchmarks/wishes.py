"""What is asked of a plain layer without cost: lengths and packed rows in deep layers, all states, resets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from benchmarks.peers import Peer
from benchmarks.problems import Problem, Ragged, Step
from benchmarks.shapes import Shape
from keepgate.nn import Recurrent

__all__ = ["Deep", "DeepPacked", "Resets", "Stated", "Whole"]


class Deep(Ragged):
    """Two layers over rows of lengths from 1 to T, shuffled."""

    def make(self, engine: str) -> Recurrent:
        """Return two layers of the cell."""
        return Recurrent(self.cell, self.shape.inputs, self.shape.hidden, num_layers=2, backend=engine)


class DeepPacked(Deep):
    """The same with a PackedSequence in and out."""

    def __init__(self, cell: str, shape: Shape, mode: str) -> None:
        super().__init__(cell, shape, mode)
        self.packed = pack_padded_sequence(self.x.detach(), self.lengths, enforce_sorted=False)
        self.packed.data.requires_grad_()

    def run(self, layer: nn.Module, **options: Any) -> Step:
        """Return one run of a layer; without lengths, padded."""
        if "lengths" not in options:
            return super().run(layer, **options)
        wanted = (self.packed.data, *layer.parameters())
        cotangent = pack_padded_sequence(self.cotangent, self.lengths, enforce_sorted=False).data

        def step() -> Sequence[Tensor]:
            output = layer(self.packed)[0].data
            return output, *torch.autograd.grad(output, wanted, cotangent)

        return step


class Stated(Problem):
    """Every state at every step is returned too."""

    def __init__(self, cell: str, shape: Shape, mode: str) -> None:
        super().__init__(cell, shape, mode)
        self.options["return_states"] = True


class Resets(Problem):
    """One step in a hundred starts anew."""

    def __init__(self, cell: str, shape: Shape, mode: str) -> None:
        super().__init__(cell, shape, mode)
        self.options["reset"] = torch.rand(shape.steps, shape.batch) < 0.01


class Whole(Peer):
    """Ourselves without it: all steps of all rows, the output alone."""

    name = "keepgate, without"

    def step(self, problem: Problem) -> Step:
        """Return one run of it."""
        return problem.run(problem.layer)

    def check(self, problem: Problem, step: Step) -> Step:
        """Return the reference engine's: without it, values are others."""
        return problem.reference()

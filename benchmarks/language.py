"""A language model's training step: embedding, dropout by one mask for a window, layer, softmax, all gradients."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from benchmarks.peers import TorchModule
from benchmarks.problems import Problem, Step
from benchmarks.shapes import Shape
from keepgate.nn import Recurrent

__all__ = ["Language", "TorchLanguage"]

UNITS = 65  # characters of tiny Shakespeare


class Network(nn.Module):
    """What `keepgate.tasks.write.estimator` trains, around any recurrent module."""

    def __init__(self, recurrent: Recurrent) -> None:
        super().__init__()
        self.embedding = nn.Embedding(UNITS, recurrent.input_size)
        self.recurrent = recurrent
        self.output = nn.Linear(recurrent.output_size, UNITS)

    def loss(self, units: Tensor, following: Tensor) -> Tensor:
        """Return the mean cross entropy of the units [T, B] that follow."""
        outputs, _ = self.recurrent(self.embedding(units))
        mask = nn.functional.dropout(torch.ones_like(outputs[:1]), 0.25, self.training)
        scores = self.output(outputs * mask)
        return nn.functional.cross_entropy(scores.flatten(0, 1), following.flatten())


class Language(Problem):
    """The recipe of `examples/tiny_shakespeare.py` without weight drop, which torch's module lacks.

    The sizes are (T, B, E, H): steps of a window, streams, embedding, hidden units.
    """

    def __init__(self, cell: str, shape: Shape, mode: str) -> None:
        torch.manual_seed(0)
        self.cell, self.shape, self.mode = cell, shape, mode
        self.layer = Recurrent(cell, shape.inputs, shape.hidden, backend="native")
        self.network = Network(self.layer)
        self.window = torch.randint(0, UNITS, (2, shape.steps, shape.batch)).unbind()

    def ours(self) -> Step:
        """Return one run of keepgate."""
        return self.of(self.network)

    def of(self, network: Network) -> Step:
        """Return one run of a network, forward and backward."""

        def step() -> Sequence[Tensor]:
            loss = network.loss(*self.window)
            return loss, *torch.autograd.grad(loss, list(network.parameters()))

        return step


class TorchLanguage(TorchModule):
    """The same network around the module of torch.nn with the same weights."""

    def step(self, problem: Language) -> Step:
        """Return one run of it."""
        network = copy.deepcopy(problem.network)
        network.recurrent = self.module(problem)
        return problem.of(network)

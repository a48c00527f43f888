"""A language model's training step: embedding, dropout by one mask for a window, layer, softmax, all gradients."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers import TorchModule
from benchmarks.problems import Problem, Step
from benchmarks.shapes import Shape
from keepgate.nn import Recurrent

__all__ = ["Language", "TorchLanguage"]

UNITS = 65  # characters of tiny Shakespeare


class Language(Problem):
    """The recipe of `examples/tiny_shakespeare.py` without weight drop, which torch's module lacks.

    The sizes are (T, B, E, H): steps of a window, streams, embedding, hidden units.
    """

    def __init__(self, cell: str, shape: Shape, mode: str) -> None:
        from keepgate.tasks.write_network import LanguageNetwork

        torch.manual_seed(0)
        self.cell, self.shape, self.mode = cell, shape, mode
        self.layer = Recurrent(cell, shape.inputs, shape.hidden, backend="native")
        self.network = LanguageNetwork(self.layer, np.ones(UNITS), (0.0, 0.25), tied=False, adaptive=False)
        self.window = torch.randint(0, UNITS, (2, shape.steps, shape.batch)).unbind()

    def ours(self) -> Step:
        """Return one run of keepgate."""
        return self.of(self.network)

    def of(self, network: Any) -> Step:
        """Return one run of a network, forward and backward."""

        def step() -> Sequence[Tensor]:
            loss, _ = network.loss(network, self.window, None)
            return loss, *torch.autograd.grad(loss, list(network.parameters()))

        return step


class TorchLanguage(TorchModule):
    """The same network around the module of torch.nn with the same weights."""

    def step(self, problem: Language) -> Step:
        """Return one run of it."""
        network = copy.deepcopy(problem.network)
        network.recurrent = self.module(problem)
        return problem.of(network)

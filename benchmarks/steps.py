"""Whole training steps as people write them: LSTM, linear layer, cross-entropy, backward, clipping, AdamW."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

from benchmarks.problems import Problem, Step
from benchmarks.shapes import Shape
from keepgate.nn import LSTM

__all__ = ["MixedTrainingStep", "TrainingStep"]

CLASSES = 10


class TrainingStep(Problem):
    """A class for every step of every row, from random input; each run updates the weights.

    Both sides agree on the loss and the clipped gradients of the first run. The weights after it are no measure: the
    first update of AdamW is the learning rate times the sign of the gradient, whatever its size.
    """

    def __init__(self, cell: str, shape: Shape, mode: str) -> None:
        torch.manual_seed(0)
        self.cell, self.shape, self.mode = cell, shape, mode
        self.layer = LSTM(shape.inputs, shape.hidden, cell=cell)
        self.linear = nn.Linear(shape.hidden, CLASSES)
        self.x = torch.randn(shape.steps, shape.batch, shape.inputs)
        self.options = {}
        self.labels = torch.randint(0, CLASSES, (shape.steps, shape.batch))

    def precision(self) -> AbstractContextManager[Any]:
        """Return what the loss is computed in."""
        return nullcontext()

    def run(self, layer: nn.Module, **options: Any) -> Step:
        """Return one step with a layer that has torch's interface, and a linear layer of its own."""
        linear = copy.deepcopy(self.linear)
        parameters = [*layer.parameters(), *linear.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=1e-3)

        def step() -> Sequence[Tensor | None]:
            optimizer.zero_grad()
            with self.precision():
                output, _ = layer(self.x, **options)
                loss = cross_entropy(linear(output).flatten(0, 1), self.labels.flatten())
            loss.backward()
            clip_grad_norm_(parameters, max_norm=1.0)
            optimizer.step()
            return loss, *(parameter.grad for parameter in parameters)

        return step


class MixedTrainingStep(TrainingStep):
    """The same under `torch.autocast`, which multiplies bfloat16 numbers."""

    def precision(self) -> AbstractContextManager[Any]:
        """Return autocast."""
        return torch.autocast("cpu", dtype=torch.bfloat16)

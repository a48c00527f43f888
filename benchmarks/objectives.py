"""Objectives: what is computed, and torch's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import ctc_loss as torch_ctc_loss

from benchmarks.peers import Peer
from benchmarks.problems import Problem, Step
from benchmarks.shapes import Shape
from keepgate.objectives import ctc_loss, ctc_loss_from_logits

__all__ = ["Ctc", "TorchCtc"]


class Ctc(Problem):
    """CTC losses of random logits and targets, and their gradient for the logits.

    The sizes are (T, B, C, S): steps, rows, symbols with the blank, symbols of a target. The name is that of our loss:
    of logits, or of log-probabilities behind torch's log-softmax.
    """

    def __init__(self, cell: str, shape: Shape, mode: str) -> None:
        torch.manual_seed(0)
        self.cell, self.shape, self.mode = cell, shape, mode
        self.logits = torch.randn(shape.steps, shape.batch, shape.inputs, requires_grad=True)
        length = min(shape.hidden, shape.steps // 2)
        self.targets = torch.randint(1, shape.inputs, (shape.batch, length))
        self.lengths = torch.full((shape.batch,), shape.steps), torch.full((shape.batch,), length)

    def ours(self) -> Step:
        """Return one run of keepgate."""
        given = (self.targets, *self.lengths)
        if self.cell == "ctc_loss_from_logits":
            return self.of(self.logits, lambda x: ctc_loss_from_logits(x, *given, reduction="none"))
        return self.of(self.logits, lambda x: ctc_loss(x.log_softmax(-1), *given, reduction="none"))

    def theirs(self, logits: Tensor) -> Step:
        """Return one run of torch."""
        given = (self.targets, *self.lengths)
        return self.of(logits, lambda x: torch_ctc_loss(x.log_softmax(-1), *given, reduction="none"))

    def of(self, logits: Tensor, loss: Callable[[Tensor], Tensor]) -> Step:
        """Return one run of a loss, forward and backward."""

        def step() -> Sequence[Tensor]:
            losses = loss(logits)
            return losses, *torch.autograd.grad(losses.sum(), logits)

        return step


class TorchCtc(Peer):
    """torch's loss. What ours must have are its values in float64: in float32 its gradient is off by 2e-3."""

    name = "torch.nn.functional.ctc_loss"

    def step(self, problem: Ctc) -> Step:
        """Return one run of it."""
        return problem.theirs(problem.logits)

    def check(self, problem: Ctc, step: Step) -> Step:
        """Return it in float64."""
        return problem.theirs(problem.logits.detach().double().requires_grad_())

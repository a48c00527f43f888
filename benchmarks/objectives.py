"""Objectives and compression: what is computed beside layers, and torch's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import ctc_loss as torch_ctc_loss

from benchmarks.peers import Peer
from benchmarks.problems import Problem, Step
from benchmarks.shapes import Shape
from keepgate import compress
from keepgate.objectives import LinearChainCRF, ctc_loss, ctc_loss_from_logits

__all__ = ["Compression", "Crf", "Ctc", "TorchCtc"]


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


class Crf(Problem):
    """Losses of a linear-chain CRF on random emissions and tags, and the gradients of emissions and transitions.

    The sizes are (T, B, C, 0): steps, rows, tags.
    """

    def __init__(self, cell: str, shape: Shape, mode: str) -> None:
        torch.manual_seed(0)
        self.layer = LinearChainCRF(shape.inputs)
        self.emissions = torch.randn(shape.steps, shape.batch, shape.inputs, requires_grad=True)
        self.tags = torch.randint(0, shape.inputs, (shape.steps, shape.batch))

    def ours(self) -> Step:
        """Return one run of keepgate, forward and backward."""
        wanted = (self.emissions, *self.layer.parameters())

        def step() -> Sequence[Tensor]:
            losses = self.layer(self.emissions, self.tags)
            return losses, *torch.autograd.grad(losses.mean(), wanted)

        return step


class Compression(Problem):
    """The archive of a text of made-up words, frequent ones first as in a language; the sizes are (bytes, 0, 0, 0)."""

    def __init__(self, cell: str, shape: Shape, mode: str) -> None:
        random = np.random.default_rng(0)
        letters = random.integers(ord("a"), ord("z") + 1, (2000, 7), np.uint8)
        words = [row[: 2 + i % 6].tobytes() for i, row in enumerate(letters)]
        drawn = random.zipf(1.3, shape.steps) % len(words)
        self.text = b" ".join(words[i] for i in drawn)[: shape.steps]

    def ours(self) -> Step:
        """Return one run of keepgate."""
        return lambda: (np.frombuffer(compress(self.text), np.uint8),)


class TorchCtc(Peer):
    """torch's loss. What ours must have are its values in float64: in float32 its gradient is off by 2e-3."""

    name = "torch.nn.functional.ctc_loss"

    def step(self, problem: Ctc) -> Step:
        """Return one run of it."""
        return problem.theirs(problem.logits)

    def check(self, problem: Ctc, step: Step) -> Step:
        """Return it in float64."""
        return problem.theirs(problem.logits.detach().double().requires_grad_())

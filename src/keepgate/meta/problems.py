"""Problems of optimisation, on which an optimiser is trained and compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from keepgate.errors import InputError

__all__ = ["Problem", "classification", "quadratics"]


@dataclass(frozen=True)
class Problem:
    """Problems of one kind: functions to be made small.

    Attributes:
        name: of the kind.
        draw: `draw(count, random)` returns for so many problems where optimisation begins, [P, N] float32, and a tuple
            of tensors [P, ...] that the problems are made of. All that is random in it comes from the NumPy generator
            `random`.
        value: `value(theta, data, step)` returns the values [P] at theta [P, N], differentiable; `step` counts from 0,
            for problems that show another part of their data at each.
    """

    name: str
    draw: Callable[[int, np.random.Generator], tuple[Tensor, tuple[Tensor, ...]]]
    value: Callable[[Tensor, tuple[Tensor, ...], int], Tensor]

    def gradient(self, theta: Tensor, data: tuple[Tensor, ...], step: int) -> tuple[Tensor, Tensor]:
        """Return the values [P] and the gradient [P, N] at theta, both without a history.

        Raises:
            InputError: the values have another shape, or are not finite.
        """
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            values = self.value(theta, data, step)
            if values.shape != theta.shape[:1]:
                raise InputError(
                    f"problem {self.name}: the values have the shape {list(values.shape)}, expected {[len(theta)]}"
                )
            (gradient,) = torch.autograd.grad(values.sum(), theta)
        return values.detach(), gradient


def quadratics(size: int = 10) -> Problem:
    """Return |W theta - y|²; W [size, size], y and the start standard normal (Andrychowicz et al. 2016).

    Args:
        size: N, coordinates.
    """

    def draw(count: int, random: np.random.Generator) -> tuple[Tensor, tuple[Tensor, ...]]:
        shapes = (count, size), (count, size, size), (count, size)
        start, matrix, target = (torch.from_numpy(random.standard_normal(shape, np.float32)) for shape in shapes)
        return start, (matrix, target)

    def value(theta: Tensor, data: tuple[Tensor, ...], step: int) -> Tensor:
        matrix, target = data
        return (torch.bmm(matrix, theta[:, :, None])[:, :, 0] - target).square().sum(1)

    return Problem(f"quadratics of {size} variables", draw, value)


def classification(X: Any, y: Any, *, hidden: int = 20, batch: int = 128, steps: int = 100) -> Problem:
    """Return the training of a small network on labelled data: one sigmoid layer, cross-entropy of minibatches.

    Args:
        X: inputs [M, I].
        y: their classes, numbers from 0 on, [M].
        hidden: units.
        batch: examples of each step.
        steps: with minibatches of their own; then they come again.
    """
    inputs, classes = torch.as_tensor(np.asarray(X, np.float32)), torch.as_tensor(np.asarray(y, np.int64))
    sizes = (inputs.shape[1] * hidden, hidden, hidden * (int(classes.max()) + 1), int(classes.max()) + 1)
    scales = np.repeat([inputs.shape[1] ** -0.5, 0, hidden**-0.5, 0], sizes).astype(np.float32)

    def draw(count: int, random: np.random.Generator) -> tuple[Tensor, tuple[Tensor, ...]]:
        start = scales * random.standard_normal((count, len(scales)), np.float32)
        return torch.from_numpy(start), (torch.from_numpy(random.integers(0, len(inputs), (count, steps, batch))),)

    def value(theta: Tensor, data: tuple[Tensor, ...], step: int) -> Tensor:
        rows = data[0][:, step % steps]
        first, bias, second, last = theta.split(sizes, 1)
        h = torch.sigmoid(torch.baddbmm(bias[:, None], inputs[rows], first.unflatten(1, (-1, hidden))))
        scores = torch.baddbmm(last[:, None], h, second.unflatten(1, (hidden, -1)))
        return F.cross_entropy(scores.mT, classes[rows], reduction="none").mean(1)

    return Problem(f"a network of {hidden} units", draw, value)

"""A trial: one cell trained on one task, with as many weights as any other; judged at growing numbers of updates.

The measure is the same for all tasks: the share of the loss that is explained, 1 - loss / loss of the best constant
answer. 0: no better than that; 1: no error. Worse than -1 is -1.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keepgate.equations import Equations
from keepgate.nn import Recurrent
from keepgate.search.tasks import Batch, Task

__all__ = ["BATCH", "Lost", "Trial", "hidden_size", "weights"]

BATCH = 32
TESTED = 256  # sequences
NORM = 1.0  # of the gradient, at most
WORST = -1.0
MOST_UNITS = 512


class Lost(Exception):
    """A training came to nothing; the message says how."""


def weights(equations: Equations, inputs: int, hidden: int) -> int:
    """Return the number of weights of a layer."""
    return sum(math.prod(parameter.shape) for parameter in equations.parameters(inputs, hidden))


def hidden_size(equations: Equations, inputs: int, wanted: int) -> int:
    """Return the units with which a layer comes nearest to a number of weights."""
    sizes = range(1, MOST_UNITS + 1)
    return min(sizes, key=lambda hidden: abs(weights(equations, inputs, hidden) - wanted))


@dataclass(frozen=True)
class Trial:
    """How a cell is trained on a task.

    Attributes:
        equations: of the cell.
        task: to learn.
        size: weights of the layer, about.
        rate: of learning, by Adam.
        seed: of weights and batches; batches are the same for all cells.
        forget_bias: where the forget gate begins, as of `keepgate.nn.Recurrent`.
    """

    equations: Equations
    task: Task
    size: int
    rate: float
    seed: int
    forget_bias: float | None = None

    def scores(self, updates: Sequence[int]) -> Iterator[float]:
        """Train, and yield the score after each of these numbers of updates.

        Raises:
            Lost: a loss or a gradient is not finite.
        """
        network = self.network()
        parameters = list(network.parameters())
        optimizer = torch.optim.Adam(parameters, self.rate, fused=True)
        random = np.random.default_rng([self.seed, zlib.crc32(self.task.name.encode())])
        done = 0
        for until in updates:
            for _ in range(until - done):
                loss = network.loss(self.task.draw(BATCH, random, False))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                norm = nn.utils.clip_grad_norm_(parameters, NORM)
                if not math.isfinite(float(norm)):
                    raise Lost(f"not finite after {done} updates")
                optimizer.step()
                done += 1
            yield score(network, self.task)

    def network(self) -> Network:
        """Return the network, its weights drawn by the seed."""
        hidden = hidden_size(self.equations, self.task.inputs, self.size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return Network(self.equations, self.task, hidden, self.forget_bias)


class Network(nn.Module):
    """A recurrent layer and an output layer."""

    def __init__(self, equations: Equations, task: Task, hidden: int, forget_bias: float | None = None):
        super().__init__()
        self.recurrent = Recurrent(equations, task.inputs, hidden, forget_bias=forget_bias)
        self.output = nn.Linear(hidden, task.outputs)
        self.classes = task.classes

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss of the steps that are judged."""
        hidden = self.recurrent(torch.from_numpy(np.ascontiguousarray(batch.x)))[0]
        mask = torch.from_numpy(batch.mask)
        said = self.output(hidden[mask])
        target = torch.from_numpy(np.ascontiguousarray(batch.target[batch.mask]))
        return F.cross_entropy(said, target) if self.classes else F.mse_loss(said, target)


def score(network: Network, task: Task) -> float:
    """Return the share of the loss on held-out sequences that is explained; they are the same in every trial.

    Raises:
        Lost: the loss is not finite.
    """
    batch = task.draw(TESTED, np.random.default_rng([1968, zlib.crc32(task.name.encode())]), True)
    with torch.no_grad():
        loss = float(network.loss(batch))
    if not math.isfinite(loss):
        raise Lost("not finite in the test")
    return max(1 - loss / _constant_loss(batch, task), WORST)


def _constant_loss(batch: Batch, task: Task) -> float:
    target = batch.target[batch.mask]
    if not task.classes:
        return float(np.square(target - target.mean(0)).mean())
    shares = np.bincount(target.ravel(), minlength=task.outputs) / target.size
    return float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())

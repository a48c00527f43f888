"""`UpdateRule`: an optimiser that is learned."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from keepgate import schema
from keepgate.meta.parameters import UpdateRuleParameters
from keepgate.meta.problems import Problem
from keepgate.meta.update_network import READ, UpdateNetwork, update_rule
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.parameters import estimator
from keepgate.training import Examples
from keepgate.training.callbacks import Callback
from keepgate.training.tree import digest

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

__all__ = ["UpdateRule"]

HELD_OUT = 64  # problems that choose the best epoch

Carried = tuple[Tensor, tuple[Tensor, ...]]


@estimator
class UpdateRule(UpdateRuleParameters, Estimator):
    """Learns an optimiser (Andrychowicz et al. 2016, "Learning to learn by gradient descent by gradient descent").

    A recurrent network with one set of weights for all coordinates reads the gradient of each and writes its update.
    It is trained by truncated back-propagation through optimisations of many problems, to make the sum of their values
    small. As in the paper, the gradients that it reads count as given. `keepgate.meta.LearnedOptimizer` makes of it an
    optimiser for any parameters of torch.

    Attributes:
        equations_, network_, history_: as in every estimator of keepgate.
    """

    STATE: ClassVar[schema.Check] = schema.record()
    fixed: ClassVar[tuple[str, ...]] = ("hidden_size", "num_layers")

    network_: UpdateNetwork = field(init=False)

    def fit(
        self,
        problem: Problem,
        *,
        valid: Problem | None = None,
        run: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> UpdateRule:
        """Learn to optimise problems of one kind, and return self.

        Args:
            problem: the kind.
            valid: whose problems choose the best epoch; None: others of the same kind.
            run: folder for `metrics.jsonl` and checkpoints; the same call with the same folder resumes an interrupted
                training to the same bits.
            callbacks: functions of each epoch's row and the network.

        Raises:
            InputError: a problem has values of another shape, or that are not finite.
        """
        self.check_parameters()
        self.network_ = self.new_network()
        data = ProblemExamples(problem, int(self.problems), int(self.steps), (int(self.seed), 0))
        held_out = ProblemExamples(valid or problem, HELD_OUT, int(self.steps), (int(self.seed), 1))

        def loss(network: UpdateNetwork, batch: Any, carried: Carried | None) -> tuple[Tensor, Carried]:
            return unrolled(network, problem if network.training else valid or problem, batch, carried)

        self.train_network(loss, data, held_out, run, window=int(self.window), callbacks=callbacks)
        return self

    def predict(self, problem: Problem, *, count: int = 100, steps: int = 100, seed: int = 0) -> np.ndarray:
        """Return the values [steps + 1, count] on the way of optimisations.

        Args:
            problem: the kind.
            count: of problems.
            steps: of each.
            seed: of the draw; training does not draw them.
        """
        self.check_fitted()
        theta, data = problem.draw(count, np.random.default_rng([seed, 2]))
        with torch.no_grad():
            _, values, _ = rolled(self.network_, problem, theta, data, None, range(steps))
        return torch.stack(values).double().numpy()

    def build_network(self) -> UpdateNetwork:
        """Return the network, untrained."""
        return UpdateNetwork(update_rule(self.layers(READ, time_first=True)), self.backend)

    def state_to_json(self) -> dict[str, Any]:
        """Return nothing: the network is all there is."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Set the network."""
        self.network_ = self.build_network()

    def to_onnx(self, graph: Graph) -> None:
        """Emit the network, from gradients to updates."""
        inputs = {"gradients": ("gradients", "as `keepgate.meta.update_network.logarithmic` gives them, [T, N, 2]")}
        self.emit_network(graph, inputs, {"update": ("updates", "to add to each coordinate, [T, N, 1]")})


class ProblemExamples(Examples):
    """Problems, drawn when they are asked for, as batches `(start [P, N], data)`; windows add their steps.

    Args:
        problem: the kind.
        count: of an epoch.
        steps: of an optimisation.
        seed: numbers that other data do not have.
    """

    def __init__(self, problem: Problem, count: int, steps: int, seed: tuple[int, ...]) -> None:
        self.problem, self.count, self.steps, self.seed = problem, count, steps, seed

    def __len__(self) -> int:
        return self.count

    def length(self, index: int) -> int:
        """Return the steps of an optimisation."""
        return self.steps

    def batch(self, indices: np.ndarray) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return problems drawn from the seed and their numbers."""
        return self.problem.draw(len(indices), np.random.default_rng([*self.seed, *map(int, indices)]))

    def window(self, batch: Any, start: int, stop: int) -> Any:
        """Return the problems with the steps from start to stop."""
        return (*batch, range(start, min(stop, self.steps)))

    def weight(self, batch: Any, count: int) -> float:
        """Return problems times steps."""
        return count * len(batch[2])

    def fingerprint(self) -> str:
        """Return digits by name, numbers, and the first problems."""
        sums = hashlib.sha256(f"{self.problem.name} {self.count} {self.steps} {self.seed}".encode())
        digest(sums, self.batch(np.arange(min(self.count, 4))))
        return sums.hexdigest()


def rolled(
    network: UpdateNetwork,
    problem: Problem,
    theta: Tensor,
    data: tuple[Tensor, ...],
    state: tuple[Tensor, ...] | None,
    steps: range,
) -> tuple[list[Tensor], list[Tensor], Carried]:
    """Return the gradients [P, N] and the values [P] before each step and after the last, and where it ended."""
    gradients, values = [], []
    for step in steps:
        value, gradient = problem.gradient(theta, data, step)
        gradients.append(gradient)
        values.append(value)
        update, state = network.updates(gradient.reshape(1, -1), state)
        theta = theta + update.reshape(theta.shape)
    value, gradient = problem.gradient(theta, data, steps.stop)
    assert state is not None
    return [*gradients, gradient], [*values, value], (theta, state)


def unrolled(network: UpdateNetwork, problem: Problem, batch: Any, carried: Carried | None) -> tuple[Tensor, Carried]:
    """Return the mean value after each step of a window, and where the window ended.

    The steps are taken first, without a history. The gradients that the network read are known then, and count as
    given, so all updates u of the window are computed again in one pass; since theta after step s is the start plus
    u(1) + ... + u(s), the gradient of the sum of values with respect to u(s) is the sum of the gradients at all later
    thetas. So no problem is differentiated twice, and the network never step by step.

    Args:
        network: the optimiser.
        problem: the kind.
        batch: where optimisations start [P, N], what the problems are made of, the steps.
        carried: where the window before ended; None at first.
    """
    start, data, steps = batch
    theta, state = (start, None) if carried is None else carried
    with torch.no_grad():
        gradients, values, ended = rolled(network, problem, theta, data, state, steps)
    mean = torch.stack(values[1:]).mean()
    if not torch.is_grad_enabled():
        return mean, ended
    read = torch.stack(gradients).flatten(1)
    updates, _ = network.updates(read[:-1], state)
    to_go = read[1:].flip(0).cumsum(0).flip(0)
    slope = (updates * to_go).sum() / (len(start) * len(steps))
    return mean + slope - slope.detach(), ended

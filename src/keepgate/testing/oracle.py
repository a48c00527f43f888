"""The second derivation of every scan: the program in NumPy, each row walked alone from reset to reset.

Nothing of the engines is used: gradients are those of the symbolic backward program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from keepgate.equations import compile_program
from keepgate.testing.interpreter import Interpreter
from keepgate.testing.problems import Outcome, Problem

__all__ = ["solve"]

Rows = list[int]


def solve(problem: Problem) -> Outcome:
    """Return the outcome of a problem, computed in double precision whatever the problem's dtype."""
    return _Walk(problem).outcome()


class _Walk:
    """Accumulates outputs, final states and gradients over segments of rows that run without interruption."""

    def __init__(self, problem: Problem) -> None:
        a = problem.arguments
        self.problem, self.steps, self.batch = problem, a.x.shape[0], a.x.shape[1]
        self.parameters = _arrays(problem.parameters)
        self.state, self.given = _arrays(a.state), _arrays(a.step_inputs)
        self.x, self.d_output, self.d_final = _array(a.x), _array(problem.d_output), _arrays(problem.d_final)
        self.interpreter = Interpreter(compile_program(problem.equations), self.parameters, a.seed)
        self.output = np.zeros_like(self.d_output)
        self.final = {name: value.copy() for name, value in self.state.items()}
        self.d_state = {name: np.zeros_like(value) for name, value in self.state.items()}
        self.d_given = {name: np.zeros_like(value) for name, value in self.given.items()}
        self.d_parameters = {name: np.zeros_like(value) for name, value in self.parameters.items()}
        self.d_x = np.zeros_like(self.x)

    def outcome(self) -> Outcome:
        for rows, segments in self.groups():
            for i, steps in enumerate(segments):
                self.walk(rows, steps, last=i == len(segments) - 1)
            if not segments:
                for name, value in self.d_final.items():
                    self.d_state[name][rows] += value[rows]
        gradients = {"x": self.d_x} | {f"initial {k}": v for k, v in self.d_state.items()}
        gradients |= self.d_given | self.d_parameters
        return Outcome(torch.tensor(self.output), _tensors(self.final), _tensors(gradients))

    def groups(self) -> Iterator[tuple[Rows, list[Rows]]]:
        """Yield rows that run together, with their steps in the order of walking, cut where they are reset."""
        a = self.problem.arguments
        if a.lengths is None and a.reset is None:
            yield list(range(self.batch)), [self.order(self.steps)] if self.steps else []
            return
        for row in range(self.batch):
            order = self.order(self.steps if a.lengths is None else int(a.lengths[row]))
            segments: list[Rows] = []
            for t in order:
                if not segments or (a.reset is not None and a.reset[t, row]):
                    segments.append([])
                segments[-1].append(t)
            yield [row], segments

    def order(self, steps: int) -> Rows:
        return list(range(steps))[:: -1 if self.problem.arguments.reverse else 1]

    def walk(self, rows: Rows, steps: Rows, last: bool) -> None:
        """Run one segment from the initial state forwards and backwards."""
        place = np.ix_(steps, rows)
        x, given = self.x[place], {name: value[place] for name, value in self.given.items()}
        run = self.interpreter.forward(x, {name: value[rows] for name, value in self.state.items()}, given)
        cotangents = {name: np.zeros_like(value[1:]) for name, value in run.states.items()}
        cotangents[self.problem.output] += self.d_output[place]
        self.output[place] = run.states[self.problem.output][1:]
        for name, value in run.states.items():
            if last:
                self.final[name][rows] = value[-1]
                cotangents[name][-1] += self.d_final[name][rows]
        gradients = self.interpreter.backward(x, run, cotangents, given)
        self.d_x[place] += gradients.x
        for name, value in gradients.states.items():
            self.d_state[name][rows] += value
        for name, value in gradients.step_inputs.items():
            self.d_given[name][place] += value
        for name, value in gradients.parameters.items():
            self.d_parameters[name] += value


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.double().numpy()


def _arrays(tensors: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: _array(value) for name, value in tensors.items()}


def _tensors(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in arrays.items()}

"""What a generation of Evolino's networks is judged by: free runs with the outputs that its states allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from keepgate.equations import Equations
from keepgate.native import Population
from keepgate.tasks.evolino.readout import Reader

__all__ = ["Candidates", "Forced"]

MOST = 1e6  # deviations: a free run that leaves them stays at that bound
BLOCK = 10  # steps whose errors are averaged before their logarithm is taken
LEAST = 1e-10  # of a block's squared error, in variances


@dataclass
class Forced:
    """What P networks made of the given rows of K series.

    Attributes:
        states: outputs of the cells after each row, [T, P, K, H].
        begun: the states before the row where each free run begins, by name, [P, K, F, W].
        weights: [P, H + 1], of the outputs; the bias last.
    """

    states: np.ndarray
    begun: dict[str, np.ndarray]
    weights: np.ndarray


@dataclass
class Candidates:
    """Judges networks of one cell by how they continue series that they have seen.

    A network reads the rows as they are; after the washout its outputs are solved for all rows at once. Then it runs
    freely, each output being the next input. All is in float64, weights of the outputs too: a long free run tells their
    last digits.

    Args:
        equations: of the cell.
        hidden_size: H.
        series: arrays [T_k], standardised.
        washout: rows that only set the state.
        reader: solves the outputs.
        free_run: rows of a free run; None: all after the washout.
        starts: free runs of each series.
    """

    equations: Equations
    hidden_size: int
    series: Sequence[np.ndarray]
    washout: int
    reader: Reader
    free_run: int | None = None
    starts: int = 1
    _made: dict[tuple[int, int], Population] = field(default_factory=dict, init=False, repr=False)

    def population(self, networks: int, rows: int) -> Population:
        """Return the population of so many networks and rows, made once."""
        if (networks, rows) not in self._made:
            made = Population(self.equations, 1, self.hidden_size, 0, networks, rows, np.float64)
            self._made[networks, rows] = made
        return self._made[networks, rows]

    def begins(self) -> np.ndarray:
        """Return the row of each series whose successors a free run says, [K, F]."""
        last = [len(one) - 1 - self.steps(len(one)) for one in self.series]
        return np.array([np.linspace(min(self.washout, end), end, self.starts).round().astype(int) for end in last])

    def steps(self, rows: int) -> int:
        """Return the steps of a free run of a series of so many rows."""
        most = max(rows - 1 - self.washout, 1)
        return most if self.free_run is None else min(self.free_run, most)

    def fitness(self, weights: np.ndarray, generation: int = 0) -> np.ndarray:
        """Return of each network [P] minus the mean logarithm (base 10) of its free runs' squared errors, in variances.

        The logarithm is taken of blocks of ten steps: a network that goes astray late is better than one that does so
        early, which the mean error of chaotic and of oscillating series does not tell.
        """
        forced = self.forced(weights)
        begins, logs = self.begins(), []
        for k, one in enumerate(self.series):
            steps = self.steps(len(one))
            states = {name: value[:, k] for name, value in forced.begun.items()}
            first = np.broadcast_to(one[begins[k]], (len(weights), self.starts))
            runs = self.run(weights, forced.weights, states, first, steps)
            truth = np.stack([one[b + 1 : b + 1 + steps] for b in begins[k]], 1)[:, None]
            squares = np.square(runs - truth).mean(2)
            blocks = [part.mean(0) for part in np.array_split(squares, max(1, steps // BLOCK))]
            logs.append(np.log10(np.stack(blocks) + LEAST).mean(0))
        return -np.mean(logs, 0)

    def forced(self, weights: np.ndarray) -> Forced:
        """Let networks [P, N] read the series, and solve their outputs."""
        networks = self.population(len(weights), len(self.series))
        networks.load(weights)
        networks.reset()
        longest = max(map(len, self.series))
        padded = np.stack([np.pad(one, (0, longest - len(one)), "edge") for one in self.series])
        begins = self.begins()
        begun = {n: np.zeros((*s.shape[:2], self.starts, s.shape[2])) for n, s in networks.state.items()}
        states = np.empty((longest, len(weights), len(self.series), self.hidden(networks)))
        for t in range(longest):
            for k, f in zip(*np.nonzero(begins == t), strict=True):
                for name, state in networks.state.items():
                    begun[name][:, k, f] = state[:, k]
            networks.step(np.tile(padded[:, t, None], (len(weights), 1, 1)), states[t])
        return Forced(states, begun, self._solved(states))

    def hidden(self, networks: Population) -> int:
        """Return the width of the cell's output."""
        return next(iter(networks.state.values())).shape[2]

    def _solved(self, states: np.ndarray) -> np.ndarray:
        """Return the weights [P, H + 1] of the outputs; zeros for a network whose states are no finite numbers."""
        targets = np.concatenate([one[self.first(one) + 1 :] for one in self.series])
        solved = np.zeros((states.shape[1], states.shape[3] + 1))
        for p in range(len(solved)):
            rows = [states[self.first(one) : len(one) - 1, p, k] for k, one in enumerate(self.series)]
            read = np.concatenate(rows)
            if np.isfinite(read).all():
                solved[p] = self.reader(read, targets)
        return solved

    def first(self, one: np.ndarray) -> int:
        """Return the first row of a series after the washout, of which a short one has less."""
        return min(self.washout, len(one) - 2)

    def run(
        self, weights: np.ndarray, outputs: np.ndarray, states: dict[str, np.ndarray], first: np.ndarray, steps: int
    ) -> np.ndarray:
        """Return free runs [steps, P, R].

        Args:
            weights: of the cells, [P, N].
            outputs: weights of the outputs, [P, H + 1].
            states: to begin in, [P, R, W] by name.
            first: the first inputs, [P, R].
            steps: how many.
        """
        networks = self.population(*first.shape)
        networks.load(weights)
        networks.state = states
        found, y = np.empty((steps, *first.shape)), np.array(first)
        for t in range(steps):
            h = networks.step(np.ascontiguousarray(y)[:, :, None])
            y = np.einsum("prh,ph->pr", h, outputs[:, :-1]) + outputs[:, -1:]
            y = np.clip(np.nan_to_num(y, nan=MOST), -MOST, MOST)
            found[t] = y
        return found

    def continued(self, weights: np.ndarray, outputs: np.ndarray, steps: int) -> np.ndarray:
        """Return how one network [N] with given outputs [H + 1] continues each series, [K, steps]."""
        rows = []
        for one in self.series:
            networks = self.population(1, 1)
            networks.load(weights[None])
            networks.reset()
            for value in one[:-1]:
                networks.step(np.full((1, 1, 1), value))
            rows.append(
                self.run(weights[None], outputs[None], networks.state, np.full((1, 1), one[-1]), steps)[:, 0, 0]
            )
        return np.array(rows)

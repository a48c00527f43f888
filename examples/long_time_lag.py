"""The long-time-lag tasks that LSTM was made for, solved by the criteria of its paper, and why it solves them.

    python examples/long_time_lag.py                # all tasks, 5 seeds: some minutes on two cores
    python examples/long_time_lag.py --task adding

The tasks and their criteria are in `lag_tasks.py`. Each is learnt by the cell of 1997, by the one with a forget gate,
and by the simple recurrent network, from new sequences in minibatches, by Adam. What the cells owe to the paper
besides their equations is how they begin: with input gates nearly closed, the one more than the other.

It prints a table and leaves a picture, `long_time_lag.png`: how far back a gradient reaches before any training.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from lag_tasks import TASKS, Batch, Task
from torch import Tensor, nn
from tqdm import tqdm

from keepgate.nn import Recurrent

PICTURE = "long_time_lag.png"
TEST = 2560  # sequences, as in the paper
EVERY = 20  # updates between two looks at what is held out
RATE, DECAY = 0.02, 20_000  # the learning rate, and the sequences after which it is half of that

Biases = dict[str, tuple[float, float]]
CELLS: dict[str, Biases] = {  # by gate, the biases of the first and the last unit
    "lstm": {"f": (5, 5), "i": (-2, -6)},
    "lstm_1997": {"i": (-2, -6)},
    "rnn": {},
}


def set_biases(layer: Recurrent, biases: Biases) -> Recurrent:
    """Let the biases of some gates begin at numbers that rise or fall evenly over the units."""
    for gate, (first, last) in biases.items():
        start = layer.equations.gates.index(gate) * layer.hidden_size
        rows = slice(start, start + layer.hidden_size)
        with torch.no_grad():
            layer.bias_ih_l0[rows] = torch.linspace(first, last, layer.hidden_size, dtype=layer.bias_ih_l0.dtype)
            layer.bias_hh_l0[rows] = 0
    return layer


class Network(nn.Module):
    """A recurrent layer and logistic output units, read at every step or at the end of the sequence."""

    def __init__(self, cell: str, biases: Biases, like: Batch, hidden: int):
        super().__init__()
        self.layer = set_biases(Recurrent(cell, like.x.shape[-1], hidden), biases)
        self.output = nn.Linear(hidden, like.truth.shape[-1])
        self.stepwise = like.stepwise

    def forward(self, batch: Batch) -> Tensor:
        """Return what goes into the output units."""
        x = torch.from_numpy(batch.x).to(self.output.weight.dtype)
        steps, last = self.layer(x, lengths=torch.from_numpy(batch.lengths))
        return self.output(steps if self.stepwise else states(last)[0][0])

    @torch.no_grad()
    def read(self, batch: Batch) -> Tensor:
        return self(batch)

    def loss(self, activation: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy, over the steps that have a target."""
        target = torch.from_numpy(batch.target).to(activation.dtype)
        each = nn.functional.binary_cross_entropy_with_logits(activation, target, reduction="none")
        return each[target.any(-1)].mean() if self.stepwise else each.mean()


def states(final: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (final,) if isinstance(final, Tensor) else final


class Judge:
    """Which sequences are wrong, by how much, and whether training may stop."""

    def __init__(self, task: Task):
        self.task = task
        self.wrong, self.error = np.zeros(0, bool), np.zeros(0)

    def see(self, activation: Tensor, batch: Batch) -> bool:
        output = torch.sigmoid(activation).numpy(force=True)
        error = np.abs(output - batch.truth).mean(axis=(0, 2) if batch.stepwise else 1)
        self.wrong = np.append(self.wrong, self.task.wrong(output, batch.truth))[-self.task.stop.sequences :]
        self.error = np.append(self.error, error)[-self.task.stop.sequences :]
        return self.task.stop.met(self.wrong, self.error)


def solve(name: str, cell: str, seed: int) -> tuple[float, int]:
    """Train until the paper's criterion is met.

    Returns the sequences that it took (infinity: not met within the limit), and how many of 2560 new ones are wrong.
    """
    task = TASKS[name]
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    held_out = task.draw(task.stop.sequences, random)
    network, judge = Network(cell, CELLS[cell], held_out, task.hidden), Judge(task)
    adam = torch.optim.Adam(network.parameters(), RATE)
    slower = torch.optim.lr_scheduler.LambdaLR(adam, lambda update: 1 / (1 + update * task.batch / DECAY))
    presented, met = 0, False
    while not met and presented < task.limit:
        chosen = held_out.take(random.integers(0, task.pool, task.batch)) if task.pool else None
        batch = chosen or task.draw(task.batch, random)
        activation = network(batch)
        adam.zero_grad()
        network.loss(activation, batch).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        slower.step()
        presented += task.batch
        if not task.stop.held_out:
            met = judge.see(activation, batch)
        elif presented % (EVERY * task.batch) == 0:
            met = judge.see(network.read(held_out), held_out)
    test = task.draw(TEST, random)
    output = torch.sigmoid(network.read(test)).numpy()
    return presented if met else math.inf, int(task.wrong(output, test.truth).sum())


def runs(names: list[str], seeds: int) -> Iterator[tuple[tuple[str, str, int], tuple[float, int]]]:
    """Solve each task by each cell from each seed, on all cores; give the runs as they end."""
    jobs = [(name, cell, seed) for name in names for cell in CELLS for seed in range(seeds)]
    spawn = get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), spawn, torch.set_num_threads, (1,)) as pool:
        started = {pool.submit(solve, *job): job for job in jobs}
        for run in tqdm(as_completed(started), total=len(jobs), unit="run", disable=None, leave=False):
            yield started[run], run.result()


def row(name: str, cell: str, outcomes: list[tuple[float, int]]) -> dict[str, object]:
    """A line of the table: the outcomes of one task and cell over all seeds."""
    task, needed = TASKS[name], statistics.median_high([sequences for sequences, _ in outcomes])
    return {
        "task": task.title,
        "cell": cell,
        "lag": task.lag,
        "solved": f"{sum(sequences < math.inf for sequences, _ in outcomes)} of {len(outcomes)}",
        "sequences": f"{needed:,}" if needed < math.inf else f"not in {task.limit:,}",
        "in the paper": f"{task.paper:,}",
        f"wrong of {TEST}": f"{statistics.median(wrong for _, wrong in outcomes):g}",
        "in the paper ": "-" if task.paper_wrong is None else f"{task.paper_wrong:g}",
    }


CURVES: dict[str, tuple[str, Biases]] = {
    "rnn": ("rnn", {}),
    "lstm": ("lstm", {}),
    "lstm, forget bias 1": ("lstm", {"f": (1, 1)}),
    "lstm, forget bias 5": ("lstm", {"f": (5, 5)}),
    "lstm_1997": ("lstm_1997", {}),
}


def gradient_sizes(layer: Recurrent, x: Tensor) -> np.ndarray:
    """The Frobenius norm of d(state at the last step T) / d(input at T - q), for each lag q from 0.

    x [T, I] is one sequence; the state is all of h and c. Row k of a batch of copies is asked for the derivative of
    unit k alone, so that one backward pass gives the whole Jacobian.
    """
    copies = x[:, None].repeat(1, layer.hidden_size, 1).requires_grad_()
    final = states(layer(copies)[1])
    parts = [torch.autograd.grad(state[0].trace(), copies, retain_graph=True)[0] for state in final]
    return torch.cat(parts, 2).flatten(1).norm(dim=1).flip(0).numpy()


def curve(cell: str, biases: Biases, networks: int = 10, steps: int = 200, hidden: int = 32) -> np.ndarray:
    """The median over new networks that each read a sequence of noise."""
    torch.manual_seed(0)
    layers = [set_biases(Recurrent(cell, 2, hidden, dtype=torch.float64), biases) for _ in range(networks)]
    noise = torch.randn(networks, steps, 2, dtype=torch.float64)
    return np.median([gradient_sizes(*pair) for pair in zip(layers, noise, strict=True)], axis=0)


def draw(path: str) -> None:
    """Draw the size of the gradient over the lag."""
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for label, (cell, biases) in CURVES.items():
        axes.semilogy(curve(cell, biases), label=label)
    axes.set(xlabel="lag q (steps)", ylabel="|| d state(T) / d input(T - q) ||", ylim=(1e-20, 1e3))
    axes.set_title("How far back a gradient reaches, before training")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=96)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASKS, help="this one alone")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    names = [arguments.task] if arguments.task else list(TASKS)
    outcomes: dict[tuple[str, str], list[tuple[float, int]]] = {(name, cell): [] for name in names for cell in CELLS}
    for (name, cell, _), outcome in runs(names, arguments.seeds):
        outcomes[name, cell].append(outcome)
    print(pd.DataFrame([row(*key, found) for key, found in outcomes.items()]).to_string(index=False))
    draw(PICTURE)
    print(f"\npicture: {PICTURE}")


if __name__ == "__main__":
    main()

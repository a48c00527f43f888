"""The adding problem (Hochreiter & Schmidhuber 1997, section 5.4), on one process or on many.

    python examples/train_ddp.py --out model
    torchrun --nproc-per-node 2 examples/train_ddp.py --out model

Each sequence is a series of random numbers, two of which are marked; the target is their sum. Under `torchrun` the same
script trains by DistributedDataParallel: each process takes its part of every batch, and the weights come out as those
of one process but for the rounding of sums.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from keepgate.nn import LSTM
from keepgate.store import write_model
from keepgate.training import Examples, Settings, is_first, train


class Adding(Examples):
    """`count` sequences of 20 to 40 steps; a batch is x [T, B, 2], lengths [B], targets [B]."""

    def __init__(self, count: int, seed: int):
        random = np.random.default_rng(seed)
        self.x, self.y = [], []
        for steps in random.integers(20, 41, count):
            values, marks = random.uniform(0, 1, steps), np.zeros(steps)
            marks[random.choice(steps, 2, replace=False)] = 1
            self.x.append(torch.from_numpy(np.stack([values, marks], axis=1)))
            self.y.append((values * marks).sum())

    def __len__(self) -> int:
        return len(self.x)

    def length(self, index: int) -> int:
        return len(self.x[index])

    def batch(self, indices: np.ndarray):
        rows = [self.x[i] for i in indices]
        return pad_sequence(rows), torch.tensor([len(row) for row in rows]), torch.tensor([self.y[i] for i in indices])


class Adder(nn.Module):
    def __init__(self, hidden_size: int):
        super().__init__()
        self.recurrent = LSTM(2, hidden_size, dtype=torch.float64)
        self.output = nn.Linear(hidden_size, 1, dtype=torch.float64)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        _, (last, _) = self.recurrent(x, lengths=lengths)
        return self.output(last[-1])[:, 0]


def loss(model: nn.Module, batch) -> torch.Tensor:
    x, lengths, targets = batch
    return nn.functional.mse_loss(model(x, lengths), targets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder for the model; the run and its checkpoints go there too")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--hidden-size", type=int, default=32)
    arguments = parser.parse_args()

    torch.manual_seed(0)
    model = Adder(arguments.hidden_size)
    settings = Settings(epochs=arguments.epochs, batch_size=33, learning_rate=0.01, schedule="cosine", warmup=0.05)
    data, valid = Adding(arguments.examples, seed=1), Adding(500, seed=2)
    history = train(model, loss, data, valid, settings, run=arguments.out)
    if is_first():
        config = {"hidden_size": arguments.hidden_size}
        write_model(arguments.out, config, {name: w.numpy() for name, w in model.state_dict().items()})
        print(f"held-out mean squared error {history.best_loss:.5f} (guessing the mean: 0.167)")


if __name__ == "__main__":
    main()

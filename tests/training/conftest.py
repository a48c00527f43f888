"""A small problem of mixed lengths: at every step, the sum of the inputs so far."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from keepgate.nn import LSTM
from keepgate.training import Examples


class Sums(Examples):
    """x [T, B, 2] -> running sum of both inputs [T, B]; batches (x, y, mask [T, B]), time-major."""

    def __init__(self, count: int, seed: int, shortest: int = 3, longest: int = 11, dtype: torch.dtype = torch.float64):
        random = np.random.default_rng(seed)
        sizes = random.integers(shortest, longest + 1, count)
        self.x = [torch.from_numpy(random.normal(size=(size, 2))).to(dtype) for size in sizes]

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.x[index]

    def length(self, index: int) -> int:
        return len(self.x[index])

    def collate(self, examples: list[torch.Tensor]):
        x = pad_sequence(examples)
        mask = pad_sequence([torch.ones(len(one), dtype=x.dtype) for one in examples])
        return x, x.sum(2).cumsum(0), mask

    def window(self, batch, start: int, stop: int):
        return tuple(part[start:stop] for part in batch)

    def weight(self, batch, count: int) -> float:
        return float(batch[2].sum())


class Network(nn.Module):
    def __init__(self, dropout: float = 0.0, dtype: torch.dtype = torch.float64):
        super().__init__()
        self.recurrent = LSTM(2, 5, dtype=dtype)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(5, 1, dtype=dtype)

    def forward(self, x: torch.Tensor, state=None):
        hidden, state = self.recurrent(x, state)
        return self.output(self.dropout(hidden))[..., 0], state


def squares(model: nn.Module, batch, *state):
    """The mean squared error over the real steps; with a state, the pair that truncated back-propagation needs."""
    x, y, mask = batch
    predicted, after = model(x, *state)
    loss = (((predicted - y) ** 2) * mask).sum() / mask.sum()
    return (loss, after) if state else loss


def network(seed: int = 0, **options) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Network(**options)


def weights(model: nn.Module) -> np.ndarray:
    return np.concatenate([value.detach().numpy().ravel() for value in model.state_dict().values()])


@pytest.fixture(scope="session")
def problem() -> SimpleNamespace:
    """What the tests of training train: a data set, a network, a loss; and the weights of a network in one array."""
    return SimpleNamespace(Sums=Sums, network=network, squares=squares, weights=weights)

"""Sine waves that go on by themselves, with two LSTM cells and L-BFGS, as one writes it for `torch.nn`.

    python examples/sine_waves.py
    python examples/sine_waves.py --steps 8

The cells read a wave value by value and predict the next one; after its end they read what they predicted. Of keepgate
there is one import.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor, nn

from keepgate.nn import LSTMCell  # as before: from torch.nn import LSTMCell

PERIOD = 20.0


class Waves(nn.Module):
    """Two cells, one above the other, and a linear layer."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.first, self.second = LSTMCell(1, size), LSTMCell(size, size)
        self.linear = nn.Linear(size, 1)

    def forward(self, waves: Tensor, future: int = 0) -> Tensor:
        """Return the value that follows each of waves [B, T], and `future` more, [B, T + future]."""
        low = high = (waves.new_zeros(len(waves), self.size),) * 2
        outputs: list[Tensor] = []
        for step in range(waves.shape[1] + future):
            value = waves[:, step : step + 1] if step < waves.shape[1] else outputs[-1]
            low = self.first(value, low)
            high = self.second(low[0], high)
            outputs.append(self.linear(high[0]))
        return torch.cat(outputs, 1)


def waves(count: int, steps: int, seed: int = 0) -> Tensor:
    """Return sines of any phase, [count, steps] float64."""
    random = torch.Generator().manual_seed(seed)
    phase = torch.randint(-80, 80, (count, 1), generator=random)
    return torch.sin((torch.arange(steps) + phase) / PERIOD).double()


def train(steps: int, size: int = 51, count: int = 30, length: int = 200, seed: int = 0) -> tuple[Waves, list[float]]:
    """Return the cells, and the loss on other waves before each step of the optimizer."""
    torch.manual_seed(seed)
    data, others = waves(count, length), waves(3, length, seed=1)
    model, criterion = Waves(size).double(), nn.MSELoss()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.8, max_iter=10)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = criterion(model(data[:, :-1]), data[:, 1:])
        loss.backward()
        return loss

    losses = []
    for _ in range(steps):
        with torch.no_grad():
            losses.append(float(criterion(model(others[:, :-1]), others[:, 1:])))
        optimizer.step(closure)
    return model, losses


def main() -> None:
    """Train, print the losses and how far off a hundred further values are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=6, help="of the optimizer (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    model, losses = train(options.steps, seed=options.seed)
    print("mean squared error of the next value:", *(f"{loss:.2g}" for loss in losses))
    truth = waves(3, 300, seed=1)
    with torch.no_grad():
        found = model(truth[:, :199], future=100)[:, 199:]
    print(f"root mean squared error of the next 100: {float((found - truth[:, 200:]).square().mean().sqrt()):.3f}")


if __name__ == "__main__":
    main()

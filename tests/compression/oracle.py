"""The learner a second time: float64, gradients by automatic differentiation, Adam as the paper has it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from keepgate.native.predictor import Shape

MASK = (1 << 64) - 1


class Random:
    """splitmix64."""

    def __init__(self) -> None:
        self.state = 0

    def below(self, n: int) -> int:
        self.state = z = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        return ((z ^ z >> 31) >> 32) * n >> 32


def initial(shape: Shape) -> list[Tensor]:
    """Tables, bias, and of each layer U, V and, but for the first, W: the order of native/src/byte_lstm.h."""
    random, hidden = Random(), shape.hidden
    bound = np.float32(1) / np.sqrt(np.float32(hidden))

    def uniform(*sizes: int) -> Tensor:
        numbers = [random.below(1 << 24) - (1 << 23) for _ in range(int(np.prod(sizes)))]
        return torch.tensor(np.float32(numbers) * (bound / np.float32(1 << 23))).reshape(sizes).double()

    tables = uniform(shape.layers, 256, 4 * hidden)
    tables[:, :, hidden : 2 * hidden] += 1
    weights = [tables, torch.full((256,), -40.0).double()]
    for layer in range(shape.layers):
        weights += [uniform(4 * hidden, hidden), torch.zeros(256, hidden).double()]
        weights += [uniform(4 * hidden, hidden)] if layer else []
    return weights


def flat(weights: list[Tensor]) -> np.ndarray:
    """The weights as the core takes them."""
    return torch.cat([each.detach().flatten() for each in weights]).numpy().astype(np.float32)


class Oracle:
    """Follows a learner byte by byte: `predict`, then `see`."""

    def __init__(self, shape: Shape, weights: list[Tensor] | None = None):
        self.shape = shape
        self.weights = [each.clone().double() for each in weights or initial(shape)]
        self.first = [torch.zeros_like(each) for each in self.weights]
        self.second = [torch.zeros_like(each) for each in self.weights]
        self.coming, self.updates = self.weights, 0
        self.calm = self.mean = [each.clone() for each in self.weights]
        self.symbols = list(range(256)) if weights else []
        self.learned, self.shown = len(self.symbols), 0
        self.past: list[int] = []
        self.state, self.before = self.zeros(1), self.zeros(1)
        self.output = None
        self.random = Random()
        self.readers = [(-1, self.zeros(1)) for _ in range(shape.rows)]

    def zeros(self, rows: int) -> tuple[Tensor, ...]:
        return tuple(torch.zeros(rows, self.shape.hidden).double() for _ in range(2 * self.shape.layers))

    def predict(self) -> np.ndarray:
        shown, seen = self.shown, len(self.past)
        aside = 0.0 if shown == 256 else 0.3 * shown / (seen + shown) if shown else 1.0
        p = np.full(256, aside / max(256 - shown, 1))
        if shown:
            p[self.symbols[:shown]] = (1 - aside) * self.output[:shown].numpy()
        return p

    def see(self, byte: int) -> None:
        if byte not in self.symbols:
            self.symbols.append(byte)
        self.past.append(self.symbols.index(byte))
        middle = self.state
        with torch.no_grad():
            self.state, logits = self.step(self.calm, self.state, self.past[-1:])
        self.output, self.shown = logits[0].softmax(0), self.learned
        if len(self.past) % self.shape.steps == 0:
            self.learn()
            self.before = middle

    def step(self, weights, state, inputs):
        tables, bias, *rest = weights
        logits, below, new = bias, None, []
        for layer in range(self.shape.layers):
            recurrent, readout = rest[:2]
            h, c = state[2 * layer : 2 * layer + 2]
            z = tables[layer, inputs] + h @ recurrent.T
            if layer:
                z = z + below @ rest[2].T
            i, f, g, o = z.chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            below = o.sigmoid() * c.tanh()
            logits = logits + below @ readout.T
            new += [below, c]
            rest = rest[3:] if layer else rest[2:]
        return tuple(new), logits

    def learn(self) -> None:
        """What the last update gave comes into use now; the next one is made of it."""
        self.weights = [each.clone() for each in self.coming]
        self.calm = [each.clone() for each in self.mean]
        for each in (self.weights, self.calm, self.mean):
            each[1][self.learned : len(self.symbols)] = 0
        self.learned = len(self.symbols)
        steps, seen = self.shape.steps, len(self.past)
        oldest, loss = max(0, seen - self.shape.history + 1), 0.0
        weights = [each.clone().requires_grad_() for each in self.weights]
        for row, (place, state) in enumerate(self.readers):
            if row == 0:
                place, state = seen - steps, self.before
            elif place < oldest or place + steps > seen:
                place, state = oldest + self.random.below(seen - steps - oldest + 1), self.zeros(1)
            for at in range(place, place + steps):
                state, logits = self.step(weights, state, [self.past[at - 1] if at else 0])
                loss = loss - logits[0].log_softmax(0)[self.past[at]]
            self.readers[row] = (place + steps, tuple(each.detach() for each in state))
        self.adam(weights, torch.autograd.grad(loss / (self.shape.rows * steps), weights))

    def adam(self, weights, gradient) -> None:
        self.updates += 1
        shape = self.shape
        through = min(len(self.past) / shape.decay, 1)
        rate = shape.rate + (shape.last_rate - shape.rate) * through
        self.coming = []
        for i, (w, g) in enumerate(zip(weights, gradient, strict=True)):
            self.first[i] = shape.beta1 * self.first[i] + (1 - shape.beta1) * g
            self.second[i] = shape.beta2 * self.second[i] + (1 - shape.beta2) * g * g
            mean = self.first[i] / (1 - shape.beta1**self.updates)
            # The paper's epsilon is added before the correction of the second average here.
            spread = (self.second[i].sqrt() + 1e-8) / (1 - shape.beta2**self.updates) ** 0.5
            self.coming.append((w - rate * mean / spread).detach())
        rate = max(shape.ema_rate, 1 / (self.updates + 1))
        self.mean = [old + rate * (new - old) for old, new in zip(self.mean, self.coming, strict=True)]

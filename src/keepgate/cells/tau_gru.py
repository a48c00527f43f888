"""Erichson, Lim & Mahoney 2023, "Gated Recurrent Neural Networks with Weighted Time-Delay Feedback".

A gated unit that also reads its state of several steps ago.
"""

from keepgate.cells.options import layers
from keepgate.equations import Cell, affine, sigmoid, tanh


class TauGRU(Cell):
    """Gated unit with weighted feedback after a delay.

    Args:
        delay: number of steps, from 1 to 100, after which a state is read once more.

    Raises:
        InputError: an option is out of its range.
    """

    name = "tau_gru"
    paper = "Erichson, Lim & Mahoney 2023"
    state = ("h",)

    def __init__(self, delay: int = 10):
        self.state = ("h", *(f"h{k}" for k in range(1, layers("delay", delay) + 1)))  # type: ignore[misc]

    def step(self, x, last):
        """Return h and its values at the steps before."""
        past = [getattr(last, name) for name in self.state]
        u = tanh(affine("u", x, last.h))
        z = tanh(affine("z", x, m=past[-1]))
        g = sigmoid(affine("g", x, last.h))
        a = sigmoid(affine("a", x, last.h))
        h = (1 - g) * last.h + g * (u + a * z)
        return self.State(**dict(zip(self.state, [h, *past[:-1]], strict=True)))

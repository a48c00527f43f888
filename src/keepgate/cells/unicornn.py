"""Rusch & Mishra 2021, "UnICORNN: A recurrent model for learning very long time dependencies", ICML.

Undamped oscillators, each of which reads its own state alone, with a learned time step each: h is their place, c
their velocity.
"""

from keepgate.cells.options import positive
from keepgate.equations import Cell, affine, sigmoid, tanh, vector


class UnICORNN(Cell):
    """Undamped independent controlled oscillators.

    Args:
        dt: longest step, positive.
        alpha: stiffness, positive.

    Raises:
        InputError: an option is out of its range.
    """

    name = "unicornn"
    paper = "Rusch & Mishra 2021"
    state = ("h", "c")

    def __init__(self, dt: float = 0.1, alpha: float = 1.0):
        self.dt, self.alpha = positive("dt", dt), positive("alpha", alpha)

    def step(self, x, last):
        """Return h and c after one step."""
        step = self.dt * sigmoid(vector("k"))
        c = last.c - step * (tanh(affine("n", x) + vector("w") * last.h) + self.alpha * last.h)
        return self.State(h=last.h + step * c, c=c)

"""Rusch, Mishra, Erichson & Mahoney 2022, "Long Expressive Memory for Sequence Modeling", ICLR.

Two states with learned time steps, from a discretised system of ordinary differential equations.
"""

from keepgate.cells.options import positive
from keepgate.equations import Cell, affine, sigmoid, tanh


class LEM(Cell):
    """Long expressive memory.

    Args:
        dt: longest step, positive.

    Raises:
        InputError: an option is out of its range.
    """

    name = "lem"
    paper = "Rusch et al. 2022"
    state = ("h", "c")

    def __init__(self, dt: float = 1.0):
        self.dt = positive("dt", dt)

    def step(self, x, last):
        """Return h and c after one step."""
        slow = self.dt * sigmoid(affine("t", x, last.h))
        fast = self.dt * sigmoid(affine("s", x, last.h))
        c = (1 - fast) * last.c + fast * tanh(affine("g", x, last.h))
        h = (1 - slow) * last.h + slow * tanh(affine("n", x, m=c))
        return self.State(h=h, c=c)

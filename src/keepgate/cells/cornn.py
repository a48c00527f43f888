"""Rusch & Mishra 2021, "Coupled Oscillatory Recurrent Neural Network (coRNN)", ICLR.

Units are damped, driven oscillators: h is their place, c their velocity, advanced by one step of length dt.
"""

from keepgate.cells.options import positive
from keepgate.equations import Cell, affine, tanh


class CoRNN(Cell):
    """Coupled oscillatory network.

    Args:
        dt: length of a step, positive.
        gamma: stiffness, positive.
        epsilon: damping, positive.

    Raises:
        InputError: an option is out of its range.
    """

    name = "cornn"
    paper = "Rusch & Mishra 2021"
    state = ("h", "c")

    def __init__(self, dt: float = 0.05, gamma: float = 2.0, epsilon: float = 4.0):
        self.dt, self.gamma, self.epsilon = positive("dt", dt), positive("gamma", gamma), positive("epsilon", epsilon)

    def step(self, x, last):
        """Return h and c after one step."""
        force = tanh(affine("n", x, last.h, last.c))
        c = last.c + self.dt * (force - self.gamma * last.h - self.epsilon * last.c)
        return self.State(h=last.h + self.dt * c, c=c)

"""Jozefowicz, Zaremba & Sutskever 2015, "An Empirical Exploration of Recurrent Network Architectures", ICML.

Found by search. In the paper the reset gate reads the input as it is; here through a matrix, so that it may be of any
size.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class MUT2(Cell):
    """The second of the units found by mutation."""

    name = "mut2"
    paper = "Jozefowicz et al. 2015"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        z = sigmoid(affine("z", x, last.h))
        r = sigmoid(affine("r", x, last.h))
        n = tanh(affine("n", x, h=r * last.h))
        return self.State(h=z * n + (1 - z) * last.h)

"""Jozefowicz, Zaremba & Sutskever 2015, "An Empirical Exploration of Recurrent Network Architectures", section 4.

The first of three cells that their search over some ten thousand found. The paper adds tanh(x) unit by unit, x being
the embedding of a symbol; here its matrix is part of the cell, `W_e`, so that the input may have any size.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class MUT1(Cell):
    """Gated cell that a search found: its update gate sees the input alone."""

    name = "mut1"
    paper = "Jozefowicz et al. 2015"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        z = sigmoid(affine("z", x))
        r = sigmoid(affine("r", x, last.h))
        n = tanh(affine("n", h=r * last.h) + tanh(affine("e", x, bias=False)))
        return self.State(h=n * z + last.h * (1 - z))

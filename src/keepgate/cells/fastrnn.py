"""Kusupati et al. 2018, "FastGRNN: A Fast, Accurate, Stable and Tiny Kilobyte Sized Gated Recurrent Neural Network".

A residual connection over time with two trained scalars.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh, vector


class FastRNN(Cell):
    """Simple recurrent network with a weighted residual connection."""

    name = "fastrnn"
    paper = "Kusupati et al. 2018"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        n = tanh(affine("n", x, last.h))
        a = sigmoid(vector("alpha", -3.0, width="unit"))
        b = sigmoid(vector("beta", 3.0, width="unit"))
        return self.State(h=a * n + b * last.h)

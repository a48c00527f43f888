"""Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder", equations 5 to 8.

As published: the reset gate scales h(t-1) before the recurrent product.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class GRUCho(Cell):
    """Gated recurrent unit as published; the reset gate scales the last state."""

    name = "gru_cho"
    paper = "Cho et al. 2014"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        r = sigmoid(affine("r", x, last.h))
        z = sigmoid(affine("z", x, last.h))
        n = tanh(affine("n", x, h=r * last.h))
        return self.State(h=(1 - z) * n + z * last.h)

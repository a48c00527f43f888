"""Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder", with the reset after the product.

The form of cuDNN and `torch.nn.GRU`, whose gate order and parameters it has: one recurrent product a step.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class GRU(Cell):
    """Gated recurrent unit; the reset gate scales the recurrent product."""

    name = "gru"
    paper = "Cho et al. 2014, reset after the product"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        r = sigmoid(affine("r", x, last.h))
        z = sigmoid(affine("z", x, last.h))
        n = tanh(affine("n", x) + r * affine("n", last.h))
        return self.State(h=(1 - z) * n + z * last.h)

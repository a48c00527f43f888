"""Ravanelli, Brakel, Omologo & Bengio 2018, "Light Gated Recurrent Units for Speech Recognition".

A gated recurrent unit without reset gate and with rectified candidates. The paper normalises the batch of its input
products, which belongs before the layer.
"""

from keepgate.equations import Cell, affine, relu, sigmoid


class LightGRU(Cell):
    """Light gated recurrent unit (Li-GRU)."""

    name = "light_gru"
    paper = "Ravanelli et al. 2018"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        z = sigmoid(affine("z", x, last.h))
        n = relu(affine("n", x, last.h))
        return self.State(h=z * last.h + (1 - z) * n)

"""Turkoglu, D'Aronco, Wegner & Schindler 2021, "Gating Revisited: Deep Multi-layer RNNs That Can Be Trained".

One gate, made for stacks: gradients keep their size across layers.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class STAR(Cell):
    """Stackable recurrent cell."""

    name = "star"
    paper = "Turkoglu et al. 2021"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        z = tanh(affine("z", x))
        k = sigmoid(affine("k", x, last.h))
        return self.State(h=tanh((1 - k) * last.h + k * z))

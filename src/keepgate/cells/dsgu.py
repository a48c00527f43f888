"""Gao & Glowacka 2016, "Deep Gate Recurrent Neural Network", ACML.

The simple gated unit with one more product within the gate. The update gate z has the logistic function here, the paper
its piecewise linear form.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class DSGU(Cell):
    """Deep simple gated unit."""

    name = "dsgu"
    paper = "Gao & Glowacka 2016"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        g = tanh(affine("g", m=affine("x", x) * last.h))
        z = sigmoid(affine("z", x, last.h))
        return self.State(h=(1 - z) * last.h + z * sigmoid(affine("o", u=g * last.h, bias=False)))

"""Laurent & von Brecht 2017, "A recurrent neural network without chaos", ICLR.

Without input its states fall to zero: the dynamics has no chaotic attractor.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class CFN(Cell):
    """Chaos-free network."""

    name = "cfn"
    paper = "Laurent & von Brecht 2017"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        f = sigmoid(affine("f", x, last.h))
        i = sigmoid(affine("i", x, last.h))
        return self.State(h=f * tanh(last.h) + i * tanh(affine("n", x)))

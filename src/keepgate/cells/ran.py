"""Lee, Levy & Zettlemoyer 2017, "Recurrent Additive Networks".

The memory is a gated sum of linear functions of the inputs: nothing squashes on the way.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class RAN(Cell):
    """Recurrent additive network."""

    name = "ran"
    paper = "Lee, Levy & Zettlemoyer 2017"
    state = ("h", "c")

    def step(self, x, last):
        """Return h and c after one step."""
        i = sigmoid(affine("i", x, last.h))
        f = sigmoid(affine("f", x, last.h))
        c = i * affine("g", x, bias=False) + f * last.c
        return self.State(h=tanh(c), c=c)

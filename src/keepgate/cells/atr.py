"""Zhang et al. 2018, "Simplifying Neural Machine Translation with Addition-Subtraction Twin-Gated Recurrent Networks".

Two matrices alone: the gates are the sum and the difference of what the input and the state say.
"""

from keepgate.equations import Cell, affine, sigmoid


class ATR(Cell):
    """Addition-subtraction twin-gated recurrent unit."""

    name = "atr"
    paper = "Zhang et al. 2018"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        p = affine("p", x)
        q = affine("q", last.h)
        i = sigmoid(p + q)
        f = sigmoid(p - q)
        return self.State(h=i * p + f * last.h)

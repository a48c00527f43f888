"""Mikolov, Joulin, Chopra, Mathieu & Ranzato 2015, "Learning Longer Memory in Recurrent Neural Networks", ICLR.

Beside the hidden layer, context units that change slowly: c keeps the share alpha of its value. The hidden layer is
the output; here it is as wide as the context.
"""

from keepgate.cells.options import share
from keepgate.equations import Cell, affine, sigmoid


class SCRN(Cell):
    """Structurally constrained recurrent network.

    Args:
        alpha: share of the context that a step keeps, from 0 to 1.

    Raises:
        InputError: an option is out of its range.
    """

    name = "scrn"
    paper = "Mikolov et al. 2015"
    state = ("h", "c")

    def __init__(self, alpha: float = 0.95):
        self.alpha = share("alpha", alpha)

    def step(self, x, last):
        """Return h and c after one step."""
        c = (1 - self.alpha) * affine("g", x, bias=False) + self.alpha * last.c
        return self.State(h=sigmoid(affine("n", x, last.h, m=c)), c=c)

"""van der Westhuizen & Lasenby 2018, "The unreasonable effectiveness of the forget gate".

An LSTM of which the forget gate alone is left; beta lets in less than is forgotten.
"""

from keepgate.cells.options import finite
from keepgate.equations import Cell, affine, sigmoid, tanh


class JANET(Cell):
    """Just another network: the forget gate alone.

    Args:
        beta: offset of the input's gate.

    Raises:
        InputError: an option is out of its range.
    """

    name = "janet"
    paper = "van der Westhuizen & Lasenby 2018"
    state = ("h",)

    def __init__(self, beta: float = 1.0):
        self.beta = finite("beta", beta)

    def step(self, x, last):
        """Return h after one step."""
        s = affine("f", x, last.h)
        g = tanh(affine("g", x, last.h))
        return self.State(h=sigmoid(s) * last.h + (1 - sigmoid(s - self.beta)) * g)

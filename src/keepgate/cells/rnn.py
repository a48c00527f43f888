"""Elman 1990, "Finding Structure in Time", Cognitive Science 14(2).

The simple recurrent network, with the parameters of `torch.nn.RNN`.
"""

from keepgate.equations import Cell, affine, relu, tanh
from keepgate.errors import InputError, quoted

NONLINEARITIES = {"tanh": tanh, "relu": relu}


class RNN(Cell):
    """Simple recurrent network.

    Args:
        nonlinearity: `"tanh"` or `"relu"`.

    Raises:
        InputError: another nonlinearity.
    """

    name = "rnn"
    paper = "Elman 1990"
    state = ("h",)

    def __init__(self, nonlinearity: str = "tanh"):
        if nonlinearity not in tuple(NONLINEARITIES):
            raise InputError(f"nonlinearity is one of {', '.join(NONLINEARITIES)}; got {quoted(nonlinearity)}")
        self.nonlinearity = nonlinearity

    def step(self, x, last):
        """Return h after one step."""
        return self.State(h=NONLINEARITIES[self.nonlinearity](affine("n", x, last.h)))

"""Gers, Schmidhuber & Cummins 2000, "Learning to Forget: Continual Prediction with LSTM", Neural Computation 12(10).

The cell that "LSTM" means today, with hyperbolic tangents as squashing functions; gate order and parameters are those
of `torch.nn.LSTM`.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class LSTM(Cell):
    """LSTM with a forget gate."""

    name = "lstm"
    paper = "Gers, Schmidhuber & Cummins 2000"
    state = ("h", "c")

    def step(self, x, last):
        """Return h and c after one step."""
        i = sigmoid(affine("i", x, last.h))
        f = sigmoid(affine("f", x, last.h))
        g = tanh(affine("g", x, last.h))
        o = sigmoid(affine("o", x, last.h))
        c = f * last.c + i * g
        return self.State(h=o * tanh(c), c=c)

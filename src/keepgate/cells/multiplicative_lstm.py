"""Krause, Lu, Murray & Renals 2016, "Multiplicative LSTM for sequence modelling".

An intermediate state m, a product of an input and a recurrent map, takes the place of h(t-1) in every gate: each input
chooses its own transition.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class MultiplicativeLSTM(Cell):
    """LSTM whose recurrent transition depends on the input."""

    name = "multiplicative_lstm"
    paper = "Krause et al. 2016"
    state = ("h", "c")

    def step(self, x, last):
        """Return h and c after one step."""
        m = affine("m", x, bias=False) * affine("m", last.h, bias=False)
        i = sigmoid(affine("i", x, m=m))
        f = sigmoid(affine("f", x, m=m))
        g = tanh(affine("g", x, m=m))
        o = sigmoid(affine("o", x, m=m))
        c = f * last.c + i * g
        return self.State(h=o * tanh(c), c=c)

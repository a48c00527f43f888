"""Gers & Schmidhuber 2001, "LSTM Recurrent Networks Learn Simple Context Free and Context Sensitive Languages".

The compact form in which the peephole LSTM is often printed: the gates see c(t-1) through a full matrix in the place
of h(t-1), and the cell's input sees x only.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class PeepholeLSTMFull(Cell):
    """LSTM whose gates see all cells, through a full matrix, instead of the outputs."""

    name = "peephole_lstm_full"
    paper = "Gers & Schmidhuber 2001, compact form"
    state = ("h", "c")

    def step(self, x, last):
        """Return h and c after one step."""
        i = sigmoid(affine("i", x, last.c))
        f = sigmoid(affine("f", x, last.c))
        g = tanh(affine("g", x))
        o = sigmoid(affine("o", x, last.c))
        c = f * last.c + i * g
        return self.State(h=o * tanh(c), c=c)

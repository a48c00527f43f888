"""Hochreiter & Schmidhuber 1997, "Long Short-Term Memory", Neural Computation 9(8), section 4 and appendix A.1.

The memory cell without a forget gate: its self-connection has weight 1, the constant error carousel. The squashing
functions are the paper's: g(a) = 4 sigmoid(a) - 2 and h(s) = 2 sigmoid(s) - 1.
"""

from keepgate.equations import Cell, affine, sigmoid


class LSTM1997(Cell):
    """The original LSTM memory cell: input and output gate, no forget gate."""

    name = "lstm_1997"
    paper = "Hochreiter & Schmidhuber 1997"
    state = ("h", "c")

    def step(self, x, last):
        """Return h and c after one step."""
        i = sigmoid(affine("i", x, last.h))
        g = 4 * sigmoid(affine("g", x, last.h)) - 2
        o = sigmoid(affine("o", x, last.h))
        c = last.c + i * g
        return self.State(h=o * (2 * sigmoid(c) - 1), c=c)

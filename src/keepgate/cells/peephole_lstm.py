"""Gers, Schraudolph & Schmidhuber 2002, "Learning Precise Timing with LSTM Recurrent Networks", JMLR 3.

Diagonal peepholes: each gate sees its own unit's cell, the input and forget gates before the step, the output gate
after it.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh, vector


class PeepholeLSTM(Cell):
    """LSTM whose gates see the cell through one weight a unit."""

    name = "peephole_lstm"
    paper = "Gers, Schraudolph & Schmidhuber 2002"
    state = ("h", "c")

    def step(self, x, last):
        """Return h and c after one step."""
        i = sigmoid(affine("i", x, last.h) + vector("p_i") * last.c)
        f = sigmoid(affine("f", x, last.h) + vector("p_f") * last.c)
        g = tanh(affine("g", x, last.h))
        c = f * last.c + i * g
        o = sigmoid(affine("o", x, last.h) + vector("p_o") * c)
        return self.State(h=o * tanh(c), c=c)

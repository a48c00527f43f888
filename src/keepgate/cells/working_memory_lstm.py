"""Landi, Baraldi, Cornia & Cucchiara 2021, "Working Memory Connections for LSTM", Neural Networks 144.

Full-matrix peepholes that are squashed before the gates read them.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class WorkingMemoryLSTM(Cell):
    """LSTM with working memory connections."""

    name = "working_memory_lstm"
    paper = "Landi et al. 2021"
    state = ("h", "c")

    def step(self, x, last):
        """Return h and c after one step."""
        i = sigmoid(affine("i", x, last.h) + tanh(affine("m", last.c)))
        f = sigmoid(affine("f", x, last.h) + tanh(affine("n", last.c)))
        g = tanh(affine("g", x, last.h))
        c = f * last.c + i * g
        o = sigmoid(affine("o", x, last.h) + tanh(affine("p", m=c)))
        return self.State(h=o * tanh(c), c=c)

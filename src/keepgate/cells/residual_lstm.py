"""Kim, El-Khamy & Lee 2017, "Residual LSTM: Design of a Deep Recurrent Architecture for Distant Speech Recognition".

A peephole LSTM whose output is the projected memory plus the projected input, below the output gate.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh, vector


class ResidualLSTM(Cell):
    """LSTM with a shortcut from its input to its output."""

    name = "residual_lstm"
    paper = "Kim, El-Khamy & Lee 2017"
    state = ("h", "c")

    def step(self, x, last):
        """Return h and c after one step."""
        i = sigmoid(affine("i", x, last.h) + vector("p_i") * last.c)
        f = sigmoid(affine("f", x, last.h) + vector("p_f") * last.c)
        g = tanh(affine("g", x, last.h))
        c = f * last.c + i * g
        o = sigmoid(affine("o", x, last.h) + vector("p_o") * c)
        return self.State(h=o * (affine("m", m=tanh(c), bias=False) + affine("r", x, bias=False)), c=c)

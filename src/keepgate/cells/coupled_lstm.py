"""Greff, Srivastava, Koutník, Steunebrink & Schmidhuber 2017, "LSTM: A Search Space Odyssey", variant CIFG.

Coupled input and forget gate, f = 1 - i (as in the GRU): what is written is forgotten to the same degree.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class CoupledLSTM(Cell):
    """LSTM with coupled input and forget gates."""

    name = "coupled_lstm"
    paper = "Greff et al. 2017 (CIFG)"
    state = ("h", "c")

    def step(self, x, last):
        """Return h and c after one step."""
        i = sigmoid(affine("i", x, last.h))
        f = 1 - i
        g = tanh(affine("g", x, last.h))
        o = sigmoid(affine("o", x, last.h))
        c = f * last.c + i * g
        return self.State(h=o * tanh(c), c=c)

"""Feng et al. 2024, "Were RNNs All We Needed?".

Gates read the input alone, and forget and input gate are normalised to the sum 1.
"""

from keepgate.equations import Cell, affine, sigmoid


class MinLSTM(Cell):
    """Minimal LSTM."""

    name = "min_lstm"
    paper = "Feng et al. 2024"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        f = sigmoid(affine("f", x))
        i = sigmoid(affine("i", x))
        return self.State(h=(f * last.h + i * affine("n", x)) / (f + i))

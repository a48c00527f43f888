"""Baytas et al. 2017, "Patient Subtyping via Time-Aware LSTM Networks", KDD, equations of section 3.2.

For series with irregular time steps: the short-term part of the last cell is discounted by the time that has passed,
g(d) = 1 / log(e + d); the long-term part stays.
"""

import math

from keepgate.equations import Cell, affine, log, sigmoid, step_input, tanh


class TimeAwareLSTM(Cell):
    """LSTM that forgets its short-term memory by elapsed time, a step input `elapsed` of shape [T, B, 1], >= 0."""

    name = "time_aware_lstm"
    paper = "Baytas et al. 2017"
    state = ("h", "c")

    def step(self, x, last):
        """Return h and c after one step."""
        short = tanh(affine("d", last.c))
        discount = 1 / log(math.e + step_input("elapsed"))
        adjusted = last.c - short + discount * short
        i = sigmoid(affine("i", x, last.h))
        f = sigmoid(affine("f", x, last.h))
        g = tanh(affine("g", x, last.h))
        o = sigmoid(affine("o", x, last.h))
        c = f * adjusted + i * g
        return self.State(h=o * tanh(c), c=c)

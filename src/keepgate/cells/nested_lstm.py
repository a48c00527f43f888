"""Moniz & Krueger 2017, "Nested LSTMs", ACML.

The memory of the outer LSTM is the output of an inner one, which reads the gated input and the gated memory.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class NestedLSTM(Cell):
    """Nested LSTM of depth two."""

    name = "nested_lstm"
    paper = "Moniz & Krueger 2017"
    state = ("h", "c", "d")

    def step(self, x, last):
        """Return h, c and d after one step."""
        i = sigmoid(affine("i", x, last.h))
        f = sigmoid(affine("f", x, last.h))
        g = tanh(affine("g", x, last.h))
        o = sigmoid(affine("o", x, last.h))
        inner = {"n": i * g, "m": f * last.c}
        j = sigmoid(affine("j", **inner))
        k = sigmoid(affine("k", **inner))
        q = tanh(affine("q", **inner))
        p = sigmoid(affine("p", **inner))
        d = k * last.d + j * q
        c = p * tanh(d)
        return self.State(h=o * tanh(c), c=c, d=d)

"""Balduzzi & Ghifary 2016, "Strongly-Typed Recurrent Neural Networks", ICML.

Gates read this input and the one before. What the next step reads of an input is computed when it is seen, and kept
in states.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class TLSTM(Cell):
    """Strongly typed LSTM."""

    name = "tlstm"
    paper = "Balduzzi & Ghifary 2016"
    state = ("h", "c", "u", "v", "w")

    def step(self, x, last):
        """Return h, c, u, v and w after one step."""
        z = affine("z", x) + last.u
        f = sigmoid(affine("f", x) + last.v)
        o = tanh(affine("o", x) + last.w)
        c = f * last.c + (1 - f) * z
        u = affine("u", x, bias=False)
        v = affine("v", x, bias=False)
        w = affine("w", x, bias=False)
        return self.State(h=c * o, c=c, u=u, v=v, w=w)

"""Balduzzi & Ghifary 2016, "Strongly-Typed Recurrent Neural Networks", ICML.

Gates read this input and the one before. What the next step reads of an input is computed when it is seen, and kept
in states.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class TGRU(Cell):
    """Strongly typed gated recurrent unit."""

    name = "tgru"
    paper = "Balduzzi & Ghifary 2016"
    state = ("h", "u", "v", "w")

    def step(self, x, last):
        """Return h, u, v and w after one step."""
        z = affine("z", x) + last.u
        f = sigmoid(affine("f", x) + last.v)
        o = tanh(affine("o", x) + last.w)
        u = affine("u", x, bias=False)
        v = affine("v", x, bias=False)
        w = affine("w", x, bias=False)
        return self.State(h=f * last.h + z * o, u=u, v=v, w=w)

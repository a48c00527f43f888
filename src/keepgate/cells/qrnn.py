"""Bradbury, Merity, Xiong & Socher 2017, "Quasi-Recurrent Neural Networks", ICLR.

A convolution of two steps over the inputs, then fo-pooling. What the next step reads of an input is computed when it
is seen, and kept in states.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class QRNN(Cell):
    """Quasi-recurrent network of window 2, with fo-pooling."""

    name = "qrnn"
    paper = "Bradbury et al. 2017"
    state = ("h", "c", "u", "v", "w")

    def step(self, x, last):
        """Return h, c, u, v and w after one step."""
        z = tanh(affine("z", x) + last.u)
        f = sigmoid(affine("f", x) + last.v)
        o = sigmoid(affine("o", x) + last.w)
        c = f * last.c + (1 - f) * z
        u = affine("u", x, bias=False)
        v = affine("v", x, bias=False)
        w = affine("w", x, bias=False)
        return self.State(h=o * c, c=c, u=u, v=v, w=w)

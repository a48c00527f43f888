"""Balduzzi & Ghifary 2016, "Strongly-Typed Recurrent Neural Networks", ICML.

The state reads itself unit by unit, never through a matrix.
"""

from keepgate.equations import Cell, affine, sigmoid


class TRNN(Cell):
    """Strongly typed recurrent network."""

    name = "trnn"
    paper = "Balduzzi & Ghifary 2016"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        f = sigmoid(affine("f", x))
        return self.State(h=f * last.h + (1 - f) * affine("z", x))

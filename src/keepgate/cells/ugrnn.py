"""Collins, Sohl-Dickstein & Sussillo 2017, "Capacity and Trainability in Recurrent Neural Networks", ICLR.

A simple recurrent network with one gate between state and candidate.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class UGRNN(Cell):
    """Update gate network."""

    name = "ugrnn"
    paper = "Collins, Sohl-Dickstein & Sussillo 2017"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        n = tanh(affine("n", x, last.h))
        z = sigmoid(affine("z", x, last.h))
        return self.State(h=z * last.h + (1 - z) * n)

"""Zoph & Le 2017, "Neural Architecture Search with Reinforcement Learning", ICLR.

The cell that a controller network found on the Penn treebank: a tree of eight products.
"""

from keepgate.equations import Cell, affine, relu, sigmoid, tanh


class NAS(Cell):
    """The cell found by architecture search."""

    name = "nas"
    paper = "Zoph & Le 2017"
    state = ("h", "c")

    def step(self, x, last):
        """Return h and c after one step."""
        a = tanh(sigmoid(affine("a", x, last.h)) * relu(affine("b", x, last.h)))
        d = tanh(sigmoid(affine("d", x, last.h)) + relu(affine("e", x, last.h)))
        g = tanh(tanh(affine("g", x, last.h)) * sigmoid(affine("k", x, last.h)))
        m = sigmoid(tanh(affine("m", x, last.h)) + sigmoid(affine("o", x, last.h)))
        c = tanh(a + last.c) * d
        return self.State(h=tanh(c * tanh(g + m)), c=c)

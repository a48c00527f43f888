"""Zilly, Srivastava, Koutník & Schmidhuber 2017, "Recurrent Highway Networks", ICML.

Several highway layers within one step; the first of them reads the input. The carry gate is 1 minus the transform
gate, as in the paper's experiments.
"""

from keepgate.cells.options import layers
from keepgate.equations import Cell, affine, sigmoid, tanh


class RHN(Cell):
    """Recurrent highway network.

    Args:
        depth: number of highway layers within a step, from 1 to 100.

    Raises:
        InputError: an option is out of its range.
    """

    name = "rhn"
    paper = "Zilly et al. 2017"
    state = ("h",)

    def __init__(self, depth: int = 2):
        self.depth = layers("depth", depth)

    def step(self, x, last):
        """Return h after one step."""
        s = last.h
        for k in range(self.depth):
            sources = {"i": x, "h": s} if k == 0 else {f"s{k}": s}
            n = tanh(affine(f"n{k}", **sources))
            t = sigmoid(affine(f"t{k}", **sources))
            s = s + t * (n - s)
        return self.State(h=s)

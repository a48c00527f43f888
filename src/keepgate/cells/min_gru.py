"""Feng et al. 2024, "Were RNNs All We Needed?".

The gate reads the input alone.
"""

from keepgate.equations import Cell, affine, sigmoid


class MinGRU(Cell):
    """Minimal GRU."""

    name = "min_gru"
    paper = "Feng et al. 2024"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        z = sigmoid(affine("z", x))
        return self.State(h=(1 - z) * last.h + z * affine("n", x))

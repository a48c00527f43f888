"""Li et al. 2018, "Independently Recurrent Neural Network (IndRNN): Building A Longer and Deeper RNN", CVPR.

Each unit reads its own state alone; depth mixes the units.
"""

from keepgate.equations import Cell, affine, relu, vector


class IndRNN(Cell):
    """Independently recurrent network, with rectified units."""

    name = "indrnn"
    paper = "Li et al. 2018"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        return self.State(h=relu(affine("n", x) + vector("u", 1.0) * last.h))

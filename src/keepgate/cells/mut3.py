"""Jozefowicz, Zaremba & Sutskever 2015, "An Empirical Exploration of Recurrent Network Architectures", ICML.

Found by search: a gated recurrent unit whose update gate reads the squashed state.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class MUT3(Cell):
    """The third of the units found by mutation."""

    name = "mut3"
    paper = "Jozefowicz et al. 2015"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        z = sigmoid(affine("z", x, h=tanh(last.h)))
        r = sigmoid(affine("r", x, last.h))
        n = tanh(affine("n", x, h=r * last.h))
        return self.State(h=z * n + (1 - z) * last.h)

"""Kusupati et al. 2018, "FastGRNN: A Fast, Accurate, Stable and Tiny Kilobyte Sized Gated Recurrent Neural Network".

Gate and candidate share their matrices and differ by their biases; two trained scalars mix them. The paper makes the
matrices low-rank, sparse and quantised as well, which is not part of the equations.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh, vector


class FastGRNN(Cell):
    """Gated unit whose gate and candidate share their weights."""

    name = "fastgrnn"
    paper = "Kusupati et al. 2018"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        p = affine("p", x, last.h, bias=False)
        z = sigmoid(p + vector("b_z", 1.0))
        n = tanh(p + vector("b_n", 1.0))
        zeta = sigmoid(vector("zeta", 1.0, width="unit"))
        nu = sigmoid(vector("nu", -4.0, width="unit"))
        return self.State(h=(zeta * (1 - z) + nu) * n + z * last.h)

"""Zhou, Wu, Zhang & Zhou 2016, "Minimal Gated Unit for Recurrent Neural Networks".

One gate both forgets and resets.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class MGU(Cell):
    """Minimal gated unit."""

    name = "mgu"
    paper = "Zhou et al. 2016"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        f = sigmoid(affine("f", x, last.h))
        n = tanh(affine("n", x, h=f * last.h))
        return self.State(h=(1 - f) * last.h + f * n)

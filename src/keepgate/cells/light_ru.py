"""Ye et al. 2024, "Light Recurrent Unit: Towards an Interpretable Recurrent Neural Network", Electronics 13(16), 3204.

The candidate reads the input alone; one gate reads both.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class LightRU(Cell):
    """Light recurrent unit."""

    name = "light_ru"
    paper = "Ye et al. 2024"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        n = tanh(affine("n", x))
        f = sigmoid(affine("f", x, last.h))
        return self.State(h=(1 - f) * last.h + f * n)

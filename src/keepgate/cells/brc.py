"""Vecoven, Ernst & Drion 2021, "A bio-inspired bistable recurrent cell allows for long-lasting memory", PLOS ONE 16(6).

Each unit reads its own state alone; where a exceeds 1 it has two stable states, so that it can hold a bit for ever.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh, vector


class BRC(Cell):
    """Bistable recurrent cell."""

    name = "brc"
    paper = "Vecoven, Ernst & Drion 2021"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        a = 1 + tanh(affine("a", x) + vector("w_a") * last.h)
        c = sigmoid(affine("c", x) + vector("w_c") * last.h)
        return self.State(h=c * last.h + (1 - c) * tanh(affine("n", x) + a * last.h))

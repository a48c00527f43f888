"""Vecoven, Ernst & Drion 2021, "A bio-inspired bistable recurrent cell allows for long-lasting memory", PLOS ONE 16(6).

The bistable cell with gates that read the states of all units, its neuromodulated form.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class NBRC(Cell):
    """Recurrently neuromodulated bistable recurrent cell."""

    name = "nbrc"
    paper = "Vecoven, Ernst & Drion 2021"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        a = 1 + tanh(affine("a", x, last.h))
        c = sigmoid(affine("c", x, last.h))
        return self.State(h=c * last.h + (1 - c) * tanh(affine("n", x) + a * last.h))

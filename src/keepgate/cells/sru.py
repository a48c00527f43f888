"""Lei, Zhang, Wang, Dai & Artzi 2018, "Simple Recurrent Units for Highly Parallelizable Recurrence", EMNLP.

Each unit reads its own memory alone; the output is a highway over the input, which has a matrix here, so that it may
be of any size.
"""

from keepgate.equations import Cell, affine, sigmoid, vector


class SRU(Cell):
    """Simple recurrent unit."""

    name = "sru"
    paper = "Lei et al. 2018"
    state = ("h", "c")

    def step(self, x, last):
        """Return h and c after one step."""
        f = sigmoid(affine("f", x) + vector("v_f") * last.c)
        r = sigmoid(affine("r", x) + vector("v_r") * last.c)
        c = f * last.c + (1 - f) * affine("z", x, bias=False)
        return self.State(h=r * c + (1 - r) * affine("s", x, bias=False), c=c)

"""Beck et al. 2024, "xLSTM: Extended Long Short-Term Memory", NeurIPS.

Exponential gates, whose sum n normalises the memory; m keeps the exponents in range and changes no output. The
recurrence is dense here: one head.
"""

from keepgate.equations import Cell, affine, exp, maximum, sigmoid, softplus, tanh


class SLSTM(Cell):
    """LSTM with exponential gates."""

    name = "slstm"
    paper = "Beck et al. 2024"
    state = ("h", "c", "n", "m")

    def step(self, x, last):
        """Return h, c, n and m after one step."""
        i = affine("i", x, last.h)
        f = affine("f", x, last.h)
        z = tanh(affine("z", x, last.h))
        o = sigmoid(affine("o", x, last.h))
        log_f = -softplus(-f)
        m = maximum(log_f + last.m, i)
        kept, new = exp(log_f + last.m - m), exp(i - m)
        c = kept * last.c + new * z
        n = kept * last.n + new
        return self.State(h=o * (c / n), c=c, n=n, m=m)

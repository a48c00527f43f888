"""The cells on which every engine is tried: all that are registered, all modifiers, and one of every operation."""

from __future__ import annotations

import keepgate.equations as eq
from keepgate import cells
from keepgate.equations import Cell, affine, step_input, vector

__all__ = ["ABOVE_ZERO", "CELLS", "Everything", "TwoMaps"]


class Everything(Cell):
    """Each operation, width and kind of leaf of the language at least once; three states, three stages of maps."""

    name = "everything"
    state = ("h", "c", "m")

    def step(self, x, last):
        gap, drive = step_input("gap"), step_input("drive", "hidden")
        share, held = eq.bernoulli("share", 0.4), eq.bernoulli("held", 0.7, "unit", "sequence")
        a = affine("a", x, last.h, last.m) + share * drive * held
        b = affine("b", x, w=eq.tanh(x))
        decay = eq.exp(-gap * eq.softplus(vector("k", 0.5)))
        spread = eq.sqrt(eq.mean(a * a) + 0.1)
        m = eq.where(last.m < b, eq.minimum(a, b), eq.maximum(eq.tanh(last.c), 0.3)) / (1 + spread)
        n = eq.normalize(affine("n", q=m * last.h, bias=False)) * vector("n_gain", 1.0)
        c = decay * last.c + eq.sigmoid(a) * eq.log(1 + eq.absolute(n)) - eq.relu(b - eq.size("hidden") / 100)
        return self.State(h=eq.tanh(affine("h", r=eq.tanh(c)) - eq.mean(n)), c=c, m=-m)


class TwoMaps(Cell):
    """One computed value read by maps of two widths under one letter, once it is projected."""

    name = "two_maps"
    state = ("h", "c")

    def step(self, x, last):
        wide = eq.tanh(affine("g", x, last.c))
        return self.State(h=wide, c=eq.tanh(affine("k", h=wide) + last.c))


SPECIFICATIONS = (
    *cells.registry(),
    "rnn('relu')",
    "layer_norm(lstm)",
    "layer_norm(gru)",
    "layer_norm(peephole_lstm)",
    "layer_norm(lstm_1997)",
    "zoneout(lstm, 0.25)",
    "zoneout(gru, {'h': 0.5})",
    "projected(lstm, 3)",
    "projected(peephole_lstm, 2)",
    "projected(multiplicative_lstm, 5)",
    "recurrent_dropout(lstm, 0.25)",
    "recurrent_dropout(layer_norm(gru), 0.5, 'sequence')",
    "variational(lstm, {'x': 0.2, 'h': 0.5})",
    "variational(layer_norm(gru_cho), 0.25)",
    "variational(projected(peephole_lstm, 3), 0.25)",
    "activation(lstm, 'elu')",
    "activation(coupled_lstm, 'softsign', 'hard_sigmoid')",
    "coupled(peephole_lstm)",
    "no_output_activation(peephole_lstm)",
    "zoneout(layer_norm(projected(coupled(lstm), 3)), 0.25)",
)

CELLS: dict[str, Cell] = {name: cells.get(name) for name in SPECIFICATIONS} | {
    "everything": Everything(),
    "projected(two_maps, 2)": cells.projected(TwoMaps(), 2),
}

ABOVE_ZERO = {"slstm": ("n",)}  # states by which a step divides, sums of exponentials

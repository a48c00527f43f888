"""Weights in ONNX's layout put into our layers, and results brought back into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from keepgate.equations import Cell, affine, maximum, minimum, sigmoid, tanh, vector
from keepgate.nn import Recurrent

__all__ = ["GATES", "LSTMOf", "layer", "run"]

# The names of our gates in the order in which ONNX stacks them.
GATES = {"LSTM": "iofg", "GRU": "zrn", "RNN": "n"}
PEEPHOLES = ("p_i", "p_o", "p_f")
FUNCTIONS = {"sigmoid": sigmoid, "tanh": tanh}


class LSTMOf(Cell):
    """An LSTM with other activations, bounded gates, peepholes or a coupled forget gate, as ONNX describes it."""

    state = ("h", "c")

    def __init__(self, activations=("sigmoid", "tanh", "tanh"), clip=None, peepholes=True, coupled=False):
        self.functions = [FUNCTIONS[name] for name in activations]
        self.clip, self.peepholes, self.coupled = clip, peepholes, coupled

    def bounded(self, value):
        return value if self.clip is None else maximum(minimum(value, self.clip), -self.clip)

    def step(self, x, last):
        f_, g_, h_ = self.functions

        def gate(name, memory):
            value = affine(name, x, last.h)
            return f_(self.bounded(value + vector(f"p_{name}") * memory if self.peepholes else value))

        i = gate("i", last.c)
        f = 1 - i if self.coupled else gate("f", last.c)
        c = f * last.c + i * g_(self.bounded(affine("g", x, last.h)))
        return self.State(h=gate("o", c) * h_(c), c=c)


def layer(cell, operator: str, given: Mapping[str, np.ndarray], backend: str = "auto") -> Recurrent:
    """Return one layer of a cell with the weights W, R, B and P [directions, ...] of an ONNX node."""
    directions, rows, inputs = given["W"].shape
    hidden = rows // len(GATES[operator])
    made = Recurrent(cell, inputs, hidden, bidirectional=directions == 2, backend=backend)
    halves = np.split(given.get("B", np.zeros((directions, 2 * rows))), 2, axis=1)
    sources = {"weight_ih": given["W"], "weight_hh": given["R"], "bias_ih": halves[0], "bias_hh": halves[1]}
    orders = {p.name: p.gates for p in made.equations.parameters(inputs, hidden)}
    state = made.state_dict()
    for direction, suffix in enumerate(("_l0", "_l0_reverse")[:directions]):
        for name, source in sources.items():
            parts = dict(zip(GATES[operator], np.split(source[direction], len(GATES[operator])), strict=True))
            state[name + suffix] = torch.from_numpy(np.concatenate([parts[gate] for gate in orders[name]]))
        if "p_o" in orders:
            vectors = np.split(given.get("P", np.zeros((directions, 3 * hidden)))[direction], 3)
            state |= {p + suffix: torch.from_numpy(v) for p, v in zip(PEEPHOLES, vectors, strict=True) if p in orders}
    made.load_state_dict(state, strict=True)
    return made


def run(
    made: Recurrent,
    x: np.ndarray,
    initial: Sequence[np.ndarray | None] = (),
    lengths: np.ndarray | None = None,
    reverse: bool = False,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return Y [T, directions, B, H] and the final states [directions, B, H].

    `reverse` is the direction "reverse" alone: the sequence is turned round, within its lengths.
    """
    given = [None if value is None else np.asarray(value, np.float32) for value in initial]
    shape = (made.directions, x.shape[1], made.hidden_size)
    rest = len(made.equations.states) - len(given)
    state = [torch.from_numpy(np.zeros(shape, np.float32) if v is None else v) for v in [*given, *[None] * rest]]
    turned = _turned(x, lengths) if reverse else x
    with torch.no_grad():
        output, final = made(
            torch.from_numpy(turned.astype(np.float32)),
            tuple(state) if len(state) > 1 else state[0],
            None if lengths is None else torch.as_tensor(np.asarray(lengths, np.int64)),
        )
    y = output.numpy()
    y = _turned(y, lengths) if reverse else y
    y = y.reshape(*y.shape[:2], made.directions, -1).transpose(0, 2, 1, 3)
    return y, [value.numpy() for value in (final if isinstance(final, tuple) else (final,))]


def _turned(x: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Turn each sequence round; what is past its length stays."""
    turned = x.copy()
    for row in range(x.shape[1]):
        end = len(x) if lengths is None else int(lengths[row])
        turned[:end, row] = x[:end, row][::-1]
    return turned

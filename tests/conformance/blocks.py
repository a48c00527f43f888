"""A row for each block of `keepgate.networks`: what it is made with, and what it reads.

Sizes are drawn anew for every draw of a row; the batch is odd, and its lengths are from 1 to all steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keepgate import cells, networks
from keepgate.networks import FLOAT, FLOAT64, INT64, Input, Network, Step, Value

__all__ = ["ROWS", "Draw", "Problem", "problem"]


class Draw:
    """Random sizes, and the values that rows ask for; `given` collects them as the network's inputs."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.batch, self.steps, self.width = (int(n) for n in self.random.integers((1, 1, 1), (8, 12, 9)))
        self.lengths = self.random.integers(1, self.steps + 1, self.batch)
        self.lengths[self.random.integers(self.batch)] = self.steps
        self.given: dict[str, tuple[Value, np.ndarray]] = {}

    def put(self, name: str, value: Value, array: np.ndarray) -> str:
        self.given[name] = value, array
        return name

    def size(self, most: int = 8) -> int:
        return int(self.random.integers(1, most))

    def rows(self) -> str:
        return self.put("lengths", Value(INT64, ("batch",)), self.lengths)

    def frames(self, width: int | None = None, dtype: str = FLOAT, name: str = "x", steps: str | int = "time") -> str:
        width = width or self.width
        array = 2 * self.random.normal(size=(self.batch, self.steps, width)) + 1
        return self.put(name, Value(dtype, ("batch", steps, width)), array)

    def vector(self, width: int | None = None) -> str:
        width = width or self.width
        return self.put("x", Value(FLOAT, ("batch", width)), self.random.normal(size=(self.batch, width)))

    def symbols(self, count: int) -> str:
        array = self.random.integers(0, count, (self.batch, self.steps))
        return self.put("symbols", Value(INT64, ("batch", "time")), array)

    def states(self, block: networks.Recurrent) -> list[str]:
        rows = len(block.suffixes)
        return [
            self.put(f"{k}0", Value(FLOAT, ("batch", rows, w)), self.random.normal(size=(self.batch, rows, w)))
            for k, w in block.widths.items()
        ]


Row = Callable[[Draw], tuple[Any, list[str]]]


def _recurrent(cell: str, initial: bool = False, lengths: bool = True, **options: Any) -> Row:
    def row(draw: Draw) -> tuple[Any, list[str]]:
        layers = int(draw.random.integers(1, 4))
        block = networks.Recurrent(cells.get(cell).equations, draw.width, draw.size(), layers, **options)
        sources = [draw.frames(), draw.rows() if lengths else ""]
        return block, [*sources, *(draw.states(block) if initial else [])]

    return row


def _adaptive(draw: Draw) -> tuple[Any, list[str]]:
    count, width = 9, 16
    cutoffs = tuple(sorted(draw.random.choice(np.arange(1, count), 2, replace=False).tolist()))
    ranks = tuple(draw.random.permutation(count).tolist())
    return networks.AdaptiveSoftmax(width, cutoffs, 4.0, ranks), [draw.frames(width)]


def _time_first(draw: Draw) -> tuple[Any, list[str]]:
    block = networks.Recurrent(cells.get("gru").equations, draw.width, 3, time_first=True)
    array = draw.random.normal(size=(draw.steps, draw.batch, draw.width))
    return block, [draw.put("x", Value(FLOAT, ("time", "batch", draw.width)), array)]


def _lookup(draw: Draw) -> tuple[Any, list[str]]:
    table = draw.put("table", Value(FLOAT, ("forms", draw.width)), draw.random.normal(size=(7, draw.width)))
    return networks.Lookup(), [table, draw.symbols(7)]


def _lookup_each(draw: Draw) -> tuple[Any, list[str]]:
    table = draw.put(
        "table", Value(FLOAT, ("batch", "forms", draw.width)), draw.random.normal(size=(draw.batch, 7, draw.width))
    )
    return networks.Lookup(), [table, draw.symbols(7)]


def _patches(draw: Draw) -> tuple[Any, list[str]]:
    return networks.Patches(int(draw.random.integers(1, draw.steps + 1))), [draw.frames(steps=draw.steps)]


def _attention(draw: Draw) -> tuple[Any, list[str]]:
    query = draw.random.normal(size=(draw.batch, 3, draw.width))
    draw.put("query", Value(FLOAT, ("batch", "said", draw.width)), query)
    return networks.Attention(draw.width), ["query", draw.frames(name="memory"), draw.rows()]


def _add(draw: Draw) -> tuple[Any, list[str]]:
    y = draw.random.normal(size=(draw.batch, draw.steps, 1))
    return networks.Add(), [draw.frames(), draw.put("y", Value(FLOAT, ("batch", "time", 1)), y)]


def _window_norm(draw: Draw) -> tuple[Any, list[str]]:
    name = draw.frames(dtype=FLOAT64)
    draw.given[name][1][0] = 0.1  # a constant window
    return networks.WindowNorm(), [name]


def _window_norm_given(draw: Draw) -> tuple[Any, list[str]]:
    block, (name,) = _window_norm(draw)
    width = draw.given[name][1].shape[2]
    spread = draw.random.normal(size=(draw.batch, 1, width)) ** 2
    return block, [name, draw.put("spread", Value(FLOAT64, ("batch", 1, width)), spread)]


def _restore(draw: Draw) -> tuple[Any, list[str]]:
    each = Value(FLOAT64, ("batch", 1, 2))
    others = [draw.put(n, each, draw.random.normal(size=(draw.batch, 1, 2)) ** 2) for n in ("mean", "spread")]
    return networks.Restore(), [draw.frames(), *others]


def _distribution(family: str, width: int) -> Row:
    def row(draw: Draw) -> tuple[Any, list[str]]:
        each = Value(FLOAT64, ("batch", 1, 2))
        mean = 3 * draw.random.normal(size=(draw.batch, 1, 2))
        spread = draw.random.normal(size=(draw.batch, 1, 2)) ** 2
        others = [draw.put(name, each, array) for name, array in (("mean", mean), ("spread", spread))]
        return networks.Distribution(family), [draw.frames(width), *others]

    return row


def _state(draw: Draw) -> str:
    return draw.put("h", Value(FLOAT, ("batch", 4, 3)), draw.random.normal(size=(draw.batch, 4, 3)))


ROWS: dict[str, Row] = {
    "activation, sigmoid": lambda d: (networks.Activation("sigmoid"), [d.frames()]),
    "activation, tanh": lambda d: (networks.Activation("tanh"), [d.frames()]),
    "activation, relu": lambda d: (networks.Activation("relu"), [d.frames()]),
    "adaptive softmax": _adaptive,
    "add": _add,
    "attention": _attention,
    "average": lambda d: (networks.Average(), [d.frames(), d.frames(name="y"), d.frames(name="z")]),
    "average of probabilities": lambda d: (networks.Average(probabilities=True), [d.frames(), d.frames(name="y")]),
    "batch norm": lambda d: (networks.BatchNorm(d.width), [d.frames(), d.rows()]),
    "centre": lambda d: (networks.Centre(), [d.frames(dtype=FLOAT64), d.rows()]),
    "concat": lambda d: (networks.Concat(), [d.frames(), d.frames(3, name="y"), d.frames(1, name="z")]),
    "convolution": lambda d: (networks.Convolution(d.width, d.size(), d.size(15)), [d.frames(), d.rows()]),
    "crf": lambda d: (networks.Crf(d.width), [d.frames(), d.rows()]),
    "crf, barred": lambda d: (networks.Crf(d.width + 2), [d.frames(d.width + 2), d.rows()]),
    "distribution, negative-binomial": _distribution("negative-binomial", 2),
    "distribution, student-t": _distribution("student-t", 3),
    "dropout": lambda d: (networks.Dropout(0.5, axis=1), [d.frames()]),
    "embedding": lambda d: (networks.Embedding(5, d.width, padding=0, scale=3.0), [d.symbols(5)]),
    "last": lambda d: (networks.Last(2), [_state(d)]),
    "linear": lambda d: (networks.Linear(d.width, d.size()), [d.frames()]),
    "linear without bias": lambda d: (networks.Linear(d.width, d.size(), bias=False), [d.vector()]),
    "lookup": _lookup,
    "lookup in each row": _lookup_each,
    "max pool": lambda d: (networks.MaxPool(d.size(5)), [d.frames(), d.rows()]),
    "noise": lambda d: (networks.Noise(0.5), [d.frames()]),
    "patches": _patches,
    "pool, max": lambda d: (networks.Pool("max"), [d.frames(), d.rows()]),
    "pool, mean": lambda d: (networks.Pool("mean"), [d.frames(), d.rows()]),
    "recurrent, both directions": _recurrent("lstm", bidirectional=True),
    "recurrent, by a scan": _recurrent("layer_norm(gru)", bidirectional=True, initial=True),
    "recurrent, from states": _recurrent("lstm", initial=True),
    "recurrent, peepholes": _recurrent("peephole_lstm"),
    "recurrent, projected": _recurrent("projected(lstm, 3)", bidirectional=True),
    "recurrent, time first": _time_first,
    "recurrent, without lengths": _recurrent("gru", lengths=False, bidirectional=True),
    "repeat": lambda d: (networks.Repeat(), [d.vector(), d.rows()]),
    "reshape": lambda d: (networks.Reshape((2, 3)), [d.frames(6)]),
    "restore": _restore,
    "reverse": lambda d: (networks.Reverse(), [d.frames(), d.rows()]),
    "scale": lambda d: (networks.Scale(0.5), [d.frames()]),
    "select": lambda d: (networks.Select(d.width - 1), [d.frames()]),
    "softmax": lambda d: (networks.Softmax(), [d.frames()]),
    "softmax, its logarithm": lambda d: (networks.Softmax(log=True), [d.frames()]),
    "stack": lambda d: (networks.Stack(d.size(5)), [d.frames(), d.rows()]),
    "standardise": lambda d: (networks.Standardize(d.width), [d.frames(dtype=FLOAT64)]),
    "standardise, restored": lambda d: (networks.Standardize(d.width, restore=True), [d.frames()]),
    "symbol dropout": lambda d: (networks.SymbolDropout(0.5, 1), [d.symbols(5)]),
    "window norm": _window_norm,
    "window norm, of a given spread": _window_norm_given,
}

MEANT = ("batch norm", "centre", "convolution", "reverse")  # rows of which what lies past a length means nothing


@dataclass(frozen=True)
class Problem:
    """A network of one block, its tensors in float64, its inputs, and where its results mean something."""

    network: Network
    tensors: dict[str, np.ndarray]
    given: dict[str, np.ndarray]
    lengths: np.ndarray | None

    @property
    def wanted(self) -> tuple[str, ...]:
        return self.network.outputs

    def meant(self, value: np.ndarray) -> np.ndarray:
        """A result with zeros where it means nothing."""
        if self.lengths is None or value.ndim != 3:
            return value
        return np.where((np.arange(value.shape[1]) < self.lengths[:, None])[..., None], value, 0.0)


def problem(name: str, seed: int) -> Problem:
    draw = Draw(seed)
    block, sources = ROWS[name](draw)
    inputs = [Input(key, value) for key, (value, _) in draw.given.items()]
    step = Step("step", block, tuple(sources))
    weights = Step("weights", networks.Linear(1, 1), ("unread",))  # so that every network has a dtype
    inputs.append(Input("unread", Value(FLOAT, ("batch", 1))))
    results = Network(tuple(inputs), (step,), ()).results(step)
    network = Network(tuple(inputs), (step, weights), results)
    shapes = {key: parameter.shape for key, parameter in network.parameters().items()}
    tensors = {key: 0.5 * draw.random.normal(size=shape) for key, shape in shapes.items()}
    tensors |= {key: np.abs(value) + 0.5 for key, value in tensors.items() if key.endswith(("scale", "variance"))}
    if name == "crf, barred":  # as what breaks a span is: no tag begins with the first one, and none but it goes there
        tensors["step.start"][0] = tensors["step.transitions"][1:, 0] = -np.inf
    given = {key: array for key, (_, array) in draw.given.items()}
    return Problem(network, tensors, given, draw.lengths if name in MEANT else None)

"""The blocks with parameters."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from keepgate.equations import Equations
from keepgate.errors import InputError
from keepgate.networks.block import FLOAT, FLOAT64, INT64, Axis, Block, Input, Parameter, Value, option, sequence
from keepgate.networks.sizes import LayerSizes

__all__ = [
    "AdaptiveSoftmax",
    "Attention",
    "BatchNorm",
    "Convolution",
    "Crf",
    "Embedding",
    "Linear",
    "Recurrent",
    "Standardize",
]


@dataclass(frozen=True)
class Standardize(Block):
    """(x - mean) / scale of x [..., width] float64; `restore`: x * scale + mean, float64 again."""

    width: int = option("a number of channels, at least 1", least=1)
    restore: bool = option("true or false", False)

    def parameters(self) -> dict[str, Parameter]:
        """Return `mean` and `scale`."""
        return {name: Parameter((self.width,), FLOAT64) for name in ("mean", "scale")}

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return x in the other dtype."""
        x = _wide(sources[0], self.width, FLOAT if self.restore else FLOAT64)
        return {"": Value(FLOAT64 if self.restore else FLOAT, x.shape)}


@dataclass(frozen=True)
class Embedding(Block):
    """A vector for each symbol; `padding` is the symbol whose vector is not learned, `scale` a factor."""

    count: int = option("a number of symbols, at least 1", least=1)
    width: int = option("the size of a vector, at least 1", least=1)
    padding: int | None = option("a symbol or nothing", None, least=0)
    scale: float = option("a factor", 1.0)

    def parameters(self) -> dict[str, Parameter]:
        """Return `weight` [count, width]."""
        return {"weight": Parameter((self.count, self.width))}

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return [..., width] for symbols [...].

        Raises:
            InputError: the source is no symbols.
        """
        symbols = sources[0]
        if symbols is None or symbols.dtype != INT64:
            raise InputError(f"expected symbols, {INT64}; got {symbols}")
        return {"": Value(FLOAT, (*symbols.shape, self.width))}


@dataclass(frozen=True)
class Linear(Block):
    """x W' + b; `tied` names another step's tensor that is taken for W, as `embedding.weight`."""

    inputs: int = option("the width of what it reads, at least 1", least=1)
    outputs: int = option("the width of what it gives, at least 1", least=1)
    bias: bool = option("true or false", True)
    tied: str | None = option("the name of a tensor or nothing", None)

    def parameters(self) -> dict[str, Parameter]:
        """Return `weight` [outputs, inputs], if it is its own, and `bias` [outputs]."""
        weight = {} if self.tied else {"weight": Parameter((self.outputs, self.inputs))}
        return weight | ({"bias": Parameter((self.outputs,))} if self.bias else {})

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return [..., outputs]."""
        return {"": _wide(sources[0], self.inputs).wide(self.outputs)}


@dataclass(frozen=True)
class Convolution(Block):
    """A convolution over time of x [batch, time, inputs], which counts as zero outside its rows' lengths.

    Step t reads the `kernel` steps from t - (kernel - 1) // 2 on, so there are as many steps as before. There is no
    bias: a `BatchNorm` that follows has one.
    """

    sources: ClassVar[tuple[str, ...]] = ("x", "lengths")

    inputs: int = option("the width of what it reads, at least 1", least=1)
    outputs: int = option("the width of what it gives, at least 1", least=1)
    kernel: int = option("a number of steps, at least 1", least=1)

    @property
    def padding(self) -> tuple[int, int]:
        """The zeros before the first step and after the last one."""
        return (self.kernel - 1) // 2, self.kernel // 2

    def parameters(self) -> dict[str, Parameter]:
        """Return `weight` [outputs, inputs, kernel]."""
        return {"weight": Parameter((self.outputs, self.inputs, self.kernel))}

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return [batch, time, outputs]; what lies past a length is undefined."""
        return {"": sequence(sources[0], self.inputs).wide(self.outputs)}


@dataclass(frozen=True)
class BatchNorm(Block):
    """Batch normalization of the channels of x [batch, time, width] (Ioffe & Szegedy 2015).

    In training, mean and variance are those of the batch's steps within their rows' lengths; the moving averages of
    them are what holds afterwards. What lies past a length is undefined.
    """

    EPSILON: ClassVar[float] = 1e-5

    sources: ClassVar[tuple[str, ...]] = ("x", "lengths")

    width: int = option("a number of channels, at least 1", least=1)

    def parameters(self) -> dict[str, Parameter]:
        """Return `weight`, `bias`, `mean` and `variance`, [width] each."""
        return {name: Parameter((self.width,)) for name in ("weight", "bias", "mean", "variance")}

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return x's shape."""
        return {"": sequence(sources[0], self.width)}


@dataclass(frozen=True)
class Recurrent(LayerSizes, Block):
    """Layers of a cell over time; past its length a row's output is zero and its state is held.

    It reads x, the lengths [batch], and the states it begins in, [batch, layers * directions, width] each, in the
    cell's order; without them it begins at zero. Beside its output it gives the states it ends in, by name. In training
    `dropout` applies between layers (`shared`: one mask for all steps) and `weight_drop` to recurrent weights.
    """

    sources: ClassVar[tuple[str, ...]] = ("x", "[lengths]", "*states")

    equations: Equations = option("the equations of a cell")  # noqa: RUF009, a field
    input_size: int = option("the width of what it reads, at least 1", least=1)
    hidden_size: int = option("a number of units, at least 1", least=1)
    num_layers: int = option("a number from 1 to 100", 1, least=1, most=100)
    bidirectional: bool = option("true or false", False)
    time_first: bool = option("true or false: sequences are [time, batch, width]", False)
    dropout: float = option("a share from 0 to 1", 0.0, least=0, most=1)
    shared: bool = option("true or false", False)
    weight_drop: float = option("a share from 0 to 1", 0.0, least=0, most=1)

    def initial(self, batch: Axis = "batch", name: str = "state") -> tuple[Input, ...]:
        """Return inputs for the states it begins in, `state.h` and so on, which may be left out."""
        rows = len(self.suffixes)
        return tuple(Input(f"{name}.{k}", Value(FLOAT, (batch, rows, w)), True) for k, w in self.widths.items())

    def rows(self) -> list[dict[str, Parameter]]:
        """Return the parameters of each layer and direction by their names in the equations."""
        sizes = [self.input_size if n < self.directions else self.output_size for n in range(len(self.suffixes))]
        return [{p.name: Parameter(p.shape) for p in self.equations.parameters(n, self.hidden_size)} for n in sizes]

    def parameters(self) -> dict[str, Parameter]:
        """Return the tensors as `torch.nn.LSTM` names them."""
        rows = zip(self.rows(), self.suffixes, strict=True)
        return {name + suffix: parameter for row, suffix in rows for name, parameter in row.items()}

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return the output, and the final states by name.

        Raises:
            InputError: x or a state has another shape.
        """
        x, _, *states = sources
        x = sequence(x, self.input_size)
        batch = x.shape[int(self.time_first)]
        final = {name: Value(FLOAT, (batch, len(self.suffixes), width)) for name, width in self.widths.items()}
        for state, wanted in zip(states, final.values(), strict=False):
            if state not in (None, wanted):
                raise InputError(f"expected a state {wanted}, got {state}")
        if len(states) > len(final):
            raise InputError(f"{self.equations.name} has {len(final)} states, got {len(states)}")
        return {"": x.wide(self.output_size), **final}


@dataclass(frozen=True)
class Attention(Block):
    """Weights softmax(q W m) over a memory [batch, places, width] within its lengths, and its sum by these weights."""

    sources: ClassVar[tuple[str, ...]] = ("query", "memory", "lengths")

    width: int = option("the width of queries and memory, at least 1", least=1)

    def parameters(self) -> dict[str, Parameter]:
        """Return `query.weight`."""
        return {"query.weight": Parameter((self.width, self.width))}

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return the sums [batch, time, width] and the `weights` [batch, time, places]."""
        query, memory = (sequence(value, self.width) for value in sources[:2])
        return {"": query, "weights": Value(FLOAT, (*query.shape[:-1], memory.shape[1]))}


@dataclass(frozen=True)
class AdaptiveSoftmax(Block):
    """Log-probabilities of symbols by an adaptive softmax, with the rare symbols in clusters (Grave et al. 2017).

    `cutoffs`: where clusters begin among the symbols by frequency; `shrink`: by which factor each cluster reads a
    narrower projection than the one before; `ranks`: the place of each symbol by frequency.
    """

    inputs: int = option("the width of what it reads, at least 1", least=1)
    cutoffs: tuple[int, ...] = option("places of symbols, at least 1, rising", least=1)
    shrink: float = option("a factor of at least 1", least=1)
    ranks: tuple[int, ...] = option("the place of each symbol by frequency", least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if sorted(self.ranks) != list(range(len(self.ranks))):
            raise InputError("AdaptiveSoftmax.ranks are not all places, each once")
        if not self.cutoffs or any(a >= b for a, b in pairwise((*self.cutoffs, len(self.ranks)))):
            raise InputError("AdaptiveSoftmax.cutoffs do not rise to less than the number of symbols")

    @property
    def clusters(self) -> list[tuple[int, int]]:
        """The width of each cluster's projection, and its number of symbols."""
        sizes = [b - a for a, b in pairwise((*self.cutoffs, len(self.ranks)))]
        return [(int(self.inputs // self.shrink ** (k + 1)), size) for k, size in enumerate(sizes)]

    def parameters(self) -> dict[str, Parameter]:
        """Return the tensors of `torch.nn.AdaptiveLogSoftmaxWithLoss`."""
        parameters = {"head.weight": Parameter((self.cutoffs[0] + len(self.cutoffs), self.inputs))}
        for k, (width, size) in enumerate(self.clusters):
            parameters[f"tail.{k}.0.weight"] = Parameter((width, self.inputs))
            parameters[f"tail.{k}.1.weight"] = Parameter((size, width))
        return parameters

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return [..., symbols]."""
        return {"": _wide(sources[0], self.inputs).wide(len(self.ranks))}


@dataclass(frozen=True)
class Crf(Block):
    """The best path of tags under a linear-chain conditional random field, from emissions [batch, time, tags]."""

    sources: ClassVar[tuple[str, ...]] = ("emissions", "lengths")

    tags: int = option("a number of tags, at least 1", least=1)

    def parameters(self) -> dict[str, Parameter]:
        """Return `transitions`, `start` and `end`."""
        start, end = (Parameter((self.tags,)) for _ in range(2))
        return {"transitions": Parameter((self.tags, self.tags)), "start": start, "end": end}

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return the path [batch, time], -1 past a length, and the `marginals` [batch, time, tags], 0 there."""
        x = sequence(sources[0], self.tags)
        return {"": Value(INT64, x.shape[:2]), "marginals": x}


def _wide(value: Value | None, width: int, dtype: str = FLOAT) -> Value:
    if value is None or value.dtype != dtype or value.width != width:
        raise InputError(f"expected {dtype} [..., {width}], got {value}")
    return value

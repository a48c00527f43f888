"""The blocks without parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keepgate.errors import InputError
from keepgate.networks.block import FLOAT, FLOAT64, INT64, Axis, Block, Value, option, sequence

__all__ = [
    "Activation",
    "Add",
    "Centre",
    "Concat",
    "Distribution",
    "Dropout",
    "Last",
    "Lookup",
    "MaxPool",
    "Noise",
    "Patches",
    "Pool",
    "Repeat",
    "Reshape",
    "Restore",
    "Reverse",
    "Scale",
    "Select",
    "Softmax",
    "Stack",
    "SymbolDropout",
    "WindowNorm",
]

FUNCTIONS = ("tanh", "sigmoid", "relu")
POOLS = ("mean", "max")
FAMILIES = {"student-t": 3, "negative-binomial": 2}  # distributions, and how many parameters they have


class _Same(Block):
    """Base of what gives its first source in the same shape."""

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return the first source."""
        assert sources[0] is not None
        return {"": sources[0]}


@dataclass(frozen=True)
class Noise(_Same):
    """In training, normal noise of a deviation on every value."""

    deviation: float = option("a number from 0 on", least=0)


@dataclass(frozen=True)
class Dropout(_Same):
    """In training, a share of the values at zero, the others scaled up; one mask along `axis`, if it is given."""

    rate: float = option("a share from 0 to 1", least=0, most=1)
    axis: int | None = option("an axis or nothing", None, least=0, most=9)


@dataclass(frozen=True)
class SymbolDropout(_Same):
    """In training, a share of the symbols above 0 becomes the symbol `unknown`."""

    rate: float = option("a share from 0 to 1", least=0, most=1)
    unknown: int = option("a symbol", least=0)


@dataclass(frozen=True)
class Activation(_Same):
    """A function of every value."""

    function: str = option(" or ".join(FUNCTIONS))

    def __post_init__(self) -> None:
        super().__post_init__()
        _one_of("Activation.function", self.function, FUNCTIONS)


@dataclass(frozen=True)
class Scale(_Same):
    """Every value times a factor."""

    factor: float = option("a factor")


@dataclass(frozen=True)
class Softmax(_Same):
    """Probabilities along the last axis, or their logarithms."""

    log: bool = option("true or false", False)


@dataclass(frozen=True)
class Centre(_Same):
    """Frames [batch, time, width] float64 less each row's mean within its length; nothing past it means anything."""

    sources: ClassVar[tuple[str, ...]] = ("x", "lengths")


@dataclass(frozen=True)
class Reverse(_Same):
    """A sequence with each row's steps within its length from the last to the first; past it nothing is meant."""

    sources: ClassVar[tuple[str, ...]] = ("x", "lengths")


@dataclass(frozen=True)
class Stack(Block):
    """Every `count` steps side by side as one, zeros past the length; it gives the new `lengths` too."""

    sources: ClassVar[tuple[str, ...]] = ("x", "lengths")

    count: int = option("a number of steps, at least 1", least=1)

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return [batch, time / count, count * width] and the lengths."""
        x = sequence(sources[0])
        return {
            "": Value(FLOAT, (x.shape[0], _fewer(x, self.count), self.count * x.width)),
            "lengths": Value(INT64, x.shape[:1]),
        }


@dataclass(frozen=True)
class MaxPool(Block):
    """The greatest of every `count` steps within the length, zeros past it; it gives the new `lengths` too."""

    sources: ClassVar[tuple[str, ...]] = ("x", "lengths")

    count: int = option("a number of steps, at least 1", least=1)

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return [batch, time / count, width] and the lengths."""
        x = sequence(sources[0])
        return {"": Value(FLOAT, (x.shape[0], _fewer(x, self.count), x.width)), "lengths": Value(INT64, x.shape[:1])}


@dataclass(frozen=True)
class Patches(Block):
    """Steps of a window of known size, every `count` side by side; the oldest that fill no patch are left out."""

    count: int = option("a number of steps, at least 1", least=1)

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return [batch, steps // count, count * width].

        Raises:
            InputError: the window has fewer steps than a patch.
        """
        x = sequence(sources[0])
        steps = x.shape[1]
        if not isinstance(steps, int) or steps < self.count:
            raise InputError(f"expected a window of at least {self.count} steps, got {x}")
        return {"": Value(FLOAT, (x.shape[0], steps // self.count, self.count * x.width))}


@dataclass(frozen=True)
class Pool(Block):
    """The mean or the greatest of each row's values within its length, which is at least 1."""

    sources: ClassVar[tuple[str, ...]] = ("x", "lengths")

    of: str = option(" or ".join(POOLS))

    def __post_init__(self) -> None:
        super().__post_init__()
        _one_of("Pool.of", self.of, POOLS)

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return [batch, width]."""
        x = sequence(sources[0])
        return {"": Value(FLOAT, (x.shape[0], x.width))}


@dataclass(frozen=True)
class Last(Block):
    """The last rows of a state [batch, rows, width] side by side: of the last layer, each direction's."""

    rows: int = option("1 or 2 directions", least=1, most=2)

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return [batch, rows * width]."""
        state = sequence(sources[0])
        return {"": Value(FLOAT, (state.shape[0], self.rows * state.width))}


@dataclass(frozen=True)
class Concat(Block):
    """Values side by side, along their last axis."""

    sources: ClassVar[tuple[str, ...]] = ("x", "*others")

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return [..., sum of the widths].

        Raises:
            InputError: the sources differ in more than their widths.
        """
        parts = [value for value in sources if value is not None]
        if any((v.dtype, v.shape[:-1]) != (FLOAT, parts[0].shape[:-1]) for v in parts):
            raise InputError(f"expected values that differ in their width only, got {', '.join(map(str, parts))}")
        return {"": parts[0].wide(sum(value.width for value in parts))}


@dataclass(frozen=True)
class Add(Block):
    """The sum of two values; an axis of size 1 of the second one is repeated."""

    sources: ClassVar[tuple[str, ...]] = ("x", "y")

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return the shape of the first.

        Raises:
            InputError: the sources have different shapes.
        """
        x, y = sources
        assert x is not None
        assert y is not None
        fits = len(x.shape) == len(y.shape) and all(b in (a, 1) for a, b in zip(x.shape, y.shape, strict=True))
        if not fits or x.dtype != y.dtype:
            raise InputError(f"expected values of one shape, got {x} and {y}")
        return {"": x}


@dataclass(frozen=True)
class Select(Block):
    """One of the numbers of every step."""

    index: int = option("a place along the last axis", least=0)

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return the value without its last axis.

        Raises:
            InputError: the width is not above the index.
        """
        x = sources[0]
        if x is None or self.index >= x.width:
            raise InputError(f"expected a width above {self.index}, got {x}")
        return {"": Value(x.dtype, x.shape[:-1])}


@dataclass(frozen=True)
class Reshape(Block):
    """The last axis split into axes of these sizes."""

    sizes: tuple[int, ...] = option("sizes of at least 1", least=1)

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return [..., *sizes].

        Raises:
            InputError: the width is not the product of the sizes.
        """
        x, product = sources[0], 1
        for size in self.sizes:
            product *= size
        if x is None or x.width != product:
            raise InputError(f"expected a width of {product}, got {x}")
        return {"": Value(x.dtype, (*x.shape[:-1], *self.sizes))}


@dataclass(frozen=True)
class Lookup(Block):
    """Rows by their numbers [batch, time], of one table [rows, width] or of each row's own, [batch, rows, width]."""

    sources: ClassVar[tuple[str, ...]] = ("table", "numbers")

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return [batch, time, width].

        Raises:
            InputError: the sources are no table and numbers of its rows.
        """
        table, numbers = sources
        if table is None or numbers is None or len(table.shape) not in (2, 3) or numbers.dtype != INT64:
            raise InputError(f"expected a table [rows, width] and numbers of its rows, got {table} and {numbers}")
        if len(table.shape) == 3 and table.shape[0] != numbers.shape[0]:
            raise InputError(f"expected a table for each row of numbers, got {table} and {numbers}")
        return {"": Value(table.dtype, (*numbers.shape, table.width))}


@dataclass(frozen=True)
class Repeat(Block):
    """A vector [batch, width] at every step, as many as the greatest length."""

    sources: ClassVar[tuple[str, ...]] = ("x", "lengths")

    time: str = option("the name of the new axis", "time")

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return [batch, time, width].

        Raises:
            InputError: the source is not [batch, width].
        """
        x = sources[0]
        if x is None or len(x.shape) != 2:
            raise InputError(f"expected [batch, width], got {x}")
        time: Axis = self.time
        return {"": Value(x.dtype, (x.shape[0], time, x.width))}


@dataclass(frozen=True)
class WindowNorm(Block):
    """Windows [batch, time, width] float64 by each one's own mean and standard deviation (Kim et al. 2022).

    A constant window becomes zeros, and its deviation is zero. A spread that is given takes the deviation's place.
    """

    sources: ClassVar[tuple[str, ...]] = ("x", "[spread]")

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return the windows, and `mean` and `spread` [batch, 1, width] float64.

        Raises:
            InputError: the spread has another shape.
        """
        x = sequence(sources[0], dtype=FLOAT64)
        each = Value(FLOAT64, (x.shape[0], 1, x.width))
        if sources[1] not in (None, each):
            raise InputError(f"expected a spread {each}, got {sources[1]}")
        return {"": Value(FLOAT, x.shape), "mean": each, "spread": each}


@dataclass(frozen=True)
class Restore(Block):
    """Forecasts [batch, time, width] times spread plus mean of the first channel, float64.

    All numbers of a step but the first are sorted, so that quantiles never cross (Chernozhukov et al. 2010).
    """

    sources: ClassVar[tuple[str, ...]] = ("x", "mean", "spread")

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return the forecasts."""
        x = sequence(sources[0])
        for value in sources[1:]:
            sequence(value, dtype=FLOAT64)
        return {"": Value(FLOAT64, x.shape)}


@dataclass(frozen=True)
class Distribution(Block):
    """Parameters of a distribution, float64, from numbers [batch, time, parameters] and a window's mean and spread.

    student-t: location x0 * spread + mean, scale exp(x1) * spread, degrees of freedom 2 + 48 * sigmoid(x2).
    negative-binomial: mean b * softplus((x0 * spread + mean) / b) + 1e-6 with b = (1 + |mean|) / 10, so above zero;
    dispersion exp(x1) + 1e-6.
    """

    sources: ClassVar[tuple[str, ...]] = ("x", "mean", "spread")

    family: str = option(" or ".join(FAMILIES))

    def __post_init__(self) -> None:
        super().__post_init__()
        _one_of("Distribution.family", self.family, tuple(FAMILIES))

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return the parameters.

        Raises:
            InputError: x has more or fewer numbers than there are parameters.
        """
        x = sequence(sources[0], FAMILIES[self.family])
        for value in sources[1:]:
            sequence(value, dtype=FLOAT64)
        return {"": Value(FLOAT64, x.shape)}


def _fewer(x: Value, count: int) -> Axis:
    """Return the axis of every `count` steps of x."""
    return x.shape[1] if count == 1 else f"{x.shape[1]}/{count}"


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"{name}={value[:80]!r} is none of {', '.join(known)}")

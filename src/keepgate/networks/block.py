"""The base of blocks: frozen fields that are checked, parameters by name and shape, and the shapes of the results.

A value that runs between blocks has a dtype and axes. An axis is a size, or a name for what differs from call to call:
`batch`, `time`. Sequences are [batch, time, width]; steps past a row's length are zero where a block says so.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from keepgate.equations import Equations
from keepgate.errors import InputError, quoted

__all__ = [
    "BLOCKS",
    "FLOAT",
    "FLOAT64",
    "INT64",
    "Block",
    "Input",
    "Parameter",
    "Value",
    "block_from_json",
    "option",
    "sequence",
]

FLOAT, FLOAT64, INT64 = "float", "float64", "int64"  # float: what the weights are
LARGEST = 2**31 - 1  # a size
LONGEST = 1 << 20  # a list of numbers

Axis = int | str


@dataclass(frozen=True)
class Value:
    """A value between blocks: its dtype, and its axes, each a size or a name."""

    dtype: str
    shape: tuple[Axis, ...]

    def __str__(self) -> str:
        return f"{self.dtype} [{', '.join(map(str, self.shape))}]"

    @property
    def width(self) -> int:
        """The size of the last axis.

        Raises:
            InputError: the last axis has a name, not a size.
        """
        if not self.shape or not isinstance(self.shape[-1], int):
            raise InputError(f"{self} has no width that is known beforehand")
        return self.shape[-1]

    def wide(self, *widths: int) -> Value:
        """Return the value with its last axis replaced by others, in the dtype of the weights."""
        return Value(FLOAT, (*self.shape[:-1], *widths))


@dataclass(frozen=True)
class Input:
    """An input of a network; `optional` if it may be left out, as a state, which is zero then."""

    name: str
    value: Value
    optional: bool = False


@dataclass(frozen=True)
class Parameter:
    """A tensor of a network: its shape and its dtype."""

    shape: tuple[int, ...]
    dtype: str = FLOAT


@dataclass(frozen=True)
class Block:
    """Base of the blocks; a subclass gives its fields, its `sources`, and what it makes of their shapes.

    Attributes:
        sources: what it reads; a name in brackets may be left out, and a name with a star stands for any number.
    """

    sources: ClassVar[tuple[str, ...]] = ("x",)

    def __init_subclass__(cls) -> None:
        BLOCKS[cls.__name__] = cls

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, check = getattr(self, field.name), CHECKS[field.type]
            if not check(value) or not field.metadata.get("within", _anything)(value):
                name = f"{type(self).__name__}.{field.name}"
                raise InputError(f"{name}={quoted(value)} is not possible; it is {field.metadata['what']}")

    def parameters(self) -> dict[str, Parameter]:
        """Return its tensors by their names in the step's part of the state dict."""
        return {}

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return the results by name, the first as `""`, for sources of these shapes; None is left out.

        Raises:
            InputError: a source does not fit.
        """
        raise NotImplementedError

    def read(self, sources: Sequence[Value | None]) -> dict[str, Value]:
        """Return `results` after a look at the number of sources.

        Raises:
            InputError: a source is missing, is one too many, or does not fit.
        """
        most = math.inf if self.sources[-1].startswith("*") else len(self.sources)
        needed = [name for name in self.sources if name[0] not in "[*"]
        padded = [*sources, *[None] * (len(self.sources) - len(sources))]
        if len(sources) > most or any(value is None for value in padded[: len(needed)]):
            raise InputError(f"it reads {', '.join(self.sources)}; got {len(sources)} sources")
        return self.results(*padded)

    def to_json(self) -> dict[str, Any]:
        """Return the block as plain data: its kind, and the fields that differ from their defaults."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if getattr(self, f.name) != f.default}
        plain = {k: v.to_json() if isinstance(v, Equations) else v for k, v in fields.items()}
        return {"kind": type(self).__name__, **{k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}}


BLOCKS: dict[str, type[Block]] = {}  # by their names, which are their kinds in JSON


def option(what: str, default: Any = dataclasses.MISSING, *, least: float = -math.inf, most: float = math.inf) -> Any:
    """Return a field of a block.

    Args:
        what: it is, for a message.
        default: if it may be left out.
        least: its smallest value; of a tuple, each item's.
        most: its largest value; of a tuple, each item's.
    """

    def within(value: Any) -> bool:
        items = value if isinstance(value, tuple) else (value,)
        return all(isinstance(item, str | Equations | None) or least <= item <= most for item in items)

    return dataclasses.field(default=default, metadata={"what": what, "within": within})


def block_from_json(data: Any) -> Block:
    """Read what `Block.to_json` wrote; nothing in it is executed.

    Raises:
        InputError: it is no block, or a field is unknown, missing or out of range.
    """
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if not isinstance(kind, str) or kind not in BLOCKS:
        raise InputError(f"{quoted(kind)} is no kind of block; there are {', '.join(BLOCKS)}")
    fields = {field.name: field for field in dataclasses.fields(BLOCKS[kind])}
    values = {name: value for name, value in data.items() if name != "kind"}
    if unknown := [name for name in values if name not in fields]:
        raise InputError(f"{kind} has no {quoted(unknown[0])}; it has {', '.join(fields)}")
    if missing := [n for n, f in fields.items() if n not in values and f.default is dataclasses.MISSING]:
        raise InputError(f"{kind} needs {', '.join(missing)}")
    return BLOCKS[kind](**{name: _field(fields[name].type, value) for name, value in values.items()})


def sequence(value: Value | None, width: int | None = None, dtype: str = FLOAT) -> Value:
    """Return a value [batch, time, width]; None: of any width.

    Raises:
        InputError: it is none.
    """
    wanted = f"{dtype} [batch, time, {'width' if width is None else width}]"
    if value is None or value.dtype != dtype or len(value.shape) != 3 or width not in (None, value.width):
        raise InputError(f"expected {wanted}, got {value}")
    return value


def _field(kind: Any, value: Any) -> Any:
    if kind == "Equations":
        return Equations.from_json(value)
    return tuple(value) if isinstance(value, list) and len(value) <= LONGEST else value


def _anything(value: Any) -> bool:
    return True


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST


def _is_float(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


CHECKS: dict[Any, Any] = {  # by the annotation of a field
    "int": _is_int,
    "int | None": lambda value: value is None or _is_int(value),
    "float": _is_float,
    "bool": lambda value: isinstance(value, bool),
    "str": lambda value: isinstance(value, str) and len(value) <= 200,
    "str | None": lambda value: value is None or (isinstance(value, str) and len(value) <= 200),
    "tuple[int, ...]": lambda value: isinstance(value, tuple) and all(map(_is_int, value)),
    "Equations": lambda value: isinstance(value, Equations),
}

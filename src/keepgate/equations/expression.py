"""The symbols in which a cell is written: an expression is a node of a graph of values, one per unit and step.

Every value has a *width*: `"hidden"`, `"input"` or `"projection"` numbers a row of the batch, `"unit"` (one
number a row), or none (a constant). Operators work unit by unit; a value of width `"unit"` is broadcast.

Leaves and products, by `op` and what their `attrs` hold:

==============  ==========================================================================================
`input`         the input x of this step: ()
`last`          a state before this step: (state,)
`step_input`    an extra input of this step, such as elapsed time: (name,)
`vector`        a parameter, one number a unit: (name, initial value or None)
`constant`      (value,)
`size`          the number of units of a width: (width,)
`bernoulli`     random bits; in evaluation their expectation: (name, probability of 1, drawn for each step or sequence)
`affine`        W·x + U·h + ... + b; args are the sources: (gate, letter of each source, letters with a bias)
`cotangent`     in a gradient: what arrives from outside for a new state: (state,)
`transposed`    in a gradient: the sum of W'·delta over gates; args are the deltas: (letter, gates)
==============  ==========================================================================================
"""

from __future__ import annotations

import itertools
import linecache
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

from keepgate.errors import CellError

__all__ = ["Expression", "SourceLine", "constant", "expression", "topological"]

LEAVES = frozenset(
    {"input", "last", "step_input", "vector", "constant", "size", "bernoulli", "cotangent"},
)


_serial = itertools.count()


class SourceLine(NamedTuple):
    """The line of the user's code in which an expression was written."""

    file: str
    number: int

    def __str__(self) -> str:
        text = linecache.getline(self.file, self.number).strip()
        return self.file + (f", line {self.number}" if self.number else "") + (f" (`{text}`)" if text else "")


def caller_line() -> SourceLine:
    """Return the innermost line outside this package: the line of the cell that is being read."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("keepgate.equations"):
        frame = frame.f_back
    return SourceLine(frame.f_code.co_filename, frame.f_lineno)


def fail(message: str, line: SourceLine | None = None) -> NoReturn:
    """Raise an error that begins with the line of the cell.

    Raises:
        CellError: always.
    """
    raise CellError(f"{line or caller_line()}: {message}")


class Expression:
    """One value of a cell; made by operators and by the functions of `keepgate.equations`."""

    __slots__ = ("args", "attrs", "line", "op", "serial", "width")
    __array_priority__ = 1000

    def __init__(
        self, op: str, args: Sequence[Expression], attrs: tuple[Any, ...], width: str | None, line: SourceLine
    ):
        self.op, self.args, self.attrs, self.width, self.line = op, tuple(args), attrs, width, line
        self.serial = next(_serial)  # arguments always exist before their users, so this order is topological

    def __bool__(self) -> NoReturn:
        fail("a step has no `if`, `and` or comparison chains on values; use where(condition, a, b)")

    def __add__(self, other: Operand) -> Expression:
        return expression("add", self, other)

    def __radd__(self, other: Operand) -> Expression:
        return expression("add", other, self)

    def __sub__(self, other: Operand) -> Expression:
        return expression("subtract", self, other)

    def __rsub__(self, other: Operand) -> Expression:
        return expression("subtract", other, self)

    def __mul__(self, other: Operand) -> Expression:
        return expression("multiply", self, other)

    def __rmul__(self, other: Operand) -> Expression:
        return expression("multiply", other, self)

    def __truediv__(self, other: Operand) -> Expression:
        return expression("divide", self, other)

    def __rtruediv__(self, other: Operand) -> Expression:
        return expression("divide", other, self)

    def __neg__(self) -> Expression:
        return expression("negative", self)

    def __lt__(self, other: Operand) -> Expression:
        return expression("less", self, other)

    def __gt__(self, other: Operand) -> Expression:
        return expression("less", other, self)


Operand = Expression | float | int


def constant(value: float) -> Expression:
    """Return the same number for every unit, row and step."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        fail(f"constant takes a number, got {type(value).__name__}")
    return Expression("constant", (), (float(value),), None, caller_line())


def as_expression(value: Operand) -> Expression:
    """Turn a Python number into a constant; anything else that is no expression is an error of the cell."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return constant(value)
    fail(f"expected a value of the cell or a number, got {type(value).__name__}")


def common_width(operands: Iterable[Expression]) -> str | None:
    """Return the width that operands share after broadcasting; raise `CellError` if they share none."""
    widths = {operand.width for operand in operands} - {None}
    wide = widths - {"unit"}
    if len(wide) > 1:
        a, b = sorted(str(width) for width in wide)
        fail(f"values of width '{a}' and '{b}' are combined unit by unit; an affine map joins different widths")
    return wide.pop() if wide else (widths.pop() if widths else None)


def expression(op: str, *operands: Operand) -> Expression:
    """Apply an elementwise operation, broadcasting values of width `"unit"`."""
    args = [as_expression(operand) for operand in operands]
    width = common_width(args)
    if width not in (None, "unit"):
        args = [broadcast(arg, width) if arg.width == "unit" else arg for arg in args]
    return Expression(op, args, (), width, caller_line())


def broadcast(value: Expression, width: str) -> Expression:
    """Repeat a value of width `"unit"` for every unit of `width`."""
    return Expression("broadcast", (value,), (), width, caller_line())


def over_units(op: str, value: Operand, width: str | None = None) -> Expression:
    """Apply an operation to whole rows; the result has width `"unit"` unless `width` says otherwise."""
    value = as_expression(value)
    if value.width in (None, "unit"):
        fail(f"{op} over units needs a value that has units")
    return Expression(op, (value,), (), width or "unit", caller_line())


def size(width: str) -> Expression:
    """Return the number of units of a width."""
    return Expression("size", (), (width,), None, caller_line())


def topological(outputs: Iterable[Expression]) -> list[Expression]:
    """Return every node that the outputs need in the order in which they were written: arguments before users."""
    nodes: dict[int, Expression] = {}
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node.serial not in nodes:
            nodes[node.serial] = node
            stack.extend(node.args)
    return [nodes[serial] for serial in sorted(nodes)]

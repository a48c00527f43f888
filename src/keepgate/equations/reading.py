"""Read equations from the plain data of a model file: every number is checked, and nothing is executed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from keepgate.equations.checks import TARGETS, WIDTHS
from keepgate.equations.expression import Expression, SourceLine
from keepgate.equations.noise import DRAWS
from keepgate.equations.operations import OPERATIONS, REDUCTIONS
from keepgate.errors import CellError, listed, quoted
from keepgate.maps import DENSE, Map, map_from_json

__all__ = ["damage", "read"]

LIMITS = {"nodes": 4_000, "affine maps": 256, "name": 200, "size": 1_000_000}  # several times what any cell needs
KEYS = {"name", "nodes", "new", "named", "sizes", "map"}
LINE = SourceLine("model file", 0)
OLD_NAMES = {"normalise": "normalize", "normalise_slope": "normalize_slope"}  # of operations, in files of 0.1.0

Check = Callable[[Any], bool]
Parts = tuple[str, dict[str, Expression], dict[str, Expression], dict[str, int], Map]


@contextmanager
def damage() -> Iterator[None]:
    """Turn whatever is wrong with stored equations inside into an error that says so.

    Raises:
        CellError: something is wrong.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:  # a CellError is a ValueError
        detail = f"{error} is missing" if isinstance(error, KeyError) else error
        raise CellError(f"the equations in the model file are damaged: {detail}; save the model again") from error


def read(data: Any) -> Parts:
    """Return the fields of equations from what `Equations.to_json` wrote.

    Raises:
        ValueError, KeyError, TypeError: the data is no such thing; see `damage`.
    """
    if unknown := set(data) - KEYS:
        raise ValueError(f"{listed(sorted(unknown))} is nothing known")
    nodes = _read_nodes(data["nodes"])
    new = _read_table(data["new"], nodes)
    if not new or any(value.width not in TARGETS for value in new.values()):
        raise ValueError("a new state is no value with one number a unit")
    sizes = data["sizes"]
    if any(width != "projection" or not _is_size(units) for width, units in sizes.items()):
        raise ValueError(f"sizes {quoted(sizes)}")
    product = map_from_json(data["map"]) if "map" in data else DENSE
    return _checked(data["name"], _is_text), new, _read_table(data["named"], nodes), dict(sizes), product


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LIMITS["name"] and value.isprintable()


def _is_name(value: Any) -> bool:
    return _is_text(value) and value.isidentifier()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LIMITS["size"]


def _is_probability(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_start(value: Any) -> bool:
    return value is None or _is_number(value)


# What a leaf's attributes must be, and the widths that it can have.
LEAF: dict[str, tuple[tuple[Check, ...], tuple[str | None, ...]]] = {
    "input": ((), ("input",)),
    "last": ((_is_name,), TARGETS),
    "step_input": ((_is_name,), WIDTHS),
    "vector": ((_is_name, _is_start), WIDTHS),
    "constant": ((_is_number,), (None,)),
    "size": ((lambda width: width in WIDTHS,), (None,)),
    "bernoulli": ((_is_name, _is_probability, lambda per: per in DRAWS), WIDTHS),
}


def _checked(value: Any, check: Check) -> Any:
    if not check(value):
        raise ValueError(f"unexpected {quoted(value)}")
    return value


def _read_table(table: dict[str, Any], nodes: list[Expression]) -> dict[str, Expression]:
    return {_checked(name, _is_name): _at(nodes, i) for name, i in table.items()}


def _at(nodes: list[Expression], i: Any) -> Expression:
    if not isinstance(i, int) or isinstance(i, bool) or not 0 <= i < len(nodes):
        raise ValueError(f"node {len(nodes)} or a state uses node {i!r:.80}, which is not before it")
    return nodes[i]


def _read_nodes(rows: list[dict[str, Any]]) -> list[Expression]:
    for what, count in (("nodes", len(rows)), ("affine maps", sum(row["op"] == "affine" for row in rows))):
        if count > LIMITS[what]:
            raise ValueError(f"{count:,} {what}, more than {LIMITS[what]:,}")
    nodes: list[Expression] = []
    for row in rows:
        args = [_at(nodes, i) for i in row["args"]]
        attrs = tuple(tuple(a) if isinstance(a, list) else a for a in row["attrs"])
        node = Expression(OLD_NAMES.get(row["op"]) or row["op"], args, attrs, row["width"], LINE)
        if not _is_sound(node):
            raise ValueError(f"node {len(nodes)} is no {row['op']!r:.80} of width {row['width']!r:.80}")
        nodes.append(node)
    return nodes


def _is_sound(node: Expression) -> bool:
    """Return whether an operation has the arguments, attributes and width that it must have."""
    if node.op in LEAF:
        checks, widths = LEAF[node.op]
        fits = len(checks) == len(node.attrs) and all(check(a) for check, a in zip(checks, node.attrs, strict=True))
        return fits and not node.args and node.width in widths
    if node.op == "affine":
        return _is_affine(node)
    if node.op not in OPERATIONS or node.attrs or len(node.args) != OPERATIONS[node.op].arity:
        return False
    units = node.args[0].width
    if node.op == "broadcast":
        return units == "unit" and node.width in WIDTHS[:3]
    if node.op in REDUCTIONS:
        return units in WIDTHS[:3] and node.width == (units if node.op == "normalize" else "unit")
    if node.op == "normalize_slope":
        return units in WIDTHS[:3] and [arg.width for arg in node.args] == [node.width, units, "unit"]
    return {arg.width for arg in node.args} - {None} == {node.width} - {None}


def _is_affine(node: Expression) -> bool:
    if len(node.attrs) != 3 or not isinstance(node.attrs[1], tuple) or not isinstance(node.attrs[2], tuple):
        return False
    gate, letters, biased = node.attrs
    named = _is_name(gate) and all(_is_name(letter) for letter in letters)
    paired = 0 < len(letters) == len(set(letters)) == len(node.args) and len(set(biased)) == len(biased)
    return named and paired and set(biased) <= set(letters) and all(source.width in WIDTHS for source in node.args)

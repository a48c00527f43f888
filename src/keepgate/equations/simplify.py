"""Simplify a graph: fold constants, drop neutral elements, and compute equal values once."""

from __future__ import annotations

from collections.abc import Callable

from keepgate.equations.expression import Expression, topological
from keepgate.equations.operations import OPERATIONS

__all__ = ["simplify"]


def simplify(outputs: list[Expression]) -> list[Expression]:
    """Return equal outputs on a graph without double or needless nodes."""
    simplifier = _Simplifier()
    for node in topological(outputs):
        simplifier.visit(node)
    return [simplifier.changed[id(output)] for output in outputs]


class _Simplifier:
    """One pass from the leaves up; a node is known by its operation, attributes and simplified arguments."""

    def __init__(self) -> None:
        self.changed: dict[int, Expression] = {}
        self.known: dict[tuple[object, ...], Expression] = {}

    def visit(self, node: Expression) -> None:
        args = tuple(self.changed[id(arg)] for arg in node.args)
        self.changed[id(node)] = self.make(node, args)

    def make(self, node: Expression, args: tuple[Expression, ...]) -> Expression:
        rule = _RULES.get(node.op)
        reduced = rule(*args) if rule else None
        if args and node.width is None and all(arg.op == "constant" for arg in args):
            value = float(OPERATIONS[node.op].compute(*(arg.attrs[0] for arg in args)))
            reduced = Expression("constant", (), (value,), None, node.line)
        if reduced is not None and reduced.width == node.width:
            if reduced.op == "constant" or any(reduced is arg for arg in args):
                return self.share(reduced)
            return self.make(reduced, reduced.args)
        return self.share(Expression(node.op, args, node.attrs, node.width, node.line))

    def share(self, node: Expression) -> Expression:
        key = (node.op, node.attrs, node.width, *(id(arg) for arg in node.args))
        return self.known.setdefault(key, node)


def _is(node: Expression, value: float) -> bool:
    return node.op == "constant" and node.attrs[0] == value


def _add(a: Expression, b: Expression) -> Expression | None:
    if b.op == "negative":
        return a - b.args[0]
    return b if _is(a, 0) else a if _is(b, 0) else None


def _subtract(a: Expression, b: Expression) -> Expression | None:
    if b.op == "negative":
        return a + b.args[0]
    return a if _is(b, 0) else -b if _is(a, 0) else None


def _multiply(a: Expression, b: Expression) -> Expression | None:
    if _is(a, 0) or _is(b, 0):
        return a if _is(a, 0) else b
    return b if _is(a, 1) else a if _is(b, 1) else None


def _divide(a: Expression, b: Expression) -> Expression | None:
    return a if _is(b, 1) else None


def _negative(a: Expression) -> Expression | None:
    return a.args[0] if a.op == "negative" else None


_RULES: dict[str, Callable[..., Expression | None]] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "negative": _negative,
}

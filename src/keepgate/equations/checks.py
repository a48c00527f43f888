"""Checks of the equations of a cell; every refusal names the line of the cell that breaks a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keepgate.equations.expression import Expression, fail

if TYPE_CHECKING:
    from keepgate.equations.graph import Equations

__all__ = ["TARGETS", "WIDTHS", "check"]

WIDTHS = ("input", "hidden", "projection", "unit")
TARGETS = ("hidden", "projection")  # widths of affine maps


def check(equations: Equations) -> None:
    """Check widths and names.

    Raises:
        CellError: values of unknown or different widths, or one name for two things.
    """
    for node in equations.nodes:
        _check_width(node, equations)
    _check_maps(equations)
    _check_leaves(equations)


def _check_width(node: Expression, equations: Equations) -> None:
    known = TARGETS if node.op in ("affine", "last") else (*WIDTHS, None)
    if node.width not in known:
        names = ", ".join(str(width) for width in known if width)
        fail(f"the unknown width {node.width!r}; a width is one of {names}", node.line)
    if node.width == "projection" and "projection" not in equations.sizes:
        fail("width 'projection' has no size here; write the cell without it and use projected(cell, size)", node.line)
    if node.op == "last" and node.width != (after := equations.widths.get(node.attrs[0])):
        fail(f"state {node.attrs[0]} has width '{after}' after the step, and is used as '{node.width}'", node.line)


def _check_maps(equations: Equations) -> None:
    rows: set[tuple[str, str]] = set()
    columns: dict[tuple[str, str | None], str | None] = {}
    for node in equations.affines:
        for letter, source in zip(node.attrs[1], node.args, strict=True):
            gate = node.attrs[0]
            if (gate, letter) in rows:
                fail(f"the affine map '{gate}' of source {letter} is written twice; name them apart", node.line)
            rows.add((gate, letter))
            if columns.setdefault((letter, node.width), source.width) != source.width:
                fail(f"matrix {letter} of '{gate}' takes a source of another width than before", node.line)


def _check_leaves(equations: Equations) -> None:
    """Check that a parameter or random bit is written once (share it by a variable), and a step input has one width."""
    stacked = {f"{kind}_{block}" for block in equations.products for kind in ("weight", "bias")}
    seen: dict[tuple[str, str], Any] = {}
    for node in equations.nodes:
        if node.op not in ("vector", "bernoulli", "step_input"):
            continue
        name = node.attrs[0]
        first = seen.setdefault((node.op, name), node)
        if first is not node and (node.op != "step_input" or first.width != node.width):
            fail(f"{node.op}('{name}') is written twice; name them apart, or keep it in a variable", node.line)
        if node.op == "vector" and name in stacked:
            fail(f"vector('{name}') has the name of a weight of the affine maps; choose another", node.line)

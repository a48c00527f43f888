"""The gradient of a cell as equations: reverse-mode differentiation of the graph of one step.

For a step s' = step(x, s) and cotangents arriving for s', this gives the cotangents of s, x and the step inputs, the
row-wise cotangents of vectors, and `delta` of each affine map: the cotangent of its value, from which follow the
weights' gradients (delta outer source) and the biases' (sum of delta). Affine maps are differentiated as a whole:
their sources receive one `transposed` product over all gates that share the matrix.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from typing import Any

from keepgate.equations.expression import Expression, caller_line
from keepgate.equations.graph import Equations
from keepgate.equations.operations import OPERATIONS
from keepgate.equations.simplify import simplify

__all__ = ["Gradient", "differentiate"]

Block = tuple[str, str | None]  # letter and width of the result: the gates that share one stacked matrix


@dataclass
class Gradient:
    """Cotangents as expressions of the forward values and of the cotangents of the new states.

    Attributes:
        equations: the simplified equations, sharing their nodes with the cotangents.
        last: by state.
        x: of the input, or None where no gradient reaches it.
        step_inputs: by name.
        vectors: by name, per row; the parameter's gradient is the sum over rows and steps.
        deltas: by (gate, letter) of each product: the cotangent of its value.
        sources: by (gate, letter): the value that the product multiplies.
    """

    equations: Equations
    last: dict[str, Expression] = field(default_factory=dict)
    x: Expression | None = None
    step_inputs: dict[str, Expression] = field(default_factory=dict)
    vectors: dict[str, Expression] = field(default_factory=dict)
    deltas: dict[tuple[str, str], Expression] = field(default_factory=dict)
    sources: dict[tuple[str, str], Expression] = field(default_factory=dict)

    @property
    def outputs(self) -> list[Expression]:
        """Every cotangent, in a fixed order."""
        x = [] if self.x is None else [self.x]
        tables = (self.last, self.step_inputs, self.vectors, self.deltas)
        return x + [value for table in tables for value in table.values()]


def differentiate(equations: Equations) -> Gradient:
    """Return the simplified gradient graph of the equations."""
    simple = simplify(list(equations.new.values()))
    new = dict(zip(equations.new, simple, strict=True))
    return _Differentiation(replace(equations, new=new, named={})).run()


class _Differentiation:
    """Visits the nodes from users to arguments and collects what each owes to its arguments."""

    def __init__(self, equations: Equations) -> None:
        self.equations = equations
        self.owed: dict[int, list[Expression]] = defaultdict(list)
        self.products: dict[int, dict[Block, list[tuple[str, Expression]]]] = defaultdict(lambda: defaultdict(list))
        self.gradient = Gradient(equations)
        self.targets = {
            "last": self.gradient.last,
            "step_input": self.gradient.step_inputs,
            "vector": self.gradient.vectors,
        }

    def run(self) -> Gradient:
        for state, value in self.equations.new.items():
            seed = Expression("cotangent", (), (state,), value.width, caller_line())
            self.owed[value.serial].append(seed)
        for node in reversed(self.equations.nodes):
            cotangent = self.collect(node)
            if cotangent is not None:
                self.spread(node, cotangent)
        self.simplify()
        return self.gradient

    def collect(self, node: Expression) -> Expression | None:
        """Sum what the users of a node have sent to it."""
        parts = self.owed.pop(node.serial, [])
        for (letter, _), pairs in self.products.pop(node.serial, {}).items():
            pairs.reverse()  # users were visited last to first; the rows of the matrix run first to last
            deltas, gates = [delta for _, delta in pairs], tuple(gate for gate, _ in pairs)
            parts.append(Expression("transposed", deltas, (letter, gates), node.width, caller_line()))
        return reduce(add, parts) if parts else None

    def spread(self, node: Expression, cotangent: Expression) -> None:
        """Send a node's cotangent on to its arguments, or keep it if it is wanted."""
        if node.op == "affine":
            gate, letters, _ = node.attrs
            for letter, source in zip(letters, node.args, strict=True):
                self.gradient.deltas[gate, letter] = cotangent
                self.gradient.sources[gate, letter] = source
                self.products[source.serial][letter, node.width].append((gate, cotangent))
        elif node.op == "input":
            self.gradient.x = cotangent
        elif node.op in self.targets:
            self.targets[node.op][node.attrs[0]] = cotangent
        elif node.op in OPERATIONS:
            contributions = OPERATIONS[node.op].derivative(cotangent, node, *node.args)
            for argument, part in zip(node.args, contributions, strict=True):
                if part is not None and argument.width is not None:
                    self.owed[argument.serial].append(part)

    def simplify(self) -> None:
        """Simplify the forward and the backward graph together, so that equal terms of both are shared."""
        g = self.gradient
        new = self.equations.new
        simple = iter(simplify([*g.outputs, *g.sources.values(), *new.values()]))
        g.x = None if g.x is None else next(simple)
        tables: list[dict[Any, Expression]] = [g.last, g.step_inputs, g.vectors, g.deltas, g.sources]
        for table in tables:
            for key in table:
                table[key] = next(simple)
        g.equations = replace(g.equations, new=dict(zip(new, simple, strict=True)))

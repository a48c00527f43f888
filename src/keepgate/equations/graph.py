"""The equations of one cell as a graph, with its parameters; what every engine and every derivation starts from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from keepgate.equations.checks import check
from keepgate.equations.expression import Expression, expression, topological
from keepgate.equations.operations import OPERATIONS, REDUCTIONS
from keepgate.equations.printing import describe, latex
from keepgate.equations.reading import damage, read
from keepgate.errors import InputError
from keepgate.maps import DENSE, Map

__all__ = ["Equations", "Parameter"]

Rule = Callable[[Expression, tuple[Expression, ...]], Expression | None]

TARGET_LETTER = {"hidden": "h", "projection": "r"}


class Parameter(NamedTuple):
    """One stored array: `shape` by sizes, the gates whose rows it stacks, and how it begins."""

    name: str
    shape: tuple[int, ...]
    gates: tuple[str, ...] = ()
    initial: float | None = None


class Product(NamedTuple):
    """The place of one source's weights of one gate: the letters of the stacked parameter, and the widths."""

    gate: str
    letter: str
    source_width: str
    width: str

    @property
    def block(self) -> str:
        """Letters of the stacked parameter: `weight_<block>`."""
        return self.letter + TARGET_LETTER[self.width]


@dataclass(frozen=True, eq=False)
class Equations:
    """The computation of one step of a cell.

    Attributes:
        name: name of the cell.
        new: each state's value after the step, in the cell's order; the first state is the output.
        named: values that the step gave a name, such as gates, in the order in which they were written.
        sizes: sizes that the cell itself fixes, such as `{"projection": 32}`.
        map: what the affine maps multiply with.
    """

    name: str
    new: dict[str, Expression]
    named: dict[str, Expression] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    map: Map = DENSE

    def __post_init__(self) -> None:
        check(self)
        # Computed now: the compiler of torch cannot look into what is computed at first use.
        _ = self.widths, self.noisy, self.step_inputs, self.products, self.biases, self.multiplied

    @cached_property
    def nodes(self) -> list[Expression]:
        """Every node of the new states, arguments before users."""
        return topological(self.new.values())

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states; the first is the output."""
        return tuple(self.new)

    @cached_property
    def widths(self) -> dict[str, str]:
        """Width of each state."""
        return {state: str(value.width) for state, value in self.new.items()}

    @cached_property
    def affines(self) -> list[Expression]:
        """The affine maps, in the order in which they were written."""
        return [node for node in self.nodes if node.op == "affine"]

    @cached_property
    def multiplied(self) -> tuple[str, ...]:
        """Kinds of expression that affine maps multiply their weights with."""
        return tuple(dict.fromkeys(source.op for node in self.affines for source in node.args))

    @property
    def gates(self) -> tuple[str, ...]:
        """Names of the gates: the affine maps of hidden width."""
        return tuple(dict.fromkeys(node.attrs[0] for node in self.affines if node.width == "hidden"))

    @cached_property
    def noisy(self) -> bool:
        """Whether a step draws random bits in training."""
        return any(node.op == "bernoulli" for node in self.nodes)

    @cached_property
    def step_inputs(self) -> dict[str, str]:
        """Name and width of each extra input of a step."""
        return {node.attrs[0]: str(node.width) for node in self.nodes if node.op == "step_input"}

    @cached_property
    def products(self) -> dict[str, list[Product]]:
        """The products by block, each block's gates in the order in which their weights are stacked."""
        blocks: dict[str, list[Product]] = {}
        for node in self.affines:
            gate, letters, _ = node.attrs
            for letter, source in zip(letters, node.args, strict=True):
                product = Product(gate, letter, str(source.width), str(node.width))
                blocks.setdefault(product.block, []).append(product)
        return blocks

    @cached_property
    def biases(self) -> dict[str, list[str]]:
        """The gates of each block that have a bias there."""
        blocks: dict[str, list[str]] = {}
        for node in self.affines:
            gate, _, biased = node.attrs
            for letter in biased:
                blocks.setdefault(letter + TARGET_LETTER[str(node.width)], []).append(gate)
        return blocks

    @property
    def vectors(self) -> dict[str, Expression]:
        """The per-unit parameters by name."""
        return {node.attrs[0]: node for node in self.nodes if node.op == "vector"}

    @property
    def recordable(self) -> dict[str, Expression]:
        """The values that can be recorded over time, by name: those that the step named, and the new states."""
        reachable = {node.serial for node in self.nodes}
        named = {**self.named, **self.new}
        return {name: node for name, node in named.items() if node.serial in reachable and node.width is not None}

    def recording(self, names: Iterable[str]) -> Equations:
        """Return equations with named values as further states, which nothing reads.

        Raises:
            InputError: the step has no such value.
        """
        known = self.recordable
        if unknown := [name for name in names if name not in known]:
            raise InputError(f"{self.name} has no value {unknown[0]!r} to record; it has {', '.join(known)}")
        further = {name: known[name] for name in names if name not in self.new}
        return replace(self, new={**self.new, **further}) if further else self

    def resolve(self, input_size: int, hidden_size: int) -> dict[str, int]:
        """Return the number of units of every width."""
        return {"input": input_size, "hidden": hidden_size, "unit": 1} | self.sizes

    def parameters(self, input_size: int, hidden_size: int, bias: bool = True) -> list[Parameter]:
        """Return the parameters with their shapes, in torch's order: weights, biases, vectors, projection."""
        size = self.resolve(input_size, hidden_size)
        late = TARGET_LETTER["projection"]
        weights, projections = [], []
        for block, products in self.products.items():
            widths = size[products[0].width], size[products[0].source_width]
            shape = self.map.weight_shape(len(products), *widths)
            parameter = Parameter(f"weight_{block}", shape, tuple(p.gate for p in products))
            (projections if block.endswith(late) else weights).append(parameter)
        biases = [
            Parameter(f"bias_{block}", (size[self.products[block][0].width] * len(gates),), tuple(gates))
            for block, gates in self.biases.items()
            if bias
        ]
        vectors = [
            Parameter(name, self.map.vector_shape(size[str(node.width)]), (), node.attrs[1])
            for name, node in self.vectors.items()
        ]
        return weights + biases + vectors + projections

    def rewrite(self, rule: Rule, name: str) -> Equations:
        """Return renamed equations with each node replaced as `rewrite` does."""
        values = rewrite({**{f"new {k}": v for k, v in self.new.items()}, **self.named}, rule)
        new = {state: values.pop(f"new {state}") for state in self.new}
        return replace(self, name=name, new=new, named=values)

    def to_json(self) -> dict[str, Any]:
        """Return the graph as plain data for the model file; `from_json` reads it back."""
        order = topological([*self.new.values(), *self.named.values()])
        index = {node.serial: i for i, node in enumerate(order)}
        return {
            "name": self.name,
            "nodes": [
                {
                    "op": n.op,
                    "args": [index[a.serial] for a in n.args],
                    "attrs": list(n.attrs),
                    "width": n.width,
                }
                for n in order
            ],
            "new": {state: index[value.serial] for state, value in self.new.items()},
            "named": {key: index[value.serial] for key, value in self.named.items()},
            "sizes": self.sizes,
            **({} if self.map == DENSE else {"map": self.map.to_json()}),
        }

    @classmethod
    def from_json(cls, data: Any) -> Equations:
        """Read a graph written by `to_json`; nothing in it is executed.

        Raises:
            CellError: the data is no graph of known operations.
        """
        with damage():
            return cls(*read(data))

    def __str__(self) -> str:
        return describe(self)

    def latex(self) -> str:
        """Return the equations as a LaTeX `aligned` block."""
        return latex(self)

    def _repr_latex_(self) -> str:
        return f"$${self.latex()}$$"

    def __deepcopy__(self, memo: Any) -> Equations:
        return self  # nothing of it changes

    def __reduce__(self) -> tuple[Any, ...]:
        return Equations.from_json, (self.to_json(),)

    def dumps(self) -> str:
        """Return `to_json` as text; equal for equal equations."""
        return json.dumps(self.to_json(), sort_keys=True)


def rewrite(values: Mapping[str, Expression], rule: Rule) -> dict[str, Expression]:
    """Replace every node below the values by `rule(node, its rewritten arguments)`; None keeps the node."""
    changed: dict[int, Expression] = {}
    for node in topological(values.values()):
        args = tuple(changed[arg.serial] for arg in node.args)
        replaced = rule(node, args)
        changed[node.serial] = rebuild(node, args) if replaced is None else replaced
    return {key: changed[value.serial] for key, value in values.items()}


def rebuild(node: Expression, args: tuple[Expression, ...]) -> Expression:
    """Return the node with other arguments; widths are checked again."""
    if all(new is old for new, old in zip(args, node.args, strict=True)):
        return node
    if node.op in OPERATIONS and node.op not in REDUCTIONS and node.op != "broadcast":
        return expression(node.op, *args)
    return Expression(node.op, args, node.attrs, node.width, node.line)

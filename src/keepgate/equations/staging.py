"""From equations to a `Program`: the gradient is derived, and both directions are sorted into stages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keepgate.equations.expression import LEAVES, Expression, topological
from keepgate.equations.gradient import Gradient, differentiate
from keepgate.equations.graph import Equations
from keepgate.equations.operations import OPERATIONS, REDUCTIONS
from keepgate.equations.program import Affine, Instruction, Outer, Program, Stage, Term, Transposed, Value

__all__ = ["compile_program"]

PRODUCTS = ("affine", "transposed")


def compile_program(equations: Equations) -> Program:
    """Differentiate the equations and stage both directions."""
    return _Compiler(differentiate(equations)).compile()


def stored(equations: Equations, nodes: list[Expression], wanted: set[int]) -> set[int]:
    """Choose which of the nodes to store: those wanted that are dear to compute again.

    Affine maps and transcendental functions of them are dear; sums, products and selections are cheap, and a function
    of a state is computed again, since states are stored anyway.
    """
    states = {value.serial for value in equations.new.values()}
    keep: set[int] = set()
    for node in reversed(nodes):
        if node.serial not in wanted or node.op in LEAVES or node.serial in states:
            continue
        of_states = node.args and all(a.serial in states or a.op in LEAVES for a in node.args)
        if node.op == "affine" or not (OPERATIONS[node.op].cheap or of_states):
            keep.add(node.serial)
        else:
            wanted.update(arg.serial for arg in node.args)
    return keep


class _Compiler:
    """Numbers the values of a gradient's two graphs and sorts them into stages."""

    def __init__(self, gradient: Gradient) -> None:
        self.gradient, self.equations = gradient, gradient.equations
        self.numbers: dict[int, int] = {}
        self.values: list[Value] = []
        self.block = {
            (product.gate, product.letter): product.block
            for products in self.equations.products.values()
            for product in products
        }

    def number(self, node: Expression) -> int:
        if node.serial not in self.numbers:
            self.numbers[node.serial] = len(self.values)
            kind = node.op if node.op in LEAVES else "row"
            self.values.append(Value(kind, node.attrs if kind != "row" else (), node.width))
        return self.numbers[node.serial]

    def compile(self) -> Program:
        equations, gradient = self.equations, self.gradient
        sources = list(gradient.sources.values())
        backward_nodes = topological(gradient.outputs)
        early = self.early(backward_nodes)
        forward_nodes = {node.serial for node in early}
        used = {n.serial for n in sources}
        for node in backward_nodes:
            if node.serial not in forward_nodes:
                used.update(arg.serial for arg in node.args)
        keep = stored(equations, early, used & forward_nodes)
        forward = self.stages(topological([*equations.new.values(), *(n for n in early if n.serial in keep)]), set())
        known = keep | {value.serial for value in equations.new.values()}
        program = Program(
            name=equations.name,
            values=(),
            sizes=equations.sizes,
            map=equations.map,
            states=equations.widths,
            blocks={block: tuple(p.gate for p in products) for block, products in equations.products.items()},
            biases={block: tuple(gates) for block, gates in equations.biases.items()},
            forward=forward,
            new={state: self.number(value) for state, value in equations.new.items()},
            kept=tuple(sorted(self.numbers[serial] for serial in keep)),
            backward=self.stages(self.cut(gradient.outputs + sources, known), known),
            last={state: self.number(value) for state, value in gradient.last.items()},
            x=None if gradient.x is None else self.number(gradient.x),
            step_inputs={name: self.number(value) for name, value in gradient.step_inputs.items()},
            vectors={name: self.number(value) for name, value in gradient.vectors.items()},
            outers=tuple(self.outer(key) for key in gradient.deltas),
        )
        return replace(program, values=tuple(self.values))

    def early(self, backward: list[Expression]) -> list[Expression]:
        """Return what the forward step can compute: its own values, and reductions of them that the gradient reads.

        Storing the one number of a reduction is cheaper than storing its row.
        """
        nodes = {node.serial: node for node in self.equations.nodes}
        for node in backward:
            if node.op in REDUCTIONS and node.width == "unit" and node.args[0].serial in nodes:
                nodes[node.serial] = node
        return [nodes[serial] for serial in sorted(nodes)]

    def cut(self, outputs: list[Expression], known: set[int]) -> list[Expression]:
        """Return what the outputs need, not going beyond known values."""
        needed: dict[int, Expression] = {}
        stack = list(outputs)
        while stack:
            node = stack.pop()
            if node.serial not in needed and node.serial not in known:
                needed[node.serial] = node
                stack.extend(node.args)
        return [needed[serial] for serial in sorted(needed)]

    def outer(self, key: tuple[str, str]) -> Outer:
        gate = key[0]
        delta, source = self.gradient.deltas[key], self.gradient.sources[key]
        bias = gate in self.equations.biases.get(self.block[key], [])
        return Outer(self.block[key], gate, self.number(delta), self.number(source), bias)

    def stages(self, nodes: list[Expression], known: set[int]) -> tuple[Stage, ...]:
        """Sort nodes into stages: products as early as their sources allow, operations as late as their users allow."""
        computed = [n for n in nodes if n.serial not in known and n.op not in LEAVES]
        stage = self.schedule(computed)
        parts: dict[int, tuple[list[Any], list[Instruction]]] = {}
        for node in nodes:
            number = self.number(node)
            if node.serial not in stage:
                continue
            products, ops = parts.setdefault(stage[node.serial], ([], []))
            if node.op in PRODUCTS:
                products.append(self.product(node))
            else:
                ops.append(Instruction(node.op, number, tuple(self.number(arg) for arg in node.args)))
        return tuple(Stage(tuple(p), tuple(r)) for _, (p, r) in sorted(parts.items()))

    def schedule(self, computed: list[Expression]) -> dict[int, int]:
        """Return the stage of each node: late operations make for few passes over the units, unused ones are early."""
        stage: dict[int, int] = {}
        for node in computed:
            earliest = max((stage.get(arg.serial, 0) for arg in node.args), default=0)
            stage[node.serial] = earliest + (node.op in PRODUCTS)
        latest = dict.fromkeys(stage, max(stage.values(), default=0))
        for node in reversed(computed):
            if node.op not in PRODUCTS:
                stage[node.serial] = latest[node.serial]
            for arg in node.args:
                if arg.serial in latest:
                    needed = stage[node.serial] - (node.op in PRODUCTS)
                    latest[arg.serial] = min(latest[arg.serial], needed)
        used = {arg.serial for node in computed for arg in node.args}
        for node in computed:
            if node.op not in PRODUCTS and node.serial not in used:
                stage[node.serial] = max((stage.get(arg.serial, 0) for arg in node.args), default=0)
        return stage

    def product(self, node: Expression) -> Affine | Transposed:
        if node.op == "transposed":
            letter, gates = node.attrs
            deltas = tuple(self.number(arg) for arg in node.args)
            block = self.block[gates[0], letter]
            return Transposed(self.number(node), block, gates, deltas, node is self.gradient.x)
        gate, letters, biased = node.attrs
        terms = tuple(
            Term(self.block[gate, letter], self.number(source), letter in biased, source.op == "input")
            for letter, source in zip(letters, node.args, strict=True)
        )
        return Affine(self.number(node), gate, terms)

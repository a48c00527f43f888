"""A graph as a file of equations, as a person would write it, and the cell that the file has.

A line is written for each gate, for each value that is read twice, and for each new state.
"""

from __future__ import annotations

import itertools
from collections import Counter

from keepgate.equations import Cell, Equations, Expression
from keepgate.equations.expression import topological
from keepgate.equations.operations import OPERATIONS
from keepgate.equations.printing import PRECEDENCE
from keepgate.search.normal import Graph

__all__ = ["as_written", "source"]

STATES = ("h", "c", "s", "u")
NAMES = "ifgozrnabdejkmpqtvwy"  # of gates and values, as far as they go
LETTERS = "mpqvwyabd"  # of the matrices of what is computed
TIGHTER = {"add": (0, 1), "subtract": (0, 1), "multiply": (0, 1), "negative": (1,)}  # what an argument must bind more
ROUNDS = 4  # until names and order repeat themselves


def source(graph: Graph, name: str, about: str = "A cell that a search found.") -> str:
    """Return the text of a Python file with the cell; `--cell FILE.py:NAME` runs it.

    Args:
        graph: in normal form.
        name: of the class.
        about: a line on where it comes from.
    """
    writer = _Writer(graph)
    lines = "".join(f"        {line}\n" for line in writer.lines())
    states = ", ".join(f'"{state}"' for state in writer.states.values()) + ("," if len(graph) == 1 else "")
    return (
        f'"""{about}"""\n\n'
        f"from keepgate.equations import {', '.join(sorted(writer.used))}\n\n\n"
        f"class {name}(Cell):\n"
        f'    """{about}"""\n\n'
        f"    state = ({states})\n\n"
        "    def step(self, x, last):\n"
        '        """Return the states after one step."""\n'
        f"{lines}"
    )


def as_written(graph: Graph, name: str) -> Equations:
    """Return the equations that the file of `source` has: its names, their order and every operation.

    Writing them again gives the same text.
    """
    text = source(graph, name)
    for _ in range(ROUNDS):
        equations = _run(text, name)
        again = source(equations.new, name)
        if again == text:
            break
        text = again
    return equations


def _run(text: str, name: str) -> Equations:
    """Return the equations of a text that `source` wrote of known operations, and nobody else."""
    scope: dict[str, type[Cell]] = {}
    exec(compile(text, name, "exec"), scope)
    return scope[name]().equations


class _Writer:
    """Names the values of a graph, and writes them.

    Attributes:
        states: name of each state in the file.
        used: what the file imports.
    """

    def __init__(self, graph: Graph):
        self.graph, self.nodes = graph, topological(graph.values())
        self.states = dict(zip(graph, STATES, strict=False))
        self.used = {"Cell"}
        self.letters: dict[int, str] = {}
        self.vectors = {node.serial: f"p{i}" for i, node in enumerate(n for n in self.nodes if n.op == "vector")}
        self.uses = Counter(arg.serial for node in self.nodes for arg in node.args)
        self.gates = self._gate_names()
        self.names = self._line_names()

    def _gate_names(self) -> dict[int, str]:
        """Return the name of each map: its own, if it is a letter that no other has."""
        gates: dict[int, str] = {}
        maps = [node for node in self.nodes if node.op == "affine"]
        own = {node.attrs[0]: node.serial for node in reversed(maps) if node.attrs[0] in NAMES}
        free = (name for name in NAMES if name not in own)
        for node in maps:
            gates[node.serial] = node.attrs[0] if own.get(node.attrs[0]) == node.serial else next(free)
        return gates

    def _line_names(self) -> dict[int, str]:
        """Return the name of each value that has a line of its own."""
        readers = {arg.serial: node for node in self.nodes for arg in node.args}
        names = {
            self._squashed(node, readers).serial: self.gates[node.serial] for node in self.nodes if node.op == "affine"
        }
        free = itertools.chain(
            (name for name in NAMES if name not in self.gates.values()), (f"v{i}" for i in itertools.count(1))
        )
        for node in self.nodes:
            if (node.args or node.op == "vector") and self.uses[node.serial] > 1 and node.serial not in names:
                names[node.serial] = next(free)
        new = {value.serial: self.states[state] for state, value in self.graph.items() if value.args}
        return names | new

    def _squashed(self, map_: Expression, readers: dict[int, Expression]) -> Expression:
        """Return the squashed map, with what is added to it before; the map itself, if it is not squashed."""
        node = map_
        while self.uses[node.serial] == 1 and all(node is not value for value in self.graph.values()):
            node = readers[node.serial]
            if len(node.args) == 1 and node.op != "negative":
                return node
            if node.op not in ("add", "subtract") or sum(n.op == "affine" for n in topological([node])) > 1:
                break
        return map_

    def lines(self) -> list[str]:
        """Return the lines of the step."""
        written = [
            f"{self.names[node.serial]} = {self.definition(node)}" for node in self.nodes if node.serial in self.names
        ]
        new = ", ".join(f"{self.states[state]}={self.reference(value)}" for state, value in self.graph.items())
        return [*written, f"return self.State({new})"]

    def reference(self, node: Expression, tightest: int = 0) -> str:
        """Write a value where it is read, in parentheses if it binds less than what is around it."""
        if node.serial in self.names:
            return self.names[node.serial]
        written = self.definition(node)
        return f"({written})" if PRECEDENCE.get(node.op, 9) < tightest else written

    def definition(self, node: Expression) -> str:
        """Write what a value is."""
        match node.op:
            case "input":
                return "x"
            case "last":
                return f"last.{self.states[node.attrs[0]]}"
            case "constant":
                value = node.attrs[0]
                return repr(int(value)) if value == int(value) else repr(value)
            case "vector":
                self.used.add("vector")
                start = "" if node.attrs[1] is None else f", {node.attrs[1]}"
                return f'vector("{self.vectors[node.serial]}"{start})'
            case "affine":
                return self.affine(node)
        inner = PRECEDENCE.get(node.op, 0)
        tighter = TIGHTER.get(node.op, (0,) * len(node.args))
        parts = [self.reference(arg, inner + more) for arg, more in zip(node.args, tighter, strict=True)]
        if node.op in PRECEDENCE:
            return OPERATIONS[node.op].text.format(*parts)
        self.used.add(node.op)
        return f"{node.op}({', '.join(parts)})"

    def affine(self, node: Expression) -> str:
        """Write a map: the input and states by themselves, what is computed with the letter of its matrix."""
        self.used.add("affine")
        given = [self.reference(arg) for arg in node.args if arg.op in ("input", "last")]
        for arg in node.args:
            if arg.op not in ("input", "last"):
                letter = self.letters.setdefault(arg.serial, LETTERS[len(self.letters)])
                given.append(f"{letter}={self.reference(arg)}")
        return f'affine("{self.gates[node.serial]}", {", ".join(given)}{"" if node.attrs[2] else ", bias=False"})'

"""Equations as text for a terminal and as LaTeX: one walk over the graph, two tables of styles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from keepgate.equations.expression import Expression
from keepgate.equations.operations import OPERATIONS

if TYPE_CHECKING:
    from keepgate.equations.graph import Equations

__all__ = ["describe", "latex", "text"]

PRECEDENCE = {"less": 0, "add": 1, "subtract": 1, "negative": 2, "multiply": 2, "divide": 2}
TIGHTER = {"subtract": (0, 1), "divide": (0, 1), "negative": (1,), "less": (1, 1)}  # what an argument must bind more
DEEPEST, MOST = 100, 5_000  # values within values, and values in all, that a text writes out; "…" stands for more
MATRIX = {"i": "W", "h": "U", "c": "V"}


class Style(NamedTuple):
    """The form of leaves and products in an output format (`scaled`: by a number); operations are in their table."""

    operation: Callable[[str], str]
    scaled: str
    leaf: dict[str, Callable[..., str]]
    matrix: Callable[[str, str, str], str]
    bias: Callable[[str], str]
    now: Callable[[str], str]
    group: str
    tall: frozenset[str]


def _number(value: float) -> str:
    return f"{value:g}"


def _tex_name(name: str, time: str = "") -> str:
    """Write p_i at time t as p_{i,t}."""
    head, *tail = [part if len(part) == 1 else rf"\mathrm{{{part}}}" for part in name.split("_") if part]
    below = ",".join(filter(None, [*tail, time]))
    return head + (f"_{{{below}}}" if below else "")


TEXT = Style(
    operation=lambda op: OPERATIONS[op].text,
    scaled="{} * {}",
    leaf={
        "input": lambda: "x[t]",
        "last": lambda state: f"{state}[t-1]",
        "step_input": lambda name: f"{name}[t]",
        "vector": lambda name, initial: name,
        "constant": _number,
        "size": lambda width: f"size({width})",
        "bernoulli": lambda name, rate, per: f"{name}[t]" if per == "step" else name,
        "cotangent": lambda state: f"d{state}[t]",
        "transposed": lambda letter, gates: f"transposed({letter})",
    },
    matrix=lambda matrix, gate, source: f"{matrix}_{gate} {source}",
    bias=lambda gate: f"b_{gate}",
    now=lambda name: f"{name}[t]",
    group="({})",
    tall=frozenset(),
)

LATEX = Style(
    operation=lambda op: OPERATIONS[op].latex,
    scaled=r"{} \, {}",
    leaf={
        "input": lambda: "x_{t}",
        "last": lambda state: _tex_name(state, "t-1"),
        "step_input": lambda name: _tex_name(name, "t"),
        "vector": lambda name, initial: _tex_name(name),
        "constant": _number,
        "size": lambda width: "n",
        "bernoulli": lambda name, rate, per: _tex_name(name, "t" if per == "step" else ""),
        "cotangent": lambda state: rf"\bar{{{state}}}_t",
        "transposed": lambda letter, gates: rf"\mathrm{{transposed}}_{letter}",
    },
    matrix=lambda matrix, gate, source: f"{matrix}_{{{gate}}} {source}",
    bias=lambda gate: f"b_{{{gate}}}",
    now=lambda name: _tex_name(name, "t"),
    group=r"\left({}\right)",
    tall=frozenset({"divide"}),
)


class _Printer:
    """Writes expressions in one style; values with a name are written by it."""

    def __init__(self, style: Style, named: dict[int, str], split: frozenset[str] = frozenset()) -> None:
        self.style, self.named, self.split = style, named, split
        self.depth = self.written = 0

    def reference(self, node: Expression, tightest: int = 0) -> str:
        """Write a value where it is used, in parentheses if it binds less than its surroundings."""
        if node.serial in self.named:
            return self.style.now(self.named[node.serial])
        if node.op == "broadcast":
            return self.reference(node.args[0], tightest)
        if self.depth == DEEPEST or self.written > MOST:
            return "…"
        self.depth, self.written = self.depth + 1, self.written + 1
        written = self.definition(node)
        self.depth -= 1
        if node.op in self.style.tall:
            return written
        several = node.op == "affine" and (len(node.args) > 1 or node.attrs[2])
        precedence = 1 if several else PRECEDENCE.get(node.op, 9)
        return self.style.group.format(written) if precedence < tightest else written

    def definition(self, node: Expression) -> str:
        """Write what a value is."""
        if node.op == "affine":
            return self.affine(node)
        if node.op == "broadcast":
            return self.reference(node.args[0])
        if node.op not in OPERATIONS:
            return self.style.leaf[node.op](*node.attrs)
        inner = PRECEDENCE.get(node.op, 0) if node.op not in self.style.tall else 0
        tighter = TIGHTER.get(node.op, (0,) * len(node.args))
        parts = [self.reference(arg, inner + more) for arg, more in zip(node.args, tighter, strict=True)]
        scaled = node.op == "multiply" and any(arg.op == "constant" for arg in node.args)
        return (self.style.scaled if scaled else self.style.operation(node.op)).format(*parts)

    def affine(self, node: Expression) -> str:
        gate, letters, biased = node.attrs
        names = [MATRIX.get(str(letter), str(letter).upper()) for letter in letters]
        sources = [self.reference(source, 3) for source in node.args]
        terms = [self.style.matrix(name, gate, source) for name, source in zip(names, sources, strict=True)]
        label = letters[0] + gate if gate in self.split else gate
        return " + ".join(terms + [self.style.bias(label)] * bool(biased))


def text(node: Expression) -> str:
    """Return one expression as a line of text."""
    return _Printer(TEXT, {}).definition(node)


Expression.__repr__ = lambda self: text(
    self
)  # set here, because an expression does not know how operations are written


def _lines(equations: Equations, style: Style) -> list[tuple[str, str]]:
    names = {**equations.named, **equations.new}
    reachable = {node.serial for node in equations.nodes}
    chosen = {v.serial: name for name, v in names.items() if v.serial in reachable and v.op not in style.leaf}
    nodes = [node for node in equations.nodes if node.serial in chosen]
    counts = Counter(node.attrs[0] for node in equations.affines)
    split = frozenset(gate for gate, count in counts.items() if count > 1)  # maps apart have biases of their own
    printer = _Printer(style, chosen, split)
    lines = [(style.now(chosen[n.serial]), printer.definition(n)) for n in nodes]
    same = [(s, v) for s, v in equations.new.items() if chosen.get(v.serial) != s]
    return lines + [(style.now(s), printer.reference(v)) for s, v in same]


def describe(equations: Equations) -> str:
    """Return the equations for a terminal, one value a line."""
    lines = _lines(equations, TEXT)
    margin = max(len(left) for left, _ in lines)
    return "\n".join(f"{left:>{margin}} = {right}" for left, right in lines)


def latex(equations: Equations) -> str:
    r"""Return the equations as a LaTeX `aligned` block, `\odot` being the product unit by unit."""
    body = " \\\\\n".join(f"  {left} &= {right}" for left, right in _lines(equations, LATEX))
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"

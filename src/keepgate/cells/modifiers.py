"""Modifiers: functions that take a cell and return a cell with rewritten equations; they compose.

>>> from keepgate.cells import LSTM, layer_norm, projected
>>> projected(layer_norm(LSTM()), 3).name
'projected(layer_norm(lstm), 3)'
"""

from __future__ import annotations

from dataclasses import replace

from keepgate.equations import Cell, Equations, Expression, WrittenCell, affine, normalize, vector
from keepgate.equations.expression import expression
from keepgate.equations.graph import rewrite
from keepgate.errors import CellError, InputError, quoted

__all__ = ["coupled", "layer_norm", "memory_of", "modified", "projected"]


MOST_UNITS = 1_000_000  # as a model file may have


def modified(cell: Cell, equations: Equations, source: str) -> Cell:
    """Return the cell of rewritten equations, whose paper names the source of the change too."""
    return WrittenCell(equations, paper=f"{cell.paper}; {source}" if cell.paper else source)


def memory_of(equations: Equations) -> Expression | None:
    """Return what the output reads of the state c: its new value, before zoneout mixes it with the last."""
    return equations.named.get("c_candidate", equations.new.get("c"))


def _normalized(value: Expression, gain: str) -> Expression:
    return vector(gain, 1.0, str(value.width)) * normalize(value)


def layer_norm(cell: Cell) -> Cell:
    """Normalize each gate's products, and the cell before its output activation.

    Ba, Kiros & Hinton 2016, "Layer Normalization", equations 20 to 22: the product of each source is normalized on its
    own with a gain (`gain_<letter>_<gate>`), biases are added after it; in cells with a state `c`, c is normalized
    where the output reads it (`gain_c`, `shift_c`). Here each gate is normalized by itself.
    """
    old = cell.equations
    memory = memory_of(old)
    squashed: list[Expression] = []  # the normalized memory, written once however often it is read

    def rule(node: Expression, args: tuple[Expression, ...]) -> Expression | None:
        if node.op in ("tanh", "sigmoid") and node.args[0] is memory:
            if not squashed:
                squashed.append(_normalized(args[0], "gain_c") + vector("shift_c", 0.0))
            return expression(node.op, squashed[0])
        if node.op != "affine" or node.width != "hidden":
            return None
        return _normalized_affine(node, args)

    return modified(cell, old.rewrite(rule, f"layer_norm({cell.name})"), "Ba et al. 2016")


def _normalized_affine(node: Expression, args: tuple[Expression, ...]) -> Expression:
    gate, letters, biased = node.attrs
    terms = [
        _normalized(
            Expression("affine", (source,), (gate, (letter,), ()), node.width, node.line),
            f"gain_{letter}_{gate}",
        )
        for letter, source in zip(letters, args, strict=True)
    ]
    value = terms[0]
    for term in terms[1:]:
        value = value + term
    return value + vector(f"shift_{letters[0]}_{gate}", 0.0) if biased else value


def projected(cell: Cell, size: int) -> Cell:
    """Project the output h to `size` units by `weight_hr`; the recurrence sees the projection.

    Sak, Senior & Beaufays 2014, "Long short-term memory recurrent neural network architectures for large scale
    acoustic modeling"; `proj_size` of `torch.nn.LSTM`.

    Raises:
        InputError: the size is not positive.
        CellError: the cell uses h unit by unit, so that it cannot have another size.
    """
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise InputError(f"projected takes a positive size, got {quoted(size)}")
    if size > MOST_UNITS:
        raise InputError(f"projected takes a size up to {MOST_UNITS:,}, got {quoted(size)}")
    old = cell.equations
    output = old.states[0]

    def rule(node: Expression, args: tuple[Expression, ...]) -> Expression | None:
        if node.op == "last" and node.attrs[0] == output:
            return Expression("last", (), (output,), "projection", node.line)
        return None

    try:
        wide = rewrite({**old.named, **old.new}, rule)
    except CellError:
        raise CellError(
            f"{cell.name} uses its state {output} unit by unit, so it cannot be projected; use a cell with a separate"
            f" memory, such as lstm, and project it before other modifiers"
        ) from None
    new = {state: wide[state] for state in old.states}
    new[output] = affine("r", bias=False, width="projection", h=wide[output])
    named = {name: wide[name] for name in old.named if name not in new} | {f"{output}_wide": wide[output]}
    sizes = {**old.sizes, "projection": size}
    equations = replace(old, name=f"projected({cell.name}, {size})", new=new, named=named, sizes=sizes)
    return modified(cell, equations, "Sak et al. 2014")


def _named(cell: Cell, *names: str) -> list[Expression]:
    named = cell.equations.named
    if missing := [name for name in names if name not in named]:
        raise CellError(f"{cell.name} has no value named '{missing[0]}' in its step, which this modifier needs")
    return [named[name] for name in names]


def coupled(cell: Cell) -> Cell:
    """Couple the gates i and f: f = 1 - i. Greff et al. 2017, "LSTM: A Search Space Odyssey" (CIFG)."""
    i, f = _named(cell, "i", "f")

    def rule(node: Expression, args: tuple[Expression, ...]) -> Expression | None:
        return 1 - i if node is f else None

    return modified(cell, cell.equations.rewrite(rule, f"coupled({cell.name})"), "coupled gates")

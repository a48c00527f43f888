"""Modifiers: functions that take a cell and return a cell with rewritten equations; they compose.

>>> from keepgate.cells import LSTM, layer_norm, zoneout
>>> zoneout(layer_norm(LSTM()), 0.1).name
'zoneout(layer_norm(lstm), 0.1)'
"""

from __future__ import annotations

from collections.abc import Mapping

from keepgate.equations import Cell, Equations, Expression, WrittenCell, affine, bernoulli, normalise, vector
from keepgate.equations.expression import expression
from keepgate.equations.graph import rewrite
from keepgate.errors import CellError, InputError

__all__ = ["coupled", "layer_norm", "no_output_activation", "projected", "zoneout"]


def _modified(cell: Cell, equations: Equations, source: str) -> Cell:
    return WrittenCell(equations, paper=f"{cell.paper}; {source}" if cell.paper else source)


def _memory(equations: Equations) -> Expression | None:
    """Return what the output reads of the state c: its new value, before zoneout mixes it with the last."""
    return equations.named.get("c_candidate", equations.new.get("c"))


def _normalised(value: Expression, gain: str) -> Expression:
    return vector(gain, 1.0, str(value.width)) * normalise(value)


def layer_norm(cell: Cell) -> Cell:
    """Normalise each gate's products, and the cell before its output activation.

    Ba, Kiros & Hinton 2016, "Layer Normalization", equations 20 to 22: the product of each source is normalised on its
    own with a gain (``gain_<letter>_<gate>``), biases are added after it; in cells with a state ``c``, c is normalised
    where the output reads it (``gain_c``, ``shift_c``). Here each gate is normalised by itself.
    """
    old = cell.equations
    memory = _memory(old)
    squashed: list[Expression] = []  # the normalised memory, written once however often it is read

    def rule(node: Expression, args: tuple[Expression, ...]) -> Expression | None:
        if node.op in ("tanh", "sigmoid") and node.args[0] is memory:
            if not squashed:
                squashed.append(_normalised(args[0], "gain_c") + vector("shift_c", 0.0))
            return expression(node.op, squashed[0])
        if node.op != "affine" or node.width != "hidden":
            return None
        return _normalised_affine(node, args)

    return _modified(cell, old.rewrite(rule, f"layer_norm({cell.name})"), "Ba et al. 2016")


def _normalised_affine(node: Expression, args: tuple[Expression, ...]) -> Expression:
    gate, letters, biased = node.attrs
    terms = [
        _normalised(
            Expression("affine", (source,), (gate, (letter,), ()), node.width, node.line),
            f"gain_{letter}_{gate}",
        )
        for letter, source in zip(letters, args, strict=True)
    ]
    value = terms[0]
    for term in terms[1:]:
        value = value + term
    return value + vector(f"shift_{letters[0]}_{gate}", 0.0) if biased else value


def zoneout(cell: Cell, rate: float | Mapping[str, float] = 0.1) -> Cell:
    """Keep each unit's last state with probability ``rate``; in evaluation, mix by the expectation.

    Krueger et al. 2017, "Zoneout: Regularizing RNNs by Randomly Preserving Hidden Activations", section 3.2.

    Args:
        cell: the cell to modify.
        rate: one probability for every state, or one for each state by name (absent: 0).

    Raises:
        InputError: a state is unknown, or a rate is no probability.
    """
    old = cell.equations
    rates = dict(rate) if isinstance(rate, Mapping) else dict.fromkeys(old.states, rate)
    if unknown := [state for state in rates if state not in old.states]:
        raise InputError(f"zoneout: {cell.name} has no state {unknown[0]!r}; its states are {', '.join(old.states)}")
    for state, probability in rates.items():
        if isinstance(probability, bool) or not isinstance(probability, int | float) or not 0 <= probability <= 1:
            raise InputError(f"zoneout: the rate of {state} is a probability from 0 to 1, got {probability!r}")
    new, named = dict(old.new), {name: value for name, value in old.named.items() if not rates.get(name)}
    for state, probability in rates.items():
        if probability:
            value = named[f"{state}_candidate"] = old.new[state]
            last = Expression("last", (), (state,), value.width, value.line)
            keep = bernoulli(f"zoneout_{state}", probability, str(value.width))
            new[state] = keep * last + (1 - keep) * value
    equations = Equations(f"zoneout({cell.name}, {rate})", new, named, old.sizes)
    return _modified(cell, equations, "Krueger et al. 2017")


def projected(cell: Cell, size: int) -> Cell:
    """Project the output h to ``size`` units by ``weight_hr``; the recurrence sees the projection.

    Sak, Senior & Beaufays 2014, "Long short-term memory recurrent neural network architectures for large scale
    acoustic modeling"; ``proj_size`` of ``torch.nn.LSTM``.

    Raises:
        InputError: the size is not positive.
        CellError: the cell uses h unit by unit, so that it cannot have another size.
    """
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise InputError(f"projected takes a positive size, got {size!r}")
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
            f" memory, such as lstm"
        ) from None
    new = {state: wide[state] for state in old.states}
    new[output] = affine("r", bias=False, width="projection", h=wide[output])
    named = {name: wide[name] for name in old.named if name not in new} | {f"{output}_wide": wide[output]}
    equations = Equations(f"projected({cell.name}, {size})", new, named, {**old.sizes, "projection": size})
    return _modified(cell, equations, "Sak et al. 2014")


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

    return _modified(cell, cell.equations.rewrite(rule, f"coupled({cell.name})"), "coupled gates")


def no_output_activation(cell: Cell) -> Cell:
    """Read the cell without squashing: h = o * c. Gers & Schmidhuber 2001, section 2, suggest it for peepholes."""
    memory = _memory(cell.equations)
    squashed = [n for n in cell.equations.nodes if n.op == "tanh" and n.args[0] is memory]
    if not squashed:
        raise CellError(f"{cell.name} has no tanh of its new state c to remove")

    def rule(node: Expression, args: tuple[Expression, ...]) -> Expression | None:
        return args[0] if node in squashed else None

    equations = cell.equations.rewrite(rule, f"no_output_activation({cell.name})")
    return _modified(cell, equations, "identity output activation")

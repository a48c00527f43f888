"""The cells that the ONNX operators LSTM, GRU and RNN can express: read off the equations, whatever the cell's name.

The operators, as ONNX Runtime computes them (f, g, h are activations; clip bounds the arguments of f and g):

- LSTM: i, o, f = f(W x + R h' + p * c + b), c = f * c' + i * g(W x + R h' + b), h = o * h(c); p * c is c' for i and f;
  with `input_forget` f = 1 - i;
- GRU: z, r = f(...), h = (1 - z) * n + z * h', n = g(W x + R (r * h') + b), or g(W x + b + r * (R h' + b)) with
  `linear_before_reset`;
- RNN: h = f(W x + R h' + b).

Runtimes execute an operator as one kernel, but the body of a `Scan` node by node; so the equations are brought to a
normal form (`keepgate.export.polynomial`) and compared with the formulas above (`keepgate.export.reading`).

A gate that a cell does not have is always open. A projected output takes the LSTM or RNN of the
unprojected one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from keepgate.equations import Equations
from keepgate.export.polynomial import ONE, Atom, Polynomial
from keepgate.export.reading import (
    SIGMOID,
    Activation,
    Argument,
    OtherError,
    Reader,
    X,
    as_activation,
    as_output_activation,
    factors,
    need,
)
from keepgate.maps import Dense

__all__ = ["Operator", "operator"]


class Operator(NamedTuple):
    """One node of ONNX.

    Attributes:
        name: LSTM, GRU or RNN.
        gates: what enters the activation of each gate, in ONNX's order; None is a gate that is always open.
        activations: those of one direction.
        attributes: of the node.
        states: the cell's states in the order of the operator's: the output, then the memory.
        projection: gate and letter of the projection of the output, if it has one.
    """

    name: str
    gates: tuple[Argument | None, ...]
    activations: tuple[Activation, ...]
    attributes: dict[str, Any]
    states: tuple[str, ...]
    projection: tuple[str, str] | None = None


def operator(equations: Equations) -> Operator | None:
    """Return the operator that computes the cell, or None."""
    if equations.step_inputs or len(equations.states) > 2 or type(equations.map) is not Dense:
        return None
    readers = (_lstm,) if len(equations.states) == 2 else (_gru, _rnn)
    for read in readers:
        try:
            return read(Reader(equations))
        except OtherError:
            continue
    return None


def _lstm(cell: Reader) -> Operator:
    """Read c = f * c' + i * g and h = o * h(c), trying every way to tell gate from value."""
    forget, rest = cell.new_memory.divided(cell.c)
    for i, g in factors(rest):
        for o, read in factors(cell.wide):
            try:
                return _lstm_of(cell, forget, i, g, o, read)
            except OtherError:
                cell.clips.clear()
    raise OtherError


def _lstm_of(
    cell: Reader, forget: Polynomial, i: Polynomial, g: Polynomial, o: Polynomial, read: Polynomial
) -> Operator:
    coupled = forget == ONE - i and i != ONE
    memories = {"i": (i, cell.last_memory), "o": (o, cell.new_memory), "f": (forget, cell.last_memory)}
    if coupled:
        del memories["f"]
    need(bool(forget.terms))
    gates = {name: cell.gate(value, memory) for name, (value, memory) in memories.items() if value != ONE}
    shared = {activation for activation, _ in gates.values()} or {SIGMOID}
    open_gates = [name for name in memories if name not in gates]
    candidate, argument = cell.gate(g)
    activations = (*shared, candidate, as_output_activation(read, cell.new_memory))
    attributes = cell.attributes(**({"input_forget": 1} if coupled else {}))
    need(len(shared) == 1 and not (open_gates and ("clip" in attributes or shared != {SIGMOID})))
    if coupled:
        gates["f"] = (SIGMOID, Argument())
    arguments = tuple(gates[name][1] if name in gates else None for name in "iof")
    states = (cell.output, cell.memory)
    return Operator("LSTM", (*arguments, argument), activations, attributes, states, cell.projection)


def _gru(cell: Reader) -> Operator:
    """Read h = (1 - z) * n + z * h'."""
    need(cell.projection is None)
    update, rest = cell.wide.divided(cell.h)
    need(bool(update.terms))
    n = next((n for complement, n in factors(rest) if complement == ONE - update), None)
    if n is None:
        raise OtherError
    f, z = cell.gate(update)
    g, value = as_activation(n)
    reset, argument, after = _reset(cell, cell.unclipped(value))
    gate = None if reset is None else cell.gate(reset)
    attributes = cell.attributes(linear_before_reset=int(after))
    need(gate is None or gate[0] == f)
    need(gate is not None or (f == SIGMOID and "clip" not in attributes))
    return Operator("GRU", (z, gate and gate[1], argument), (f, g), attributes, (cell.output,))


def _reset(cell: Reader, value: Polynomial) -> tuple[Polynomial | None, Argument, bool]:
    """Return the reset gate, what enters n, and whether the gate is applied after the product."""
    terms, resets = [], set()
    for atoms, factor in value.terms:
        match atoms:
            case (Atom("product", attrs, (source,)),) if source not in (X, cell.last):
                gate, rest = source.divided(cell.h)
                need(not rest.terms)
                resets.add(gate)
                atoms = (Atom("product", attrs, (cell.last,)),)
        terms.append((atoms, factor))
    if resets:
        plain = [atoms for atoms, _ in value.terms if [a.args for a in atoms] == [(cell.last,)]]
        need(len(resets) == 1 and not plain)
        return resets.pop(), cell.argument(Polynomial.of(terms)), False
    for one in value.atoms:
        inner, outer = value.divided(one)
        if one.op not in ("product", "vector") and inner.terms:
            after, before = cell.argument(inner), cell.argument(outer)
            need(not (after.input or after.number or before.recurrent))
            before.recurrent, before.recurrent_bias = after.recurrent, after.input_bias
            return Polynomial.of([((one,), 1.0)]), before, True
    return None, cell.argument(value), False


def _rnn(cell: Reader) -> Operator:
    """Read h = f(W x + R h' + b)."""
    activation, argument = cell.gate(cell.wide)
    return Operator("RNN", (argument,), (activation,), cell.attributes(), (cell.output,), cell.projection)

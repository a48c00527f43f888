"""Parts of operators in the normal forms of a cell: activations, what enters them, gates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from keepgate.equations import Equations
from keepgate.export.polynomial import ONE, Atom, NormalForm, Polynomial, atom, constant

__all__ = [
    "SIGMOID",
    "Activation",
    "Argument",
    "OtherError",
    "Reader",
    "X",
    "as_activation",
    "as_output_activation",
    "factors",
    "need",
]


class Activation(NamedTuple):
    """An activation by its name in ONNX, with the parameters that it takes."""

    name: str
    alpha: float | None = None
    beta: float | None = None


SIGMOID, IDENTITY = Activation("Sigmoid"), Activation("Affine", 1.0, 0.0)
PLAIN = {"sigmoid": "Sigmoid", "relu": "Relu", "softplus": "Softplus"}


@dataclass
class Argument:
    """The argument of an activation, each part with its factor: products by (gate, letter, biased), vectors by name."""

    input: list[tuple[float, tuple[str, str, bool]]] = field(default_factory=list)
    recurrent: list[tuple[float, tuple[str, str, bool]]] = field(default_factory=list)
    input_bias: list[tuple[float, str]] = field(default_factory=list)
    recurrent_bias: list[tuple[float, str]] = field(default_factory=list)
    number: float = 0.0
    peephole: tuple[float, str] | None = None


class OtherError(Exception):
    """The cell is none that the operator can say."""


class Reader:
    """The normal forms of a cell, and how its parts are read as parts of an operator."""

    def __init__(self, equations: Equations) -> None:
        self.output, *memory = equations.states
        self.memory = memory[0] if memory else ""
        form = NormalForm(equations)
        self.wide, self.projection = form.new[self.output], None
        single = self.wide.single
        if single and single[1].op == "product" and single[1].attrs[2] == "projection":
            factor, (_, (gate, letter, _, biased), (source,)) = single
            need(factor == 1.0 and not biased)
            self.wide, self.projection = source, (gate, letter)
        self.new_memory = form.new.get(self.memory, constant(0.0))
        self.h, self.c = Atom("last", (self.output,)), Atom("last", (self.memory,))
        self.last, self.last_memory = atom(*self.h), atom(*self.c)
        self.clips: set[float | None] = set()

    def gate(self, value: Polynomial, memory: Polynomial | None = None) -> tuple[Activation, Argument]:
        """Read a value as an activation of products."""
        activation, argument = as_activation(value)
        return activation, self.argument(self.unclipped(argument), memory)

    def unclipped(self, value: Polynomial) -> Polynomial:
        """Take off the bounds -k and k, and remember k: it is one for all gates."""
        inner, bounds = value, []
        for op, sign in (("minimum", 1.0), ("maximum", -1.0)) if _is(value, "minimum") else REVERSED:
            inner, bound = _bounded(inner, op)
            bounds.append(sign * bound if bound is not None else None)
        clipped = None not in bounds and len(set(bounds)) == 1 and (bounds[0] or 0.0) > 0.0
        self.clips.add(bounds[0] if clipped else None)
        return inner if clipped else value

    def argument(self, value: Polynomial, memory: Polynomial | None = None) -> Argument:
        """Read a sum of products of x and of the last output, of vectors, and of a vector times the memory."""
        argument, others = Argument(number=value.number), []
        for atoms, factor in value.terms:
            match atoms:
                case ():
                    pass
                case (Atom("product", (gate, letter, "hidden", biased), (source,)),):
                    need(source in (X, self.last))
                    (argument.input if source == X else argument.recurrent).append((factor, (gate, letter, biased)))
                case (Atom("vector", (name, _)),):
                    argument.input_bias.append((factor, name))
                case _:
                    others.append((atoms, factor))
        if others:
            argument.peephole = _peephole(Polynomial.of(others), memory)
        return argument

    def attributes(self, **given: int) -> dict[str, Any]:
        """Return the attributes of the node, with the clip that all gates share."""
        need(len(self.clips) <= 1)
        clip = next(iter(self.clips), None)
        return given | ({} if clip is None else {"clip": clip})


X = atom("input")
REVERSED = (("maximum", -1.0), ("minimum", 1.0))


def as_activation(value: Polynomial) -> tuple[Activation, Polynomial]:
    """Read a value as an activation of something; at worst it is the identity."""
    number, single = value.number, (value - constant(value.number)).single
    if single is None:
        return IDENTITY, value
    factor, (op, _, args) = single
    match op, factor, number:
        case "tanh", _, 0.0:
            return (Activation("Tanh") if factor == 1.0 else Activation("ScaledTanh", factor, 1.0)), args[0]
        case (("sigmoid" | "relu" | "softplus"), 1.0, 0.0):
            return Activation(PLAIN[op]), args[0]
        case "sigmoid", -1.0, 1.0:  # 1 - sigmoid(a) = sigmoid(-a)
            return SIGMOID, args[0].scaled(-1.0)
        case "sigmoid", _, _ if number == -factor / 2:  # sigmoid(a) - 1/2 = tanh(a / 2) / 2
            return Activation("ScaledTanh", factor / 2, 1.0), args[0].scaled(0.5)
        case "divide", 1.0, 0.0 if args[1] == ONE + atom("absolute", (), (args[0],)):
            return Activation("Softsign"), args[0]
    return IDENTITY, value


def as_output_activation(value: Polynomial, memory: Polynomial) -> Activation:
    """Read a value as an activation of the memory, which it may scale.

    Raises:
        OtherError: it is none.
    """
    activation, argument = as_activation(value)
    scale = argument.ratio(memory)
    if scale is None:
        raise OtherError
    if activation.name in ("Tanh", "ScaledTanh") and scale != 1.0:
        return Activation("ScaledTanh", activation.alpha or 1.0, scale)
    if activation == IDENTITY:
        return Activation("Affine", scale, 0.0)
    need(scale == 1.0)
    return activation


def factors(value: Polynomial) -> Iterator[tuple[Polynomial, Polynomial]]:
    """Give every way to write a value as gate times something; a gate is an atom, 1 minus an atom, or 1."""
    for one in value.atoms:
        inner, outer = value.divided(one)
        gate = Polynomial.of([((one,), 1.0)])
        if not outer.terms:
            yield gate, inner
        elif (ONE - gate) * outer == value:
            yield ONE - gate, outer
    yield ONE, value


def _peephole(value: Polynomial, memory: Polynomial | None) -> tuple[float, str]:
    """Read a value as a vector times the memory."""
    for one in value.atoms:
        inner, outer = value.divided(one)
        if one.op == "vector" and memory is not None and not outer.terms:
            scale = inner.ratio(memory)
            if scale is not None:
                return scale, one.attrs[0]
    raise OtherError


def _bounded(value: Polynomial, op: str) -> tuple[Polynomial, float | None]:
    """Return what a minimum or maximum with a number is taken of, and the number."""
    if _is(value, op):
        (_, (_, _, args)) = value.single  # type: ignore[misc]
        for one, other in (args, args[::-1]):
            if one == constant(one.number):
                return other, one.number
    return value, None


def _is(value: Polynomial, op: str) -> bool:
    return value.single is not None and value.single[0] == 1.0 and value.single[1].op == op


def need(holds: bool) -> None:
    """Give up this reading unless something holds.

    Raises:
        OtherError: it does not hold.
    """
    if not holds:
        raise OtherError

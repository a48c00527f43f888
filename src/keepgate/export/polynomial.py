"""Normal forms: each value of a cell as a sum of products of what cannot be taken apart, so that notation is no matter.

`(1 - z) * n + z * h` and `n + z * (h - n)` are one polynomial in the atoms n, z and h. An atom is a leaf, one
product of an affine map, or an operation that is no sum or product, such as tanh; its arguments are in normal form
too. Random bits are their expectation, as in evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from keepgate.equations import Equations, Expression

__all__ = ["ONE", "Atom", "NormalForm", "Polynomial", "atom", "constant"]

LARGE = 64  # terms; a value with more is kept whole, as an atom


Term = tuple[tuple["Atom", ...], float]


@dataclass(frozen=True)
class Polynomial:
    """Products of atoms with their factors, in the order in which they were written; `key` knows no order."""

    terms: tuple[Term, ...] = field(compare=False)
    key: frozenset[Term]

    @classmethod
    def of(cls, terms: Iterable[Term]) -> Polynomial:
        """Add up terms of equal atoms and drop those that cancel."""
        sums: dict[tuple[Atom, ...], Term] = {}
        for atoms, factor in terms:
            key = tuple(sorted(atoms, key=hash))
            first, sum_ = sums.get(key, (atoms, 0.0))
            sums[key] = first, sum_ + factor
        left = {key: term for key, term in sums.items() if term[1]}
        return cls(tuple(left.values()), frozenset((key, factor) for key, (_, factor) in left.items()))

    def __add__(self, other: Polynomial) -> Polynomial:
        return Polynomial.of([*self.terms, *other.terms])

    def __mul__(self, other: Polynomial) -> Polynomial:
        return Polynomial.of((a + b, x * y) for a, x in self.terms for b, y in other.terms)

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + other.scaled(-1.0)

    def scaled(self, factor: float) -> Polynomial:
        """Return the polynomial times a number."""
        return Polynomial.of((atoms, factor * x) for atoms, x in self.terms)

    @property
    def single(self) -> tuple[float, Atom] | None:
        """The factor and the atom, where there is one term of one atom."""
        match self.terms:
            case (((only,), factor),):
                return factor, only
        return None

    @property
    def number(self) -> float:
        """The constant term."""
        return sum(factor for atoms, factor in self.terms if not atoms)

    @property
    def atoms(self) -> list[Atom]:
        """Every atom of the terms once."""
        return list(dict.fromkeys(one for atoms, _ in self.terms for one in atoms))

    def divided(self, by: Atom) -> tuple[Polynomial, Polynomial]:
        """Return the quotient by an atom, and the rest: the terms without it."""
        having = [(_without(atoms, by), factor) for atoms, factor in self.terms if by in atoms]
        return Polynomial.of(having), Polynomial.of(term for term in self.terms if by not in term[0])

    def ratio(self, other: Polynomial) -> float | None:
        """Return the number by which `other` times it is this polynomial, if there is one."""
        atoms, factor = next(iter(other.key), ((), 0.0))
        scale = dict(self.key).get(atoms, 0.0) / factor if factor else 0.0
        return scale if scale and other.scaled(scale) == self else None


class Atom(NamedTuple):
    """A term that is not taken apart: an operation or leaf, its attributes, its arguments in normal form."""

    op: str
    attrs: tuple[Any, ...] = ()
    args: tuple[Polynomial, ...] = ()


def _without(atoms: tuple[Atom, ...], one: Atom) -> tuple[Atom, ...]:
    at = atoms.index(one)
    return atoms[:at] + atoms[at + 1 :]


def atom(op: str, attrs: tuple[Any, ...] = (), args: tuple[Polynomial, ...] = ()) -> Polynomial:
    """Return the polynomial that is one atom."""
    return Polynomial.of([((Atom(op, attrs, args),), 1.0)])


def constant(value: float) -> Polynomial:
    """Return the polynomial that is a number."""
    return Polynomial.of([((), value)])


ONE = constant(1.0)


class NormalForm:
    """The normal form of every value of a cell.

    Attributes:
        new: those of the new states.
    """

    def __init__(self, equations: Equations) -> None:
        self._values: dict[int, Polynomial] = {}
        for node in equations.nodes:
            self._values[node.serial] = self._form(node, [self._values[arg.serial] for arg in node.args])
        self.new = {state: self._values[value.serial] for state, value in equations.new.items()}

    def _form(self, node: Expression, args: list[Polynomial]) -> Polynomial:
        match node.op, args:
            case "constant", _:
                return constant(node.attrs[0])
            case "bernoulli", _:
                return constant(node.attrs[1])
            case "add", [a, b]:
                return a + b
            case "subtract", [a, b]:
                return a - b
            case "negative", [a]:
                return a.scaled(-1.0)
            case "multiply", [a, b] if len(a.terms) * len(b.terms) <= LARGE:
                return a * b
            case "divide", [a, b] if b.terms and b == constant(b.number):
                return a.scaled(1.0 / b.number)
            case "affine", _:
                return self._products(node, args)
        attrs = (node.serial,) if node.op == "multiply" else node.attrs
        return atom(node.op, attrs, tuple(args))

    def _products(self, node: Expression, sources: list[Polynomial]) -> Polynomial:
        gate, letters, biased = node.attrs
        total = constant(0.0)
        for letter, source in zip(letters, sources, strict=True):
            total += atom("product", (gate, letter, node.width, letter in biased), (source,))
        return total

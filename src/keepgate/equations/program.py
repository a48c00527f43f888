"""The staged program of a cell as data; `keepgate.equations.staging` makes it of equations.

A step is a list of *stages*. Each stage first computes affine maps whose sources are known by then, then runs row
instructions: elementwise operations on one row of units at a time. A term of an affine map that depends on the input
alone is marked `hoisted`: for all steps at once it is one large product. The backward step has the same form, its
products being `transposed`: the sum over gates of a matrix, transposed, times a delta.

Values are numbered. Forward and backward share the numbers of forward values, so that the backward step names what it
reads: kept values, or values that it computes again (`Program.kept` holds the former).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from keepgate.maps import Map

__all__ = [
    "Affine",
    "Instruction",
    "Outer",
    "Program",
    "Stage",
    "Term",
    "Transposed",
    "Value",
]


class Value(NamedTuple):
    """A numbered value: a leaf names its `kind` and `attrs`, anything else has the kind `row`."""

    kind: str
    attrs: tuple[Any, ...]
    width: str | None


class Term(NamedTuple):
    """One product of an affine map: the weights of `gate` in block `block`, times `source`."""

    block: str
    source: int
    bias: bool
    hoisted: bool


class Affine(NamedTuple):
    """`target` = sum of terms."""

    target: int
    gate: str
    terms: tuple[Term, ...]


class Transposed(NamedTuple):
    """`target` = sum over gates of the transposed weights of that gate in `block`, times its delta."""

    target: int
    block: str
    gates: tuple[str, ...]
    deltas: tuple[int, ...]
    hoisted: bool


class Instruction(NamedTuple):
    """`target` = `op` of `args`, unit by unit (`sum` and `broadcast` join and spread units)."""

    op: str
    target: int
    args: tuple[int, ...]


class Outer(NamedTuple):
    """A weight's gradient: the sum over steps and rows of `delta` times `source`, an outer product for a matrix."""

    block: str
    gate: str
    delta: int
    source: int
    bias: bool


class Stage(NamedTuple):
    """Products first, then operations on rows of units."""

    products: tuple[Affine, ...] | tuple[Transposed, ...]
    ops: tuple[Instruction, ...]


@dataclass(frozen=True)
class Program:
    """One step forward and one step backward.

    Attributes:
        name: of the cell.
        values: every numbered value.
        sizes: sizes that the cell fixes.
        map: what the affine maps multiply with.
        states: name and width of each state.
        blocks: the gates whose weights each parameter stacks, in order; likewise `biases`.
        forward: stages of the step.
        new: value of each new state.
        kept: values of the forward step to store for the backward step (new states are stored anyway).
        backward: stages of the gradient; its first operations compute again what is not kept.
        last: value of the cotangent of each last state (absent: none).
        x: value of the cotangent of the input, or None.
        step_inputs: value of the cotangent of each step input.
        vectors: value, per row, of the cotangent of each vector.
        outers: the gradients of weights and biases.
    """

    name: str
    values: tuple[Value, ...]
    sizes: dict[str, int]
    map: Map
    states: dict[str, str]
    blocks: dict[str, tuple[str, ...]]
    biases: dict[str, tuple[str, ...]]
    forward: tuple[Stage, ...]
    new: dict[str, int]
    kept: tuple[int, ...]
    backward: tuple[Stage, ...]
    last: dict[str, int]
    x: int | None
    step_inputs: dict[str, int]
    vectors: dict[str, int]
    outers: tuple[Outer, ...]

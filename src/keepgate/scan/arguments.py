"""What every engine takes and gives back: a cell over time, in time-major shapes.

T is the sequence length, B the batch, I the input size, W the width of a state. Where the cell's map is a convolution,
the values of every row lie in space: x is [T, B, *space, I], a state [B, *space, W], and so on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from keepgate.equations import Equations
from keepgate.errors import InputError

__all__ = ["Arguments", "Result", "hidden_size", "shows_hidden", "widths"]


@dataclass
class Arguments:
    """The inputs of one scan.

    Attributes:
        x: [T, B, I].
        state: by name, [B, W].
        lengths: [B] integers or None: past its length a row's state is held and what is recorded is zero.
        reset: [T, B] booleans or None: the state before that step is the initial one.
        step_inputs: by name, [T, B, 1] (or [T, B, width of the step input]).
        reverse: walk from the last step to the first.
        seed: of the cell's random bits in training (while a compiler looks on, a tensor); None in evaluation.
        record: names of the states or named values to return for every step.
        recompute: keep less for the gradient: only every k-th state; the steps between are computed again.
        storage: `"pairs"`, with x of float32: the core multiplies bfloat16 numbers in both passes; all else is float32.
            Engines without such products multiply in float32.
        hidden_size: H, where no state, parameter or step input shows it.
        falling: the lengths are known to fall from row to row.
        rows: [B] integers, the caller's number of each row where rows have been sorted (None: they have not): random
            bits go by them.
    """

    x: Tensor
    state: Mapping[str, Tensor]
    lengths: Tensor | None = None
    reset: Tensor | None = None
    step_inputs: Mapping[str, Tensor] = field(default_factory=dict)
    reverse: bool = False
    seed: Any = None
    record: tuple[str, ...] = ("h",)
    recompute: bool = False
    storage: str = "full"
    hidden_size: int | None = None
    falling: bool = False
    rows: Tensor | None = None


@dataclass
class Result:
    """What a scan gives: `recorded` by name, [T, B, W], and the final `state` by name, [B, W]."""

    recorded: dict[str, Tensor]
    state: dict[str, Tensor]


def widths(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> dict[str, int]:
    """Return the number of units of every width."""
    return equations.resolve(arguments.x.shape[-1], hidden_size(equations, parameters, arguments))


def shows_hidden(equations: Equations) -> bool:
    """Return whether a state, a parameter or a step input has the width H."""
    widths = {*equations.widths.values(), *equations.step_inputs.values()}
    widths |= {str(node.width) for node in equations.vectors.values()}
    widths |= {w for products in equations.products.values() for p in products for w in (p.width, p.source_width)}
    return "hidden" in widths or not any(n.op == "size" and n.attrs == ("hidden",) for n in equations.nodes)


def hidden_size(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> int:
    """Return H as a state, a parameter or a step input shows it, else as it is given.

    Raises:
        InputError: nothing says it, and the cell needs it.
    """
    for state, width in equations.widths.items():
        if width == "hidden":
            return arguments.state[state].shape[-1]
    axes = len(equations.map.weight_shape(1, 1, 1))
    for block, products in equations.products.items():
        weight = parameters.get(f"weight_{block}")
        kinds = products[0].width, products[0].source_width
        if weight is not None and weight.dim() >= axes and "hidden" in kinds:
            return equations.map.widths(tuple(weight.shape), len(products))[kinds.index("hidden")]
    axis = -len(equations.map.vector_shape(1))
    for name, node in equations.vectors.items():
        if str(node.width) == "hidden" and name in parameters:
            return parameters[name].shape[axis]
    for name, width in equations.step_inputs.items():
        if width == "hidden":
            return arguments.step_inputs[name].shape[-1]
    if arguments.hidden_size is None and not shows_hidden(equations):
        raise InputError(f"{equations.name} uses its hidden size, which no tensor shows; give Arguments.hidden_size")
    return arguments.hidden_size or 1

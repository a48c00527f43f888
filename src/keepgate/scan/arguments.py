"""What every engine takes and gives back: a cell over time, in time-major shapes.

T is the sequence length, B the batch, I the input size, W the width of a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from keepgate.equations import Equations

__all__ = ["Arguments", "Result", "widths"]


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Result:
    """What a scan gives: ``recorded`` by name, [T, B, W], and the final ``state`` by name, [B, W]."""

    recorded: dict[str, Tensor]
    state: dict[str, Tensor]


def widths(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> dict[str, int]:
    """Return the number of units of every width, read off the states or, where none is hidden, off a weight."""
    sizes = {width: arguments.state[state].shape[-1] for state, width in equations.widths.items()}
    if "hidden" not in sizes:
        block, products = next((b, p) for b, p in equations.products.items() if p[0].width == "hidden")
        sizes["hidden"] = parameters[f"weight_{block}"].shape[-2] // len(products)
    return equations.resolve(arguments.x.shape[-1], sizes["hidden"])

"""What autograd needs of a backend: two passes. Everything else, `vmap` to double backward, is built on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

from torch import Tensor

from keepgate.equations import Equations

__all__ = ["Backend", "Gradients", "Results", "Spec", "Split", "Tensors"]

Tensors = Sequence[Any]  # lengths or None, reset or None, then what has a gradient
Results = tuple[Tensor, ...]
Gradients = tuple[Tensor | None, ...]
Split = tuple[Tensor | None, Tensor | None, Tensor, Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]]


class Backend(Protocol):
    """A cell at given sizes, ready to run in both directions of differentiation.

    `networks` is empty, or the size of a population of networks, which is then the first dimension of all tensors;
    what networks have in common has a stride of 0 there.

    Attributes:
        compiled: whether the passes are nodes of a compiler's graph, which has no forward mode.
    """

    compiled: ClassVar[bool]

    @property
    def states(self) -> tuple[str, ...]:
        """The states in the order of the tensors."""
        ...

    @property
    def step_inputs(self) -> tuple[str, ...]:
        """The step inputs in the order of the tensors."""
        ...

    @property
    def draws(self) -> bool:
        """Whether the cell draws random bits in training."""
        ...

    def run_forward(self, spec: Spec, keep: bool, networks: tuple[int, ...], tensors: Tensors) -> Results:
        """Return the recorded and final states and, if `keep`, what the backward pass needs besides the tensors."""
        ...

    def run_backward(
        self,
        spec: Spec,
        networks: tuple[int, ...],
        tensors: Tensors,
        stored: Tensors,
        cotangents: Tensors,
        of_x: bool = True,
    ) -> Gradients:
        """Return the gradients of the tensors from x on.

        Args:
            spec: what the scan is.
            networks: as in the forward pass.
            tensors: as in the forward pass.
            stored: what the forward pass kept.
            cotangents: of the recorded and the final states; None where there is none.
            of_x: whether that of x is wanted; else None may stand in its place.
        """
        ...


@dataclass(eq=False)
class Spec:
    """What one scan is, apart from its tensors.

    Attributes:
        equations: of the cell.
        backend: runs the passes.
        names: of the parameters, in the order of the tensors.
        reverse: walk from the last step to the first.
        seed: a number or None; a tensor where the passes are operators.
        record: the states to return for every step.
        recompute: keep only every k-th state for the gradient, and compute the steps between them again.
        falling: the lengths are known to fall from row to row.
        rows: [B], the caller's number of each row where they have been sorted, for random bits.
    """

    equations: Equations
    backend: Backend
    names: tuple[str, ...]
    reverse: bool
    seed: Any
    record: tuple[str, ...]
    recompute: bool = False
    falling: bool = False
    rows: Tensor | None = None

    @cached_property
    def result_count(self) -> int:
        """Number of results: recorded states, then final states."""
        return len(self.record) + len(self.backend.states)

    def split(self, tensors: Tensors) -> Split:
        """Split the tensors of a scan into lengths, reset, x, states, step inputs and parameters."""
        lengths, reset, x, *rest = tensors
        states = len(self.backend.states)
        given = states + len(self.backend.step_inputs)
        return lengths, reset, x, rest[:states], rest[states:given], rest[given:]

    @property
    def axes(self) -> tuple[int, ...]:
        """Where the rows are in each of the tensors that have rows: all but the parameters."""
        return (0, 1, 1, *[0] * len(self.backend.states), *[1] * len(self.backend.step_inputs))

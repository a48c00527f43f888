"""What `vmap` makes of the tensors of a scan: more rows of one network, or a population of networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from keepgate.scan.autograd.backend import Results

__all__ = ["Population", "join", "merge", "split"]


@dataclass(frozen=True)
class Population:
    """Networks of one kind: how many, and which tensors have a first dimension with a part for each network."""

    size: int
    stacked: tuple[bool, ...]

    def whole(self, tensors: Sequence[Any]) -> tuple[Any, ...]:
        """Return the tensors with a part for each network; what all have in common is not copied."""
        pairs = zip(tensors, self.stacked, strict=True)
        return tuple(t if s or t is None else t.expand(self.size, *t.shape) for t, s in pairs)

    def spread(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of one network's tensors as one of the population's."""
        return torch.vmap(function, tuple(0 if s else None for s in self.stacked))


def bring(tensor: Tensor, dim: int | None, to: int, size: int) -> Tensor:
    """Return a tensor with the dimension of a transform at place `to`, also where it had none."""
    if dim is not None:
        return tensor.movedim(dim, to)
    return tensor.unsqueeze(to).expand(*tensor.shape[:to], size, *tensor.shape[to:])


def merge(tensor: Tensor | None, dim: int | None, axis: int, size: int) -> Tensor | None:
    """Fold the dimension of a transform into the rows at `axis`, within each row: so the order of lengths stays."""
    return None if tensor is None else bring(tensor, dim, axis + 1, size).flatten(axis, axis + 1)


def join(
    population: Population | None, size: int, dims: Sequence[int | None], tensors: Sequence[Any]
) -> tuple[Population, tuple[Any, ...]]:
    """Return `size` times a network or a population as one population, with its tensors."""
    if population is None:
        joined = tuple(t if d is None else t.movedim(d, 0) for t, d in zip(tensors, dims, strict=True))
        return Population(size, tuple(d is not None for d in dims)), joined
    stacked = tuple(s or d is not None for s, d in zip(population.stacked, dims, strict=True))
    joined = []
    for t, d, s, together in zip(tensors, dims, population.stacked, stacked, strict=True):
        if together:
            outer = bring(t, d, 0, size)
            t = (outer if s else bring(outer, None, 1, population.size)).flatten(0, 1)
        joined.append(t)
    return Population(size * population.size, stacked), tuple(joined)


def split(population: Population | None, size: int, results: Results) -> tuple[Results, tuple[int, ...]]:
    """Return the results of `join` as those of `size` networks or populations, and where that dimension is."""
    if population is not None:
        results = tuple(r.unflatten(0, (size, population.size)) for r in results)
    return results, (0,) * len(results)

"""One recursion over a lattice, in two semirings: the readable reference of CTC and of the CRF, on any device.

A lattice has S states at each of T steps. The score of a state is its emission plus the semiring's sum over the ways
to arrive: with `log_sum` that totals all paths (the forward algorithm), with `maximum` it follows the best (Viterbi
1967). Posteriors are derivatives of the total (Eisner 2016, "Inside-Outside and Forward-Backward Algorithms Are Just
Backprop"). -infinity is an impossible path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Lattice", "best_path", "log_sum", "maximum", "posteriors", "scan", "total"]

Sum = Callable[[Tensor], Tensor]  # over the last axis


@dataclass(frozen=True)
class Lattice:
    """A lattice of paths; B rows, S states, K ways to arrive at a state.

    Attributes:
        first: [B, S] score of beginning in a state.
        emissions: [T, B, S].
        arrive: from the scores [B, S] before a step, the scores [B, S, K] of the ways to arrive.
        source: from states [B] and ways [B], the states [B] they come from.
        last: [B, S] score of ending in a state.
        empty: [B] total of a row that has no steps.
        lengths: [B] steps of each row.
    """

    first: Tensor
    emissions: Tensor
    arrive: Callable[[Tensor], Tensor]
    source: Callable[[Tensor, Tensor], Tensor]
    last: Tensor
    empty: Tensor
    lengths: Tensor


def log_sum(scores: Tensor) -> Tensor:
    """Return log(sum(exp(scores))) over the last axis; of impossible scores only, -infinity with derivative 0."""
    top = scores.detach().amax(-1, keepdim=True)
    base = torch.where(top == -torch.inf, 0.0, top)
    summed = (scores - base).exp().sum(-1)
    none = summed == 0
    return torch.where(none, -torch.inf, torch.where(none, 1.0, summed).log() + base.squeeze(-1))


def maximum(scores: Tensor) -> Tensor:
    """Return the greatest score over the last axis."""
    return scores.amax(-1)


def scan(lattice: Lattice, add: Sum) -> list[Tensor]:
    """Return the score [B, S] of each state at each step; held behind a row's length."""
    scores: list[Tensor] = []
    for t, emission in enumerate(lattice.emissions):
        if not scores:
            scores.append(lattice.first + emission)
            continue
        score = add(lattice.arrive(scores[-1])) + emission
        scores.append(torch.where((t < lattice.lengths)[:, None], score, scores[-1]))
    return scores


def total(lattice: Lattice, add: Sum) -> Tensor:
    """Return the sum over all paths [B]."""
    return _end(lattice, scan(lattice, add), add)


def _end(lattice: Lattice, scores: list[Tensor], add: Sum) -> Tensor:
    if not scores:
        return lattice.empty
    return torch.where(lattice.lengths > 0, add(scores[-1] + lattice.last), lattice.empty)


def posteriors(lattice: Lattice) -> Tensor:
    """Return the probability [T, B, S] of each state at each step, over all paths; 0 where there is none."""
    emissions = lattice.emissions.detach().requires_grad_()
    with torch.enable_grad():
        summed = total(Lattice(**{**lattice.__dict__, "emissions": emissions}), log_sum)
        if not summed.requires_grad:  # no steps
            return torch.zeros_like(emissions)
        return torch.autograd.grad(torch.where(summed.isfinite(), summed, 0.0).sum(), emissions)[0]


def best_path(lattice: Lattice) -> tuple[Tensor, Tensor]:
    """Return the score [B] of the best path and its states [T, B]; -1 behind a row's length and where there is none."""
    scores = scan(lattice, maximum)
    best = _end(lattice, scores, maximum)
    path = torch.full(lattice.emissions.shape[:2], -1, device=best.device)
    possible = best > -torch.inf
    state = (scores[-1] + lattice.last).argmax(-1) if scores else best.long()
    for t in range(len(scores) - 1, -1, -1):
        inside = (t < lattice.lengths) & possible
        path[t] = torch.where(inside, state, -1)
        if t:
            ways = lattice.arrive(scores[t - 1])[torch.arange(len(state), device=state.device), state]
            state = torch.where(inside, lattice.source(state, ways.argmax(-1)), state)
    return best, path

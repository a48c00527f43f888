"""Beam search for the most probable outputs of a network that generates one symbol after the other.

Hypotheses are ranked as in Wu et al. 2016, "Google's Neural Machine Translation System", equation 14: by their
log-probability over a power of their length, and by how much of the source they attended to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

# the last symbols [R] and the states of R rows -> log-probabilities [R, V], attention [R, S], states
Step = Callable[[Tensor, Any], tuple[Tensor, Tensor, Any]]


class Hypothesis(NamedTuple):
    """One output.

    Attributes:
        score: by which it is ranked.
        log_probability: of its symbols and the end.
        symbols: without the end.
        weights: what each symbol and the end attended to, [T + 1, S].
    """

    score: float
    log_probability: float
    symbols: list[int]
    weights: Tensor


@dataclass(frozen=True)
class Ranking:
    """Equation 14: s(Y, X) = log P(Y | X) / lp(Y) + cp(X, Y).

    lp(Y) = ((5 + |Y|) / 6)^length, the end being one of the |Y| symbols; cp(X, Y) = coverage * the sum over the source
    of log min(1, all attention to that place).
    """

    length: float = 0.0
    coverage: float = 0.0

    def score(self, log_probability: Tensor, weights: Tensor, inside: Tensor) -> Tensor:
        """Return scores [...] of log-probabilities [...], attention [..., |Y|, S] and places inside [..., S]."""
        attended = weights.sum(-2).clamp(1e-9, 1.0)  # what was not attended to at all costs much, not everything
        covered = attended.log().masked_fill(~inside, 0.0).sum(-1)
        return log_probability / ((5 + weights.shape[-2]) / 6) ** self.length + self.coverage * covered


class Start(NamedTuple):
    """What N sentences begin with.

    Attributes:
        symbols: [N, P]; the first is read only.
        log_probability: of the others, [N].
        weights: of their attention, [N, P - 1, S].
        inside: places within the sources, [N, S].
        state: of the network.
    """

    symbols: Tensor
    log_probability: Tensor
    weights: Tensor
    inside: Tensor
    state: Any

    @classmethod
    def of(cls, symbol: int, inside: Tensor, state: Any) -> Start:
        """Return the empty beginning; `symbol` is read first."""
        count, places = inside.shape
        zero = torch.zeros(count, device=inside.device)
        symbols = torch.full((count, 1), symbol, device=inside.device)
        return cls(symbols, zero, zero.new_zeros(count, 0, places), inside, state)

    def rows(self, rows: Tensor) -> Start:
        """Return the sentences `rows`, which may repeat."""
        return Start(*(take(part, rows) for part in self))


def different_starts(step: Step, start: Start, end: int, count: int) -> Start:
    """Return each sentence `count` times, begun by its `count` most probable first symbols other than `end`.

    Diverse beam search (Vijayakumar et al. 2018) with groups that must differ in their first symbol and nowhere else.
    """
    scores, weights, state = step(start.symbols[:, -1], start.state)
    scores = scores.index_fill(1, torch.tensor([end], device=scores.device), -torch.inf)
    best, symbols = scores.topk(count)
    rows = torch.arange(len(scores), device=scores.device).repeat_interleave(count)
    repeated = start._replace(weights=torch.cat([start.weights, weights[:, None]], 1), state=state).rows(rows)
    total = repeated.log_probability + best.flatten()
    return repeated._replace(symbols=torch.cat([repeated.symbols, symbols.view(-1, 1)], 1), log_probability=total)


def search(
    step: Step, start: Start, end: int, beam: int, limits: Tensor, ranking: Ranking | None = None
) -> list[list[Hypothesis]]:
    """Return the hypotheses of each sentence, best first: a list of at least one for each of N sentences.

    A sentence is done when `beam` hypotheses have ended, or at its limit, where all that are left end. With `beam=1`
    the search is greedy.

    Args:
        step: one step of the network.
        start: what the sentences begin with.
        end: the symbol that ends an output.
        beam: hypotheses that are followed for each sentence.
        limits: most symbols of each sentence, [N].
        ranking: of the hypotheses; None: by their log-probability.
    """
    ranking = ranking or Ranking()
    finished: list[list[Hypothesis]] = [[] for _ in limits]
    sentences = torch.arange(len(limits), device=limits.device)
    total = torch.full((len(limits), beam), -torch.inf, device=limits.device)
    total[:, 0] = start.log_probability
    at = start.rows(sentences.repeat_interleave(beam))
    while len(sentences):
        scores, weights, state = step(at.symbols[:, -1], at.state)
        at = at._replace(weights=torch.cat([at.weights, weights[:, None]], 1), state=state)
        last = limits[sentences] <= at.weights.shape[1]
        best, parents, symbols = _best(total[..., None] + scores.unflatten(0, (-1, beam)), last, end)
        ended = symbols == end
        for row, place in (ended & best.isfinite())[:, :beam].nonzero().tolist():
            parent = int(parents[row, place])
            rank = ranking.score(best[row, place], at.weights[parent], at.inside[parent])
            output = at.symbols[parent, 1:].tolist()
            hypothesis = Hypothesis(float(rank), float(best[row, place]), output, at.weights[parent])
            finished[int(sentences[row])].append(hypothesis)
        open_ = torch.tensor([len(finished[i]) < beam for i in sentences.tolist()], device=last.device) & ~last
        places = ended.int().argsort(stable=True, dim=1)[:, :beam]  # those that go on, the most probable first
        total, rows, symbols = (part.gather(1, places)[open_] for part in (best, parents, symbols))
        at = at.rows(rows.flatten())
        at = at._replace(symbols=torch.cat([at.symbols, symbols.view(-1, 1)], 1))
        sentences = sentences[open_]
    return [sorted(rows, key=lambda row: -row.score) for rows in finished]


def _best(scores: Tensor, last: Tensor, end: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the best 2 K of scores [N, K, V], [N, 2 K], their rows among the N * K, and their symbols.

    No more than K of them end, so that K can go on. Where it is the `last` step [N], only the end is possible.
    """
    count, beam, size = scores.shape
    only = torch.arange(size, device=scores.device) == end
    scores = scores.masked_fill(last[:, None, None] & ~only, -torch.inf)
    best, index = scores.flatten(1).topk(2 * beam)
    rows = index // size + beam * torch.arange(count, device=scores.device)[:, None]
    return best, rows, index % size


def take(tree: Any, rows: Tensor) -> Any:
    """Return the tree of tensors [R, ...] with the rows `rows` alone; None stays None."""
    if tree is None:
        return None
    if isinstance(tree, Tensor):
        return tree.index_select(0, rows)
    parts = [take(part, rows) for part in tree]
    return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)

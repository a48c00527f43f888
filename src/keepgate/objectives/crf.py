"""Linear-chain conditional random field: loss, marginals and the best path.

Lafferty, McCallum & Pereira 2001, "Conditional Random Fields". A path of tags scores the sum of its emissions, of a
transition for each pair of neighbours, of a start and an end; its probability is exp(score) over the sum of that over
all paths. A score of -infinity forbids. Shapes: T steps, B rows, C tags; emissions [T, B, C], transitions [C, C] from
the first tag to the second, start and end [C], lengths [B] integers from 0 to T (absent: all T).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from keepgate.errors import InputError, KindError, quoted
from keepgate.native import objectives as core
from keepgate.objectives.backend import address, is_native, threads
from keepgate.objectives.semiring import Lattice, best_path, log_sum, posteriors, total
from keepgate.scan.checks import as_integers, check_tensor, dense

__all__ = ["LinearChainCRF", "crf_log_partition", "crf_marginals", "crf_score", "crf_viterbi"]

MOST_TAGS = 2**15  # whose square, the transitions, is counted in 32 bits


def crf_log_partition(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Any = None, *, backend: str = "auto"
) -> Tensor:
    """Return log of the sum of exp(score) over all paths, [B]; 0 for a row without steps.

    Args:
        emissions: [T, B, C].
        transitions: [C, C], from the first tag to the second.
        start: [C].
        end: [C].
        lengths: [B] integers from 0 to T; None: all are T.
        backend: `"auto"`, `"native"` or `"reference"`.

    Raises:
        InputError: a shape, type or length is wrong.
        BackendError: the named backend cannot run this.
    """
    scores = (emissions, transitions, start, end)
    lengths = _check(scores, lengths)
    if is_native(backend, emissions):
        return _Partition.apply(*scores, lengths)  # type: ignore[return-value]
    return total(_lattice(scores, lengths), log_sum)


def crf_marginals(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Any = None, *, backend: str = "auto"
) -> Tensor:
    """Return the probability of each tag at each step, [T, B, C]; 0 past a row's length; no gradient.

    Args:
        emissions: [T, B, C].
        transitions: [C, C], from the first tag to the second.
        start: [C].
        end: [C].
        lengths: [B] integers from 0 to T; None: all are T.
        backend: `"auto"`, `"native"` or `"reference"`.

    Raises:
        InputError: a shape, type or length is wrong.
        BackendError: the named backend cannot run this.
    """
    scores = tuple(score.detach() for score in (emissions, transitions, start, end))
    lengths = _check(scores, lengths)
    if not is_native(backend, emissions):
        return posteriors(_lattice(scores, lengths))
    marginals = torch.empty_like(emissions, memory_format=torch.contiguous_format)
    _run(scores, lengths, None, marginals, None, None, None)
    return marginals


def crf_viterbi(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Any = None, *, backend: str = "auto"
) -> tuple[Tensor, Tensor]:
    """Return the best path [T, B], -1 past a row's length, and its score [B] (Viterbi 1967); no gradient.

    Args:
        emissions: [T, B, C].
        transitions: [C, C], from the first tag to the second.
        start: [C].
        end: [C].
        lengths: [B] integers from 0 to T; None: all are T.
        backend: `"auto"`, `"native"` or `"reference"`.

    Raises:
        InputError: a shape, type or length is wrong.
        BackendError: the named backend cannot run this.
    """
    scores = tuple(score.detach() for score in (emissions, transitions, start, end))
    lengths = _check(scores, lengths)
    if not is_native(backend, emissions):
        best, path = best_path(_lattice(scores, lengths))
        return path, best
    path = torch.empty(emissions.shape[:2], dtype=torch.int32)
    best = emissions.new_empty(emissions.shape[1])
    _run(scores, lengths, None, None, None, path, best)
    return path.long(), best


def crf_score(
    emissions: Tensor, tags: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Any = None
) -> Tensor:
    """Return the score of given paths of tags, as [B]; steps past a row's length are not read.

    Args:
        emissions: [T, B, C].
        tags: integers [T, B].
        transitions: [C, C], from the first tag to the second.
        start: [C].
        end: [C].
        lengths: [B] integers from 0 to T; None: all are T.

    Raises:
        InputError: a shape, type, length or tag is wrong.
    """
    lengths = _check((emissions, transitions, start, end), lengths)
    steps, rows, count = emissions.shape
    tags = as_integers("tags", tags).to(emissions.device)
    if tags.shape != (steps, rows) or tags.dtype != torch.int64:
        raise InputError(f"tags are integers [T={steps}, B={rows}]; got {tuple(tags.shape)} of {tags.dtype}")
    if not steps:
        return emissions.sum((0, 2))
    inside = torch.arange(steps, device=tags.device)[:, None] < lengths
    wrong = inside & ((tags < 0) | (tags >= count))
    if wrong.any():
        t, row = wrong.nonzero()[0].tolist()
        raise InputError(f"tags: {int(tags[t, row])} at step {t} of row {row} is none of the C={count} tags")
    tags = torch.where(inside, tags, 0).long()
    emitted = torch.where(inside, emissions.gather(2, tags[:, :, None])[:, :, 0], 0.0).sum(0)
    moved = torch.where(inside[1:], transitions[tags[:-1], tags[1:]], 0.0).sum(0)
    last = tags.gather(0, (lengths - 1).clamp(min=0)[None])[0]
    return emitted + moved + torch.where(lengths > 0, start[tags[0]] + end[last], 0.0)


class LinearChainCRF(nn.Module):
    """Transitions between tags, learned; emissions come from the network below.

    Parameters, all uniform in ±0.1 at first: `transitions` [C, C] from the first tag to the second, `start` and
    `end` [C]. Emissions are [T, B, C], or [B, T, C] if `batch_first`; tags likewise [T, B] or [B, T].

    >>> crf = LinearChainCRF(3, batch_first=True)
    >>> emissions = torch.zeros(2, 4, 3, requires_grad=True)
    >>> loss = crf(emissions, torch.zeros(2, 4, dtype=torch.long), lengths=[4, 2])
    >>> crf.decode(emissions, lengths=[4, 2]).shape
    torch.Size([2, 4])

    Args:
        num_tags: C, at least 1.
        batch_first: whether emissions, tags and results have the batch before time.
        backend: `"auto"`, `"native"` or `"reference"`.

    Raises:
        InputError: `num_tags` is no positive integer.
    """

    def __init__(self, num_tags: int, batch_first: bool = False, *, backend: str = "auto") -> None:
        super().__init__()
        if not isinstance(num_tags, int) or num_tags < 1:
            raise InputError(f"num_tags is an integer of at least 1, got {quoted(num_tags)}")
        if num_tags > MOST_TAGS:
            raise InputError(f"num_tags is at most {MOST_TAGS}, got {quoted(num_tags)}")
        self.num_tags, self.batch_first, self.backend = num_tags, batch_first, backend
        self.transitions = nn.Parameter(torch.empty(num_tags, num_tags))
        self.start = nn.Parameter(torch.empty(num_tags))
        self.end = nn.Parameter(torch.empty(num_tags))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters."""
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.1, 0.1)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"{self.num_tags}, batch_first={self.batch_first}"

    def forward(self, emissions: Tensor, tags: Tensor, lengths: Any = None) -> Tensor:
        """Return -log of the probability of each row's tags, [B].

        Raises:
            InputError: a shape, type, length or tag is wrong.
        """
        emissions, tags = self._time_first(emissions), self._time_first(tags)
        weights = (self.transitions, self.start, self.end)
        partition = crf_log_partition(emissions, *weights, lengths, backend=self.backend)
        return partition - crf_score(emissions, tags, *weights, lengths)

    def decode(self, emissions: Tensor, lengths: Any = None) -> Tensor:
        """Return the most probable tags, in the layout of `tags`; -1 behind a row's length."""
        emissions = self._time_first(emissions)
        path, _ = crf_viterbi(emissions, self.transitions, self.start, self.end, lengths, backend=self.backend)
        return self._time_first(path)

    def marginals(self, emissions: Tensor, lengths: Any = None) -> Tensor:
        """Return the probability of each tag at each step, in the layout of `emissions`; 0 behind a row's length."""
        emissions = self._time_first(emissions)
        marginals = crf_marginals(emissions, self.transitions, self.start, self.end, lengths, backend=self.backend)
        return self._time_first(marginals)

    def _time_first(self, value: Tensor) -> Tensor:
        if self.batch_first and isinstance(value, Tensor) and value.dim() > 1:  # else a check below says what is wrong
            return value.transpose(0, 1)
        return value


class _Partition(torch.autograd.Function):
    """The partition [B] on the core, which computes the gradients along with it; their derivatives by the reference."""

    @staticmethod
    def forward(
        ctx: Any, emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor
    ) -> Tensor:
        scores = (emissions, transitions, start, end)
        (_, rows, tags), wanted = emissions.shape, any(ctx.needs_input_grad)
        partition = emissions.new_empty(rows)
        marginals = torch.empty_like(emissions, memory_format=torch.contiguous_format) if wanted else None
        pairs = emissions.new_empty(rows, tags, tags) if wanted else None
        _run(scores, lengths, partition, marginals, pairs, None, None)
        ctx.save_for_backward(*scores, lengths, marginals, pairs)
        return partition

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        *scores, lengths, marginals, pairs = ctx.saved_tensors
        if torch.is_grad_enabled():  # a graph of the gradient is wanted
            wanted = [score for score, needed in zip(scores, ctx.needs_input_grad, strict=False) if needed]
            summed = total(_lattice(scores, lengths), log_sum)
            gradients = iter(torch.autograd.grad(summed, wanted, cotangents, create_graph=True, allow_unused=True))
            return (*(next(gradients) if needed else None for needed in ctx.needs_input_grad[:4]), None)
        per_row = cotangents[0]
        d_emissions = marginals * per_row[:, None]
        d_transitions = torch.einsum("bij,b->ij", pairs, per_row)
        if not len(marginals):
            return d_emissions, d_transitions, *torch.zeros_like(torch.stack(scores[2:])), None
        last = (lengths - 1).clamp(min=0).expand(1, len(lengths))[:, :, None].expand(1, -1, marginals.shape[2])
        d_start, d_end = d_emissions[0].sum(0), d_emissions.gather(0, last)[0].sum(0)
        return d_emissions, d_transitions, d_start, d_end, None


def _run(scores: Any, lengths: Tensor, *results: Tensor | None) -> None:
    """Run the core on emissions, transitions, start and end, into the results that are wanted."""
    scores = [dense(score.detach()) for score in scores]
    steps = lengths.to(torch.int32)
    buffers = [address(tensor) for tensor in (*scores, steps, *results)]
    core.crf(scores[0].dtype == torch.float64, scores[0].shape, buffers, threads())


def _lattice(scores: Any, lengths: Tensor) -> Lattice:
    """Return the lattice in which every tag is reached from every other."""
    emissions, transitions, start, end = scores
    rows = emissions.shape[1]
    return Lattice(
        first=start.expand(rows, -1),
        emissions=emissions,
        arrive=lambda last: last[:, None, :] + transitions.t(),
        source=lambda _, way: way,
        last=end.expand(rows, -1),
        empty=emissions[:0].sum((0, 2)),
        lengths=lengths,
    )


def _check(scores: Any, lengths: Any) -> Tensor:
    """Check shapes and types; return lengths [B]."""
    emissions, *weights = scores
    if not isinstance(emissions, Tensor):
        raise KindError(f"emissions are a tensor [T, B, C], got {type(emissions).__name__}")
    if emissions.dim() != 3 or not emissions.is_floating_point() or not emissions.shape[2]:
        got = f"{tuple(emissions.shape)} of {emissions.dtype}"
        raise InputError(f"emissions are floating-point scores [T, B, C], C at least 1; got {got}")
    steps, rows, tags = emissions.shape
    check_tensor("emissions", emissions, emissions.shape, emissions)
    for name, weight, shape in zip(
        ("transitions", "start", "end"), weights, ((tags, tags), (tags,), (tags,)), strict=True
    ):
        try:
            check_tensor(name, weight, shape, emissions)
        except InputError as error:
            wanted = f"{name} are {shape}, {emissions.dtype}, {emissions.device}, as the emissions"
            raise InputError(f"{wanted}; {error}") from None
    if lengths is None:
        return torch.full((rows,), steps, device=emissions.device)
    lengths = as_integers("lengths", lengths).to(emissions.device)
    if lengths.shape != (rows,) or lengths.dtype != torch.int64:
        raise InputError(f"lengths are {rows} integers, one a row; got {tuple(lengths.shape)} of {lengths.dtype}")
    if rows and not 0 <= int(lengths.min()) <= int(lengths.max()) <= steps:
        raise InputError(f"lengths are from 0 to T={steps}; got {int(lengths.min())} to {int(lengths.max())}")
    return lengths

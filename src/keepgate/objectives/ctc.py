"""Connectionist temporal classification: loss, gradient and forced alignment.

Graves, Fernández, Gomez & Schmidhuber 2006, "Connectionist Temporal Classification". Between, before and after the
symbols of a target there may be blanks, and each may last for several steps; the loss is -log of the probability of the
target summed over all such alignments. Shapes: T steps, B rows, C symbols with the blank, S symbols of a target.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from keepgate.errors import InputError, quoted
from keepgate.native import objectives as core
from keepgate.objectives.backend import address, is_native, threads
from keepgate.objectives.semiring import Lattice, best_path, log_sum, posteriors, total
from keepgate.objectives.targets import Targets, read_targets
from keepgate.scan.checks import dense

__all__ = ["Alignment", "ctc_align", "ctc_loss", "ctc_loss_from_logits"]

REDUCTIONS = ("none", "mean", "sum")


def ctc_loss(
    log_probs: Tensor,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
    *,
    utterances: Sequence[str] | None = None,
    backend: str = "auto",
) -> Tensor:
    """Return the CTC loss of log-probabilities, as `torch.nn.functional.ctc_loss` does.

    The gradient is that of the loss as a function of `log_probs`, minus the posteriors of the symbols; torch adds the
    probabilities to it, which makes no difference behind a log-softmax.

    Args:
        log_probs: [T, B, C], logarithms of probabilities; float32 and float64 run on the native core.
        targets: [B, S], padded, or all symbols one after the other, [sum of target_lengths]; none is the blank.
        input_lengths: [B] integers from 0 to T.
        target_lengths: [B] integers from 0 to S.
        blank: its symbol.
        reduction: `"none"` for the losses [B], `"sum"`, or `"mean"`: each divided by the length of its target
            (at least 1), then their mean.
        zero_infinity: count a loss that is infinite, of a target without an alignment, as 0 with gradient 0; else its
            gradient is NaN.
        utterances: names of the rows: a target that needs more steps than its input has is then an error.
        backend: `"auto"`, `"native"` or `"reference"`.

    Raises:
        InputError: a shape, length, symbol or option is wrong, or, with `utterances`, a target is too long.
        BackendError: the named backend cannot run this.
    """
    read = read_targets(log_probs, targets, input_lengths, target_lengths, blank)
    return _loss(log_probs, read, False, reduction, zero_infinity, utterances, backend)


def ctc_loss_from_logits(
    logits: Tensor,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
    *,
    utterances: Sequence[str] | None = None,
    backend: str = "auto",
) -> Tensor:
    """Return `ctc_loss(log_softmax(logits, -1), ...)` in one pass; the gradient is for the logits.

    Args:
        logits: [T, B, C]; float32 and float64 run on the native core.
        targets: as of `ctc_loss`.
        input_lengths: as of `ctc_loss`.
        target_lengths: as of `ctc_loss`.
        blank: as of `ctc_loss`.
        reduction: as of `ctc_loss`.
        zero_infinity: as of `ctc_loss`.
        utterances: as of `ctc_loss`.
        backend: as of `ctc_loss`.

    Raises:
        InputError, BackendError: as `ctc_loss`.
    """
    read = read_targets(logits, targets, input_lengths, target_lengths, blank)
    return _loss(logits, read, True, reduction, zero_infinity, utterances, backend)


def _loss(
    values: Tensor,
    targets: Targets,
    logits: bool,
    reduction: str,
    zero_infinity: bool,
    utterances: Sequence[str] | None,
    backend: str,
) -> Tensor:
    if reduction not in REDUCTIONS:
        raise InputError(f"reduction is one of {', '.join(REDUCTIONS)}; got {quoted(reduction)}")
    if utterances is not None:
        targets.check_fit(utterances)
    if is_native(backend, values):
        losses: Tensor = _Losses.apply(values, targets, logits, zero_infinity)  # type: ignore[assignment]
    else:
        losses = _reference(values, targets, logits, zero_infinity)
    if zero_infinity:
        losses = losses.masked_fill(losses == torch.inf, 0.0)
    if reduction == "mean":
        return (losses / targets.lengths.clamp(min=1).to(losses)).mean()
    return losses.sum() if reduction == "sum" else losses


class _Losses(torch.autograd.Function):
    """Losses [B] on the core, which computes the gradient along with them; derivatives of it by the reference."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, targets: Targets, logits: bool, zero_infinity: bool) -> Tensor:
        ctx.arguments = targets, logits, zero_infinity
        results = _run(values, targets, logits, zero_infinity, gradient=ctx.needs_input_grad[0])
        ctx.save_for_backward(values, results.gradient)
        return results.losses

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        values, gradient = ctx.saved_tensors
        if torch.is_grad_enabled():  # a graph of the gradient is wanted
            losses = _reference(values, *ctx.arguments)
            gradient = torch.autograd.grad(losses, values, cotangents, create_graph=True)[0]
            return gradient, None, None, None
        return gradient * cotangents[0][:, None], None, None, None


class _Results(NamedTuple):
    losses: Tensor
    gradient: Tensor | None
    posteriors: Tensor | None
    path: Tensor | None


def _run(
    values: Tensor,
    targets: Targets,
    logits: bool,
    zero_infinity: bool = False,
    *,
    gradient: bool = False,
    align: bool = False,
) -> _Results:
    """Run the core on values [T, B, C]."""
    values = dense(values.detach())
    (steps, rows, symbols), longest = values.shape, targets.longest
    results = _Results(
        values.new_empty(rows),
        torch.empty_like(values) if gradient else None,
        values.new_empty(steps, rows, 2 * longest + 1) if align else None,
        values.new_empty(steps, rows, dtype=torch.int32) if align else None,
    )
    inputs = (values, targets.symbols, targets.starts, targets.input_lengths)
    shape = (steps, rows, symbols, longest, logits, zero_infinity, targets.blank)
    core.ctc(values.dtype == torch.float64, shape, [address(t) for t in (*inputs, *results)], threads())
    return results


def _reference(values: Tensor, targets: Targets, logits: bool, zero_infinity: bool) -> Tensor:
    """Return the losses [B] by the semiring scan of torch."""
    losses = -total(_lattice(values, targets, logits), log_sum)
    impossible = losses == torch.inf
    if zero_infinity or not impossible.any():
        return losses
    # log(0 x) is -infinity with a gradient of NaN, as the gradient of an infinite loss is.
    inside = torch.arange(len(values), device=values.device)[:, None] < targets.input_lengths.to(values.device)
    nothing = torch.where(inside[:, :, None], values.nan_to_num(0.0, 0.0, 0.0), 0.0)[:, impossible].sum((0, 2)) * 0
    return losses.masked_scatter(impossible, -nothing.log())


def _lattice(values: Tensor, targets: Targets, logits: bool) -> Lattice:
    """Return the lattice over blank, y_1, blank, ..., y_S, blank (Graves et al. 2006, section 4.1)."""
    log_probs = values.log_softmax(-1) if logits else values
    device = values.device
    padded, lengths = targets.padded().to(device), targets.lengths.to(device)[:, None]
    rows = len(padded)
    places = torch.arange(2 * padded.shape[1] + 1, device=device)
    symbols = torch.full((rows, len(places)), targets.blank, device=device)
    symbols[:, 1::2] = padded
    never = log_probs.new_full((rows, 1), -torch.inf)
    zero = torch.zeros_like(never)
    # From y_j to y_(j + 1) without a blank, if they differ.
    jump = torch.full_like(symbols, False, dtype=torch.bool)
    jump[:, 3::2] = padded[:, 1:] != padded[:, :-1]

    def arrive(scores: Tensor) -> Tensor:
        one = torch.cat([never, scores], -1)[:, : len(places)]
        two = torch.cat([never, never, scores], -1)[:, : len(places)]
        return torch.stack([scores, one, torch.where(jump, two, -torch.inf)], -1)

    return Lattice(
        first=torch.where((places < 2) & (places <= 2 * lengths), zero, never),
        emissions=log_probs.gather(2, symbols.expand(len(values), -1, -1)),
        arrive=arrive,
        source=lambda state, way: state - way,
        last=torch.where((places <= 2 * lengths) & (places >= 2 * lengths - 1), zero, never),
        empty=torch.where(lengths[:, 0] == 0, log_probs[:0].sum((0, 2)), -torch.inf),
        lengths=targets.input_lengths.to(device),
    )


class Alignment(NamedTuple):
    """The best alignment of each target with its steps, and the posteriors over all alignments.

    Attributes:
        path: [T, B] places in blank, y_1, blank, ..., y_S, blank, counted from 0; -1 behind a row's length.
        begin: [B, S] step at which each symbol begins; -1 behind the target.
        end: [B, S] step after its last.
        confidence: [B, S] greatest posterior of the symbol within its steps, from 0 to 1.
        posteriors: [T, B, 2 S + 1] probability of each place at each step; 0 behind a row's length.
    """

    path: Tensor
    begin: Tensor
    end: Tensor
    confidence: Tensor
    posteriors: Tensor


def ctc_align(
    values: Tensor,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    *,
    logits: bool = False,
    utterances: Sequence[str] | None = None,
    backend: str = "auto",
) -> Alignment:
    """Align targets with their steps: the best path (Viterbi) and the posteriors (forward-backward); no gradient.

    Args:
        values: [T, B, C], logarithms of probabilities, or `logits`.
        targets: as `ctc_loss` takes them.
        input_lengths: as `ctc_loss` takes them.
        target_lengths: as `ctc_loss` takes them.
        blank: as `ctc_loss` takes it.
        logits: take the log-softmax of `values` first.
        utterances: names of the rows, for errors; their numbers by default.
        backend: as `ctc_loss` takes it.

    Raises:
        InputError: as `ctc_loss`, and if a target is longer than its input.
    """
    read = read_targets(values, targets, input_lengths, target_lengths, blank)
    read.check_fit([str(row) for row in range(values.shape[1])] if utterances is None else utterances)
    with torch.no_grad():
        if is_native(backend, values):
            results = _run(values, read, logits, align=True)
            path, occupied = results.path, results.posteriors
        else:
            lattice = _lattice(values, read, logits)
            path, occupied = best_path(lattice)[1], posteriors(lattice)
        assert path is not None  # asked for
        assert occupied is not None
        return _alignment(path.long(), occupied, read)


def _alignment(path: Tensor, occupied: Tensor, targets: Targets) -> Alignment:
    """Read the steps of each symbol off the path."""
    steps, rows = path.shape
    place = 2 * torch.arange(targets.longest, device=path.device) + 1
    here = path[:, :, None] == place  # [T, B, S]
    inside = torch.arange(targets.longest) < targets.lengths[:, None]
    inside = inside.to(path.device)
    if not steps:
        nowhere = torch.full((rows, targets.longest), -1, device=path.device)
        return Alignment(path, nowhere, nowhere, occupied.new_zeros(nowhere.shape), occupied)
    begin = here.byte().argmax(0)
    end = begin + here.sum(0)
    confidence = torch.where(here, occupied[:, :, 1::2], 0.0).amax(0)
    return Alignment(path, torch.where(inside, begin, -1), torch.where(inside, end, -1), confidence, occupied)

"""The targets of CTC as `torch.nn.functional.ctc_loss` takes them, checked and in one form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from keepgate.errors import InputError, KindError
from keepgate.scan.checks import as_integers, check_tensor

__all__ = ["Targets", "read_targets"]


@dataclass(frozen=True)
class Targets:
    """Targets of B rows, on the CPU.

    Attributes:
        symbols: [sum of lengths] int32, one row after the other.
        starts: [B + 1] int64: where each row begins.
        input_lengths: [B] int32: steps of each row.
        blank: the symbol between symbols.
    """

    symbols: Tensor
    starts: Tensor
    input_lengths: Tensor
    blank: int

    @property
    def lengths(self) -> Tensor:
        """Symbols of each row, [B]."""
        return self.starts.diff()

    @property
    def longest(self) -> int:
        """Symbols of the longest target."""
        return int(self.lengths.max()) if len(self.lengths) else 0

    def padded(self) -> Tensor:
        """Return the symbols [B, longest], padded with blanks."""
        result = torch.full((len(self.lengths), self.longest), self.blank)
        result[torch.arange(self.longest) < self.lengths[:, None]] = self.symbols.long()
        return result

    def required(self) -> Tensor:
        """Return the fewest steps [B] that each target takes: its symbols, and a blank within each pair of equals."""
        rows = torch.repeat_interleave(torch.arange(len(self.lengths)), self.lengths)
        again = (self.symbols[1:] == self.symbols[:-1]) & (rows[1:] == rows[:-1])
        return self.lengths + torch.bincount(rows[1:][again], minlength=len(self.lengths))

    def check_fit(self, utterances: Sequence[str]) -> None:
        """Check that each target has an alignment.

        Raises:
            InputError: it has none; the message names the utterance.
        """
        for name, needed, steps, length in zip(
            utterances, self.required().tolist(), self.input_lengths.tolist(), self.lengths.tolist(), strict=True
        ):
            if needed > steps:
                raise InputError(
                    f"utterance {name}: its target of {length} symbols takes {needed} steps, a blank lying between two"
                    f" equal symbols, but its input has {steps}; leave it out or take fewer samples for a step"
                )


def read_targets(values: Tensor, targets: Any, input_lengths: Any, target_lengths: Any, blank: int) -> Targets:
    """Check targets against scores.

    Args:
        values: the scores, [T, B, C].
        targets: [B, S], padded, or all symbols one after the other in one dimension.
        input_lengths: [B] integers from 0 to T.
        target_lengths: [B] integers.
        blank: the blank's symbol.

    Raises:
        InputError: a shape, type, length or symbol is wrong.
    """
    if not isinstance(values, Tensor):
        raise KindError(f"CTC takes scores as a tensor [T, B, C], got {type(values).__name__}")
    check_tensor("scores", values, values.shape, values)
    if values.dim() != 3 or not values.is_floating_point():
        raise InputError(f"CTC takes scores [T, B, C] of floating point, got {tuple(values.shape)} of {values.dtype}")
    steps, rows, symbols = values.shape
    if not isinstance(blank, int) or not 0 <= blank < symbols:
        raise InputError(f"blank is one of the C={symbols} symbols, from 0 to {symbols - 1}; got {blank}")
    inputs = _lengths("input_lengths", input_lengths, rows, steps)
    targets = _on_cpu("targets", targets)
    if targets.dtype != torch.int64 or targets.dim() not in (1, 2):
        wanted = f"[B={rows}, S] or, one after the other, [sum of target_lengths]"
        raise InputError(f"targets are integers {wanted}; got {tuple(targets.shape)} of {targets.dtype}")
    most = targets.shape[-1]
    lengths = _lengths("target_lengths", target_lengths, rows, most)
    if targets.dim() == 2:
        if len(targets) != rows:
            raise InputError(f"targets have {len(targets)} rows where the scores have {rows}")
        targets = targets[torch.arange(most) < lengths[:, None]]
    elif int(lengths.sum()) != most:
        raise InputError(f"target_lengths add up to {int(lengths.sum())}, but targets hold {most} symbols")
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    _check_symbols(targets, starts, symbols, blank)
    return Targets(targets.to(torch.int32).contiguous(), starts, inputs.to(torch.int32), blank)


def _lengths(name: str, values: Any, rows: int, most: int) -> Tensor:
    lengths = _on_cpu(name, values)
    if lengths.shape != (rows,) or lengths.dtype != torch.int64:
        raise InputError(f"{name} are {rows} integers, one a row; got {tuple(lengths.shape)} of {lengths.dtype}")
    if rows and not 0 <= int(lengths.min()) <= int(lengths.max()) <= most:
        raise InputError(f"{name} are from 0 to {most}; got {int(lengths.min())} to {int(lengths.max())}")
    return lengths


def _on_cpu(name: str, values: Any) -> Tensor:
    integers = as_integers(name, values)
    if integers.is_meta:
        raise InputError(f"{name} lie on the meta device and have no values")
    return integers.cpu()


def _check_symbols(targets: Tensor, starts: Tensor, symbols: int, blank: int) -> None:
    wrong = (targets < 0) | (targets >= symbols) | (targets == blank)
    if wrong.any():
        place = int(wrong.long().argmax())
        row = int(torch.searchsorted(starts, place, right=True)) - 1
        raise InputError(
            f"targets: symbol {int(targets[place])} in row {row} is none of those from 0 to {symbols - 1}"
            f" without the blank, {blank}"
        )

"""The objectives of the core, on addresses of buffers as native/include/keepgate/objectives.h states them."""

from __future__ import annotations

from collections.abc import Sequence

from keepgate.native.engine import _core, instruction_set

__all__ = ["crf", "ctc"]


def ctc(double: bool, shape: Sequence[int | bool], buffers: Sequence[int], count: int) -> None:
    """Run CTC on ``count`` threads; ``shape`` and ``buffers`` are the fields of ``CtcCall``, in order."""
    instruction_set()
    (_core.ctc_double if double else _core.ctc_single)(tuple(shape), tuple(buffers), count)


def crf(double: bool, shape: Sequence[int], buffers: Sequence[int], count: int) -> None:
    """Run a CRF on ``count`` threads; ``shape`` and ``buffers`` are the fields of ``CrfCall``, in order."""
    instruction_set()
    (_core.crf_double if double else _core.crf_single)(tuple(shape), tuple(buffers), count)

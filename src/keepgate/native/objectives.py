"""The objectives of the core, on addresses of buffers as native/include/keepgate/objectives.h states them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keepgate.native.engine import _core, instruction_set

__all__ = ["beam_search", "crf", "ctc"]


def ctc(double: bool, shape: Sequence[int | bool], buffers: Sequence[int], count: int) -> None:
    """Run CTC on `count` threads; `shape` and `buffers` are the fields of `CtcCall`, in order."""
    instruction_set()
    (_core.ctc_double if double else _core.ctc_single)(tuple(shape), tuple(buffers), count)


def crf(double: bool, shape: Sequence[int], buffers: Sequence[int], count: int) -> None:
    """Run a CRF on `count` threads; `shape` and `buffers` are the fields of `CrfCall`, in order."""
    instruction_set()
    (_core.crf_double if double else _core.crf_single)(tuple(shape), tuple(buffers), count)


def beam_search(
    shape: Sequence[int | float],
    letters: Sequence[int | float],
    lexicon: Sequence[Any],
    words: Sequence[int | float],
    buffers: Sequence[int],
    count: int,
) -> None:
    """Search on `count` threads; the arguments are the fields of `BeamCall` in native/include/keepgate/beam.h."""
    instruction_set()
    _core.beam_search(tuple(shape), tuple(letters), tuple(lexicon), tuple(words), tuple(buffers), count)

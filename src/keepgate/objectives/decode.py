"""From CTC outputs to symbols: the best path, and prefix beam search with or without a language. No torch.

Log-probabilities are [T, B, C] of T steps, B rows, C symbols with the blank: NumPy arrays, or what
converts to one.
"""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from keepgate.errors import InputError, quoted, reason
from keepgate.native import engine
from keepgate.native import objectives as core
from keepgate.objectives.language import Language

__all__ = ["Hypothesis", "beam_search", "best_path"]

MOST_READINGS = 2**16  # followed at a time


class Hypothesis(NamedTuple):
    """One reading of an utterance.

    Attributes:
        symbols: numbers of the symbols.
        score: log-probability with what the language and the bonus add; -infinity if it ends within a word.
        log_prob: log of the probability that CTC gives it, summed over the alignments that the search followed.
    """

    symbols: list[int]
    score: float
    log_prob: float


def best_path(log_probs: Any, lengths: Any = None, *, blank: int = 0) -> list[list[int]]:
    """Return each row's symbols along its best path: the best symbol of each step, without repeats and blanks.

    Graves et al. 2006, section 3.2 ("best path decoding"). Logits do as well.

    Raises:
        InputError: a shape or a length is wrong.
    """
    values, steps = _check(log_probs, lengths, blank)
    best = values.argmax(-1)
    changes = np.ones(best.shape, dtype=bool)
    changes[1:] = best[1:] != best[:-1]
    kept = changes & (best != blank) & (np.arange(len(best))[:, None] < steps)
    return [best[kept[:, row], row].tolist() for row in range(best.shape[1])]


def beam_search(
    log_probs: Any,
    lengths: Any = None,
    *,
    blank: int = 0,
    beam: int = 50,
    best: int = 1,
    language: Language | None = None,
    weight: float = 1.0,
    bonus: float = 0.0,
) -> list[list[Hypothesis]]:
    """Return each row's `best` readings, the best first, by prefix beam search on the native core.

    Hannun et al. 2014, "First-Pass Large Vocabulary Continuous Speech Recognition": the score of a reading is
    log p(reading | CTC) + weight * log p(reading | language) + bonus * its number of words, or of symbols where the
    language has no words.

    Args:
        log_probs: [T, B, C], natural logarithms of probabilities.
        lengths: [B] integers from 0 to T (absent: all T).
        blank: its symbol.
        beam: readings that are followed at a time.
        best: readings wanted of each row; fewer come where fewer were found.
        language: from `symbol_language` or `word_language`.
        weight: of the language, at least 0.
        bonus: for each word or symbol, against the language's taste for short readings.

    Raises:
        InputError: a shape, length or option is wrong.
        BackendError: the native core is not built.
    """
    values, steps = _check(log_probs, lengths, blank)
    if not (isinstance(best, int) and isinstance(beam, int) and 1 <= best <= beam <= MOST_READINGS):
        got = f"beam={quoted(beam)}, best={quoted(best)}"
        raise InputError(f"beam is an integer from 1 to {MOST_READINGS}, best from 1 to beam; got {got}")
    if not isinstance(weight, Real) or not isinstance(bonus, Real):
        raise InputError(f"weight and bonus are numbers; got {quoted(weight)} and {quoted(bonus)}")
    if not weight >= 0 or not np.isfinite([weight, bonus]).all():
        raise InputError(
            f"weight is a number of at least 0 and bonus a number; got {quoted(weight)} and {quoted(bonus)}"
        )
    if np.isnan(values).any() or (values > 1e-3).any():
        raise InputError("log_probs are logarithms of probabilities; got NaN or numbers above 0: take a log-softmax")
    values = np.ascontiguousarray(values, dtype=np.float64)
    count, rows, symbols = values.shape
    readings = np.empty((rows, best, count), dtype=np.int32)
    reading_lengths = np.empty((rows, best), dtype=np.int32)
    scores, log_probs = np.empty((2, rows, best))
    buffers = [a.ctypes.data for a in (values, steps, readings, reading_lengths, scores, log_probs)]
    shape = (count, rows, symbols, blank, beam, best, weight, bonus)
    core.beam_search(shape, *(language or Language()).rows, buffers, engine.threads())
    return [
        [
            Hypothesis(readings[row, k, :length].tolist(), float(scores[row, k]), float(log_probs[row, k]))
            for k, length in enumerate(reading_lengths[row].tolist())
            if length >= 0
        ]
        for row in range(rows)
    ]


def _check(log_probs: Any, lengths: Any, blank: int) -> tuple[np.ndarray, np.ndarray]:
    """Return log-probabilities and lengths [B] int32."""
    values = _array("log_probs", log_probs)
    if values.ndim != 3 or values.dtype.kind != "f" or not values.shape[2]:
        raise InputError(f"decoding takes floating-point scores [T, B, C]; got {values.shape} of {values.dtype}")
    count, rows, symbols = values.shape
    if not isinstance(blank, int) or not 0 <= blank < symbols:
        raise InputError(f"blank is one of the C={symbols} symbols, from 0 to {symbols - 1}; got {blank}")
    steps = np.full(rows, count) if lengths is None else _array("lengths", lengths)
    if not steps.size and isinstance(lengths, list | tuple):
        steps = steps.astype(np.int64)
    if steps.shape != (rows,) or steps.dtype.kind not in "iu":
        raise InputError(f"lengths are {rows} integers, one a row; got {steps.shape} of {steps.dtype}")
    if rows and not 0 <= steps.min() <= steps.max() <= count:
        raise InputError(f"lengths are from 0 to T={count}; got {steps.min()} to {steps.max()}")
    return values, np.ascontiguousarray(steps, dtype=np.int32)


def _array(name: str, values: Any) -> np.ndarray:
    try:
        if hasattr(values, "resolve_neg"):  # a tensor of torch that is a negated view, or has a gradient
            values = values.detach().resolve_neg()
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} cannot be read as an array: {reason(error)}") from error

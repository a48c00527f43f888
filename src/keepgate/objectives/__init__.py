"""Objectives over label sequences, each with its loss and its decoders side by side.

    from keepgate.objectives import ctc_loss_from_logits, beam_search, LinearChainCRF

CTC and the linear-chain CRF are one recursion over a lattice (`semiring`) in two semirings: sums of probabilities give
losses and posteriors, maxima the best path. Names load on first use: what decodes needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from keepgate.errors import MissingExtraError

if TYPE_CHECKING:
    from keepgate.objectives.crf import LinearChainCRF, crf_log_partition, crf_marginals, crf_score, crf_viterbi
    from keepgate.objectives.ctc import Alignment, ctc_align, ctc_loss, ctc_loss_from_logits
    from keepgate.objectives.decode import Hypothesis, beam_search, best_path
    from keepgate.objectives.language import Language, symbol_language, word_language
    from keepgate.objectives.ngram import NGram

_HOMES = {
    "Alignment": "ctc",
    "Hypothesis": "decode",
    "Language": "language",
    "LinearChainCRF": "crf",
    "NGram": "ngram",
    "beam_search": "decode",
    "best_path": "decode",
    "crf_log_partition": "crf",
    "crf_marginals": "crf",
    "crf_score": "crf",
    "crf_viterbi": "crf",
    "ctc_align": "ctc",
    "ctc_loss": "ctc",
    "ctc_loss_from_logits": "ctc",
    "symbol_language": "language",
    "word_language": "language",
}

__all__ = [
    "Alignment",
    "Hypothesis",
    "Language",
    "LinearChainCRF",
    "NGram",
    "beam_search",
    "best_path",
    "crf_log_partition",
    "crf_marginals",
    "crf_score",
    "crf_viterbi",
    "ctc_align",
    "ctc_loss",
    "ctc_loss_from_logits",
    "symbol_language",
    "word_language",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'keepgate.objectives' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"keepgate.objectives.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(f"keepgate.objectives.{name}", error) from None


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

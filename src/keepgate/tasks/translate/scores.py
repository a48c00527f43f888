"""Scores of translations and replies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF


def _metrics(lowercase: bool) -> dict[str, Any]:
    return {"BLEU": BLEU(lowercase=lowercase), "chrF": CHRF(lowercase=lowercase)}


def translation_scores(texts: Sequence[str], truth: Sequence[str], lowercase: bool) -> dict[str, float]:
    """Return BLEU (Papineni et al. 2002) and chrF (Popović 2015) of all texts, 0 to 100, by sacrebleu (Post 2018)."""
    return {name: metric.corpus_score(list(texts), [list(truth)]).score for name, metric in _metrics(lowercase).items()}


def bleu_counts(texts: Sequence[str], truth: Sequence[str], lowercase: bool) -> np.ndarray:
    """Return what BLEU is computed from, and what adds over parts: n-grams right and in all, and lengths, [10]."""
    found = BLEU(lowercase=lowercase).corpus_score(list(texts), [list(truth)])
    return np.array([*found.counts, *found.totals, found.sys_len, found.ref_len])


def bleu_of(counts: np.ndarray) -> float:
    """Return BLEU, 0 to 100, of sums of `bleu_counts`."""
    right, total, (length, wanted) = counts[:4], counts[4:8], counts[8:]
    found = BLEU.compute_bleu(
        [int(n) for n in right], [int(n) for n in total], int(length), int(wanted), effective_order=False
    )
    return float(found.score)


def signatures(lowercase: bool) -> dict[str, str]:
    """Return by the name of each score how sacrebleu computes it, for one reference a text."""
    by_name = {}
    for name, metric in _metrics(lowercase).items():
        metric.corpus_score(["one"], [["one"]])  # the number of references is part of it
        by_name[name] = str(metric.get_signature())
    return by_name


def reply_scores(replies: Sequence[Sequence[str]], truth: Sequence[str]) -> dict[str, float]:
    """Return the share of messages whose true reply is the first, and one, of those suggested; in any capitals.

    Kannan et al. 2016, "Smart Reply", section 5.2, precision at k.
    """
    rows = [
        ([text.lower() for text in texts], right.strip().lower()) for texts, right in zip(replies, truth, strict=True)
    ]
    first = sum(texts[0] == right for texts, right in rows) / len(rows)
    return {"first is right": first, "one is right": sum(right in texts for texts, right in rows) / len(rows)}

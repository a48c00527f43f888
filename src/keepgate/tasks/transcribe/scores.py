"""Error rates of transcribed texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import jiwer
from rapidfuzz.distance import Levenshtein

from keepgate.tasks.transcribe.examples import join, split


def error_rates(truth: Sequence[str], guess: Sequence[str], made_of: str) -> dict[str, float]:
    """Return the word error rate, and before it the character error rate where texts are made of characters."""
    rates = {"word error rate": float(jiwer.wer(list(truth), list(guess)))}
    if made_of == "characters":
        rates = {"character error rate": float(jiwer.cer(list(truth), list(guess))), **rates}
    return rates


def confusions(truth: Sequence[str], guess: Sequence[str], made_of: str) -> Counter[tuple[str, str]]:
    """Return how often symbols were taken for others; an empty text is none."""
    counts: Counter[tuple[str, str]] = Counter()
    for one, other in zip(truth, guess, strict=True):
        a, b = split(one, made_of), split(other, made_of)
        for edit in Levenshtein.opcodes(a, b):
            if edit.tag != "equal":
                pieces = a[edit.src_start : edit.src_end], b[edit.dest_start : edit.dest_end]
                counts[join(pieces[0], made_of), join(pieces[1], made_of)] += 1
    return counts

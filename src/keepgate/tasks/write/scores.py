"""Scores of language models, and the probabilities of baselines that count."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keepgate.objectives import NGram


def unigram_log_probs(counts: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return the log-probability of each unit: of its share in the training text, counting each once more."""
    return np.log((counts + 1) / (counts.sum() + len(counts)))[numbers]


def ngram_log_probs(model: NGram, numbers: np.ndarray) -> np.ndarray:
    """Return the log-probability of each unit of a text after those before it."""
    places = {token: number for number, token in enumerate(model.vocabulary, 2)}
    state, log_probs = model.automaton.start, np.empty(len(numbers))
    for i, number in enumerate(numbers):
        log_probs[i], state = model.automaton.follow(state, places.get(str(number), -1))
    return log_probs


def bits_row(model: str, log_probs: np.ndarray, text: str | bytes) -> dict[str, Any]:
    """Return a row of scores: perplexity per unit, and bits and nats per character of the text.

    So models of different units compare by their bits per character. Of bytes that are no UTF-8 they are per byte.
    """
    if isinstance(text, bytes):
        text = _decoded(text)
    nats = -float(log_probs.sum())
    try:
        perplexity = math.exp(nats / len(log_probs))
    except OverflowError:  # a unit that cannot be
        perplexity = math.inf
    return {
        "model": model,
        "perplexity": perplexity,
        "bits per character": nats / math.log(2) / len(text),
        "nats per character": nats / len(text),
    }


def _decoded(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data

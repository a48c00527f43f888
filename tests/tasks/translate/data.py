"""Data that can be learned in a moment, and sizes of networks that learn them."""

from __future__ import annotations

import numpy as np

SMALL = {"hidden_size": 8, "embedding_size": 6, "vocabulary": 280, "epochs": 2, "batch_size": 8}


WORDS = {"eins": "one", "zwei": "two", "drei": "three", "vier": "four", "fünf": "five"}


def numbers(count, seed=0):
    """Number words of one language, and those of another in the opposite order."""
    rng = np.random.default_rng(seed)
    X = [list(rng.choice(list(WORDS), rng.integers(1, 5))) for _ in range(count)]
    return [" ".join(words) for words in X], [" ".join(WORDS[word] for word in reversed(words)) for words in X]


ANSWERS = {
    "are you coming?": ["yes, at six", "no, sorry", "maybe later"],
    "where are you?": ["at home", "on my way", "still at work"],
    "thanks!": ["you are welcome", "no problem", "any time"],
}


def dialogues():
    """Messages with three replies each, the first the commonest and the last the rarest."""
    rows = [(m, reply) for m, replies in ANSWERS.items() for k, reply in enumerate(replies) for _ in range(15 - 4 * k)]
    return [m for m, _ in rows], [reply for _, reply in rows]

"""Data that can be learned in a moment, and sizes of networks that learn them."""

from __future__ import annotations

import numpy as np

RATE = 4000


HERTZ = {"a": 400, "b": 900, "c": 1600}


SMALL = {"hidden_size": 16, "num_layers": 1, "bands": 12, "augment": 0.0, "dropout": 0.0, "batch_size": 8}


def tones(count, seed=0):
    """Strings of one to three tones with gaps, in noise; and where each tone begins and ends, in seconds."""
    rng = np.random.default_rng(seed)
    X, y, places = [], [], []
    for _ in range(count):
        text = "".join(rng.choice(list(HERTZ), rng.integers(1, 4)))
        pieces, at, place = [np.zeros(400)], 400, []
        for symbol in text:
            size = int(rng.integers(400, 800))
            pieces += [np.sin(2 * np.pi * HERTZ[symbol] * np.arange(size) / RATE), np.zeros(400)]
            place.append((at / RATE, (at + size) / RATE))
            at += size + 400
        samples = np.concatenate(pieces)
        X.append((samples + 0.01 * rng.normal(size=len(samples))).astype(np.float32))
        y.append(text)
        places.append(place)
    return X, y, places

"""Data that can be learned in a moment, and sizes of networks that learn them."""

from __future__ import annotations

import numpy as np

from keepgate.data.sequences import Sequences

SMALL = {"hidden_size": 8, "vector_size": 5, "epochs": 2}


def waves(count, seed=0):
    """Sines of two channels, 20 to 29 steps, of any phase."""
    rng = np.random.default_rng(seed)
    turns = [np.arange(rng.integers(20, 30)) / 3 + rng.uniform(0, 6) for _ in range(count)]
    return [np.stack([np.sin(turn), 3 + 2 * np.cos(turn)], axis=1) for turn in turns]


def sequences(values, channels=("a", "b"), labels=None):
    return Sequences([f"s{i}" for i in range(len(values))], values, labels, list(channels))

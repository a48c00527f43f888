"""Data that can be learned in a moment, and sizes of networks that learn them."""

from __future__ import annotations

import numpy as np

from keepgate.data.recordings.recordings import Recordings
from keepgate.data.recordings.segments import Segment

RATE = 4000


SMALL = {"hidden_size": 12, "num_layers": 1, "bands": 12, "batch_size": 4, "learning_rate": 0.03}


def beeps(count, seed=0):
    """Tones of 500 Hz ("low") and 1200 Hz ("high") in noise, each of which may go on while the other sounds."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(count):
        samples, segments = 0.1 * rng.normal(size=3 * RATE), []
        for label, hertz in (("low", 500), ("high", 1200)):
            at = rng.uniform(0.2, 1.0)
            while (end := at + rng.uniform(0.3, 0.6)) < 2.9:
                place = slice(round(at * RATE), round(end * RATE))
                samples[place] += 0.3 * np.sin(2 * np.pi * hertz * np.arange(place.start, place.stop) / RATE)
                segments.append((at, end, label))
                at = end + rng.uniform(0.4, 0.8)
        X.append(samples)
        y.append(segments)
    return X, y


def as_recordings(X, y):
    segments = [[Segment(*item) for item in one] for one in y]
    return Recordings([np.asarray(x, np.float32) for x in X], RATE, [f"{i}.wav" for i in range(len(X))], segments)

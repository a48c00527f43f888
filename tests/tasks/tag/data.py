"""Data that can be learned in a moment, and sizes of networks that learn them."""

from __future__ import annotations

import numpy as np

SMALL = {"hidden_size": 8, "word_size": 8, "character_size": 8, "epochs": 3}


def after_a_switch(count, seed=0):
    """Made-up words; those that end in -ed are verbs, and a word is marked `late` once "switch" has been read."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(count):
        stems = [
            "".join(rng.choice(list("bdfklmnprst")) + rng.choice(list("aeiou")) for _ in range(3)) for _ in range(7)
        ]
        words = [stem + rng.choice(["ed", "on"]) for stem in stems]
        words[rng.integers(0, 7)] = "switch"
        late = np.cumsum([word == "switch" for word in words]) > 0
        X.append(words)
        y.append([("late-" if now else "") + word[-2:] for word, now in zip(words, late, strict=True)])
    return X, y


def frames_that_count(count, seed=0):
    """Pulses in noise; the label of a step is whether an even or an odd number of pulses has been seen."""
    rng = np.random.default_rng(seed)
    pulses = [rng.random(rng.integers(5, 15)) < 0.3 for _ in range(count)]
    X = [np.stack([pulse * 4.0, rng.normal(size=len(pulse))], axis=1) for pulse in pulses]
    return X, [["odd" if n % 2 else "even" for n in np.cumsum(pulse)] for pulse in pulses]

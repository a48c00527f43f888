"""The sets of the classification panel, in the training and test parts in which they are filed.

Those of the time-series archive come from aeon's own folder of data, which is in the wheel that the peers run from;
the others from `shared/data` next to the checkout. A set whose data are absent is left out, and says so.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from benchmarks.quality.classify_peers import aeon_data
from benchmarks.quality.rows import DATA
from keepgate.data.tables.ts import read_ts

Part = tuple[list[np.ndarray], np.ndarray]  # sequences [T_i, C], and their labels


@dataclass(frozen=True)
class Set:
    """Sequences and their labels.

    Attributes:
        name: of the set.
        train: what may be looked at.
        test: what the last figure comes from.
    """

    name: str
    train: Part
    test: Part

    def earlier(self) -> Set:
        """Return the set without its test part, a fifth of the rest in its place: what defaults are chosen by."""
        X, y = self.train
        count = max(len(y) // 5, len(np.unique(y)))
        kept, held_out = train_test_split(np.arange(len(y)), test_size=count, stratify=y, random_state=0)
        return replace(self, train=_chosen(X, y, kept), test=_chosen(X, y, held_out))

    @property
    def size(self) -> str:
        """How many sequences are in each part, and how long the longest is."""
        return f"{len(self.train[1])} / {len(self.test[1])} x {max(map(len, self.train[0] + self.test[0]))}"


def _chosen(X: list[np.ndarray], y: np.ndarray, numbers: np.ndarray) -> Part:
    return [X[i] for i in numbers], y[numbers]


def archive(name: str, folder: Path | None = None) -> Set:
    """Return a set of the time-series archive, as filed; by default from aeon's data."""
    parts = []
    for part in ("TRAIN", "TEST"):
        data = read_ts((folder or aeon_data() / name) / f"{name}_{part}.ts")
        assert data.labels is not None
        parts.append((data.values, np.asarray(data.labels)))
    return Set(name, *parts)


def vowels() -> Set:
    """Nine speakers say a vowel: 12 coefficients, 7 to 29 steps."""
    return archive("JapaneseVowels", DATA / "japanese_vowels")


def digits() -> Set:
    """Handwritten digits, pixel after pixel: 500 to learn from, 1,000 to test on."""

    def read(name: str, header: int, *shape: int) -> np.ndarray:
        path = DATA / "mnist10k" / f"first8k-{name}.gz"
        return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header).reshape(shape)

    images, labels = read("images-idx3-ubyte", 16, -1, 784, 1) / 255, read("labels-idx1-ubyte", 8, -1)
    order = np.random.default_rng(0).permutation(len(images))[:1500]
    whole = list(images), labels.astype(str)
    return Set("MNIST, 784 steps", _chosen(*whole, order[:500]), _chosen(*whole, order[500:]))


ARCHIVE = ("ACSF1", "ArrowHead", "BasicMotions", "GunPoint", "ItalyPowerDemand", "OSULeaf", "PickupGestureWiimoteZ")
SETS: dict[str, Callable[[], Set]] = {
    "vowels": vowels,
    **{name: partial(archive, name) for name in ARCHIVE},
    "mnist": digits,
}

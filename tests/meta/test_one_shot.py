from __future__ import annotations

import re

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.meta import episodes
from keepgate.meta.one_shot import instances

X = np.arange(40.0).reshape(20, 2)  # each input is its own, so that rows can be told from values
LABELS = np.repeat(list("abcd"), 5)


def drawn(ways=3, examples=12, batch=400, seed=0):
    return episodes(X, LABELS, ways=ways)(examples, batch, np.random.default_rng(seed))


def test_an_episode_has_some_classes_each_under_one_number():
    x, y = drawn()
    classes = LABELS[(x[..., 0] / 2).astype(int)]
    for b in range(400):
        pairs = set(zip(classes[:, b], y[:, b], strict=True))
        assert len(pairs) == len({name for name, _ in pairs}) == len({number for _, number in pairs})


def test_numbers_say_nothing_of_classes_and_come_equally_often():
    x, y = drawn(batch=4_000)
    classes = np.searchsorted(list("abcd"), LABELS[(x[..., 0] / 2).astype(int)])
    counts = np.zeros((4, 3))
    np.add.at(counts, (classes[0], y[0]), 1)  # the first steps are independent of each other
    assert np.square(counts - 4_000 / 12).sum() / (4_000 / 12) < 31.3  # chi-squared, 11 degrees, p = 0.001


def test_an_example_comes_again_only_when_all_of_its_class_have():
    x, y = drawn(ways=2)
    rows = (x[..., 0] / 2).astype(int)
    for b in range(400):
        for way in (0, 1):
            shown = rows[y[:, b] == way, b]
            for first in range(0, len(shown), 5):
                assert len(set(shown[first : first + 5])) == len(shown[first : first + 5])


def test_instances_are_counted():
    y = np.array([[0, 1], [0, 0], [1, 1], [0, 1]])
    assert instances(y).tolist() == [[1, 1], [2, 1], [1, 2], [3, 3]]


@pytest.mark.parametrize(
    ("X", "labels", "ways", "said"),
    [
        (X, LABELS, 5, "ways=5 is not possible: the data have 4 classes, an episode at least 2"),
        (X, LABELS, 1, "ways=1 is not possible: the data have 4 classes, an episode at least 2"),
        (X, LABELS[:3], 2, "20 inputs X have 3 labels"),
        (X + np.nan, LABELS, 2, "X of shape [20, 2] has to be [N, ...] of finite numbers"),
        (["a"], ["b"], 2, "X is no array of numbers: could not convert string to float"),
    ],
)
def test_what_is_wrong_with_data_is_named(X, labels, ways, said):
    with pytest.raises(InputError, match=f"^{re.escape(said)}"):
        episodes(X, labels, ways=ways)

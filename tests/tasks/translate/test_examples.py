from __future__ import annotations

import numpy as np
import pytest

from keepgate.data.text.pairs import Pairs
from keepgate.errors import InputError
from keepgate.tasks.translate.examples import PairExamples, as_pairs, targets_of


def pairs(*sides):
    return [tuple(np.array(side, dtype=np.int64) for side in pair) for pair in sides]


def test_a_batch_ends_every_side_and_pads_it():
    examples = PairExamples(pairs(([3, 1], [5]), ([], [7, 8, 9])), (11, 10))
    source, source_lengths, target, target_lengths = examples.batch([0, 1])
    assert source.tolist() == [[3, 1, 11], [11, 0, 0]]
    assert source_lengths.tolist() == [3, 1]
    assert target.tolist() == [[5, 10, 0, 0], [7, 8, 9, 10]]
    assert target_lengths.tolist() == [2, 4]
    assert examples.weight((source, source_lengths, target, target_lengths), 2) == 6.0
    assert examples.weight(examples.batch([0]), 0) == 0.0
    assert [examples.length(i) for i in range(len(examples))] == [3, 3]


def test_texts_become_pairs():
    given = as_pairs(("a", "b"), ["x", "y"])
    assert (given.sources, given.targets) == (["a", "b"], ["x", "y"])
    assert targets_of(given) == ["x", "y"]
    assert as_pairs(given).targets == ["x", "y"]
    assert as_pairs(["a"]).targets is None


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ([], None, "^X is .*: give a list of texts, at least one$"),
        ("ein Hund", None, "^X is 'ein Hund': give a list of texts"),
        (["a"], [], "^y is .*: give a list of texts, at least one$"),
        (["a"], ["x", "y"], "^inconsistent numbers of samples: 1 texts in X, 2 texts in y$"),
        (["a", " "], None, r"^X\[1\] is no text, or an empty one$"),
        (["a", None], None, r"^X\[1\] is no text, or an empty one$"),
        (["a", "b"], ["x", 1], r"^y\[1\] is no text, or an empty one$"),
    ],
)
def test_what_is_no_pair_is_refused(X, y, words):
    with pytest.raises(InputError, match=words):
        as_pairs(X, y)


def test_targets_must_be_there():
    with pytest.raises(InputError, match=r"^there are no targets: give y, a text for each source$"):
        targets_of(Pairs(["a"], None))

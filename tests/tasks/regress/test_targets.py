"""Numbers to predict, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from keepgate.tasks.regress.targets import as_targets, targets_of


def test_numbers_keep_their_form():
    assert as_targets([1, 2, 3], 3).tolist() == [1.0, 2.0, 3.0]
    assert as_targets(np.ones((3, 2)), 3).shape == (3, 2)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, "fitting requires y to be passed, but the target y is None"),
        ([1, 2], "inconsistent numbers of samples: 3 sequences in X, 2 targets in y"),
        ([1, np.nan, 2], "y contains NaN"),
        ([1, 2, 1e101], "y has a value beyond 1e\\+100; give it in another unit"),
        (["a", "b", "c"], "could not convert string to float"),
        (np.ones((3, 0)), "Found array with 0 feature"),
        (np.ones((3, 1, 1)), "dim 3"),
    ],
)
def test_what_is_no_number_for_each_sequence_is_told(y, words):
    with pytest.raises(InputError, match=words):
        as_targets(y, 3)


def test_labels_of_a_file_are_read_as_numbers():
    def carried(labels):
        return Sequences(["a", "b"], [np.ones((2, 1))] * 2, labels, ["1"])

    assert targets_of(carried(np.array(["1.5", "-2e3"])), None).tolist() == [1.5, -2000.0]
    assert targets_of(carried(None), None) is None
    assert targets_of(carried(np.array(["1", "2"])), [3, 4]) == [3, 4]
    with pytest.raises(
        InputError, match=r"^the label of series 'b' is 'low', and no number; `classify` predicts classes$"
    ):
        targets_of(carried(np.array(["1", "low"])), None)

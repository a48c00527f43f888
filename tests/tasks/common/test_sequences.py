from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate.errors import InputError
from keepgate.tasks.common.sequences import SequenceExamples, channel_means, check_channels, training_sequences


def test_a_batch_is_padded_with_zeros_to_the_longest():
    values = [np.full((n, 2), float(n)) for n in (1, 3, 2)]
    examples = SequenceExamples(values, np.array([5, 6, 7]))
    x, lengths, targets = examples.batch([2, 0])
    assert (x.dtype, targets.dtype) == (torch.float64, torch.int64)
    assert x[..., 1].tolist() == [[2.0, 2.0], [1.0, 0.0]]
    assert lengths.tolist() == [2, 1]
    assert targets.tolist() == [7, 5]
    assert [examples.length(i) for i in range(len(examples))] == [1, 3, 2]


def test_targets_that_nobody_gave_are_zeros():
    assert SequenceExamples([np.ones((1, 1))]).batch([0])[2].tolist() == [0]


@pytest.mark.parametrize(("names", "count"), [(None, 3), (["a"], 1), ([], 0)])
def test_channels_all_have_names_or_none(names, count):
    check_channels(names, count)


@pytest.mark.parametrize(("names", "count"), [(["a"], 2), ([], 1), (["a", "b"], 1)])
def test_some_names_are_missing(names, count):
    with pytest.raises(InputError, match=rf"^fitted\.channels names {len(names)} of {count} channels$"):
        check_channels(names, count)


def test_means_are_of_what_is_there():
    values = [np.array([[1.0, np.nan], [3.0, 4.0]]), np.array([[np.nan, 6.0]])]
    np.testing.assert_array_equal(channel_means(values), [2, 5])


def test_only_what_may_be_turned_is_warned_of():
    for X in (np.ones((2, 5, 5)), np.ones((2, 3)), [np.ones((2, 9))]):
        assert len(training_sequences(X)) == len(X)

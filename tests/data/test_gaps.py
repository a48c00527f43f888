"""Gaps filled as pandas fills them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from keepgate.data.gaps import count_gaps, ended, fill_gaps
from keepgate.errors import InputError


def test_straight_lines_are_those_of_pandas():
    random = np.random.default_rng(0)
    values = [np.where(random.random((n, 2)) < 0.4, np.nan, random.normal(size=(n, 2))) for n in (5, 9, 30)]
    for value, filled in zip(values, fill_gaps(values, np.zeros(2)), strict=True):
        expected = pd.DataFrame(value).interpolate(limit_direction="both").fillna(0.0)
        np.testing.assert_allclose(filled, expected)


def test_a_channel_without_a_value_has_its_mean():
    (filled,) = fill_gaps([np.array([[np.nan, 1.0], [np.nan, 2.0]])], np.array([7.0, 8.0]))
    np.testing.assert_array_equal(filled, [[7, 1], [7, 2]])


def test_what_has_no_gap_is_left_alone():
    value = np.ones((2, 3))
    assert fill_gaps([value], np.zeros(3))[0] is value


def test_ends_without_a_value_are_cut():
    value = np.array([[1.0, np.nan], [np.nan, np.nan], [2.0, 3.0], [np.nan, 4.0], [np.nan, np.nan]])
    (cut,) = ended([value])
    np.testing.assert_array_equal(cut, value[:4])
    assert (count_gaps([value]), count_gaps([cut])) == (6, 4)
    with pytest.raises(InputError, match=r"X\[1\] has no value at all"):
        ended([value, np.full((2, 1), np.nan)])

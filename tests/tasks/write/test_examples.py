from __future__ import annotations

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.tasks.write.examples import COUNTS, as_counts, streams


def test_streams_are_the_text_cut_into_rows_with_what_follows():
    found = streams(np.arange(13), batch_size=3, window=4)
    read, following = (part.T.tolist() for part in found.batch(np.arange(3)))
    assert read == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert following == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]


@pytest.mark.parametrize(("size", "rows"), [(2, 1), (5, 1), (8, 1), (9, 2), (1000, 8)])
def test_no_row_is_shorter_than_a_window_if_possible(size, rows):
    assert len(streams(np.arange(size), 8, 4)) == rows


@pytest.mark.parametrize("size", [0, 1])
def test_a_text_that_nothing_follows(size):
    with pytest.raises(InputError, match=r"^the held-out text is too short: give at least two units$"):
        streams(np.arange(size), 4, 4)


def test_counts_come_back_from_a_file():
    assert as_counts([3, 0, 2], 3).tolist() == [3, 0, 2]
    assert as_counts([3, 0, 2], 3).dtype == np.int64


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, 2], "^fitted.counts has 2 counts of 3 units, all of which are 3$"),
        ([0, 0, 0], "^fitted.counts has 3 counts of 3 units, all of which are 0$"),
        ([], "^fitted.counts has 0 counts of 3 units, all of which are 0$"),
    ],
)
def test_counts_of_other_units_are_refused(values, words):
    with pytest.raises(InputError, match=words):
        as_counts(values, 3)


@pytest.mark.parametrize("values", [[], [-1], [0.5], [2**41], "12"])
def test_what_is_no_list_of_counts_is_refused(values):
    with pytest.raises(InputError, match=r"counts"):
        COUNTS("counts", values)

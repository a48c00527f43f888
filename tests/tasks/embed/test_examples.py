"""Pieces of long series: every step is in some, and means over them are means by hand."""

import numpy as np

from keepgate.tasks.embed.examples import Pieces

SERIES = [np.arange(10.0)[:, None], np.arange(3.0)[:, None]]


def test_every_step_is_in_a_piece_and_those_in_the_middle_in_two():
    pieces = Pieces.cut(SERIES, 4, 2)
    assert pieces.places == [(0, 0), (0, 2), (0, 4), (0, 6), (1, 0)]
    for value, (i, start) in zip(pieces.values, pieces.places, strict=True):
        np.testing.assert_array_equal(value, SERIES[i][start : start + 4])
    counts = np.zeros(10)
    for value, (i, start) in zip(pieces.values, pieces.places, strict=True):
        counts[start : start + len(value)] += i == 0
    assert counts.tolist() == [1, 1, 2, 2, 2, 2, 2, 2, 1, 1]


def test_without_a_size_series_stay_whole():
    assert Pieces.cut(SERIES, None, 2).places == [(0, 0), (1, 0)]


def test_vectors_and_errors_are_means_over_the_pieces_of_a_series():
    pieces = Pieces.cut(SERIES, 4, 2)
    vectors = pieces.mean_vectors([np.array([k, -k], np.float32) for k in range(5)])
    np.testing.assert_array_equal(vectors, [[1.5, -1.5], [4.0, -4.0]])
    errors = pieces.mean_errors([np.full((4, 1), float(k)) for k in range(5)])  # the last piece has a row of padding
    np.testing.assert_array_equal(errors[0][:, 0], [0, 0, 0.5, 0.5, 1.5, 1.5, 2.5, 2.5, 3, 3])
    np.testing.assert_array_equal(errors[1][:, 0], [4, 4, 4])

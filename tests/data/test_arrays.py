import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from keepgate.data.arrays import as_sequences
from keepgate.errors import InputError

RNG = np.random.default_rng(0)


def test_every_form_of_the_same_sequences_is_read_alike():
    block = RNG.normal(size=(4, 5, 3))
    for form in (block, list(block), block.tolist(), tuple(block)):
        for one, other in zip(as_sequences(form), block, strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == np.float64


def test_two_dimensions_are_series_of_one_channel():
    matrix = RNG.normal(size=(4, 5))
    for form in (matrix, list(matrix), pd.DataFrame(matrix)):
        assert [value.shape for value in as_sequences(form)] == [(5, 1)] * 4
        np.testing.assert_array_equal(as_sequences(form)[2][:, 0], matrix[2])


def test_lengths_may_differ_in_a_list_and_in_an_array_of_objects():
    ragged = [np.ones((2, 3)), np.ones((5, 3), dtype=np.float32), [[1, 2, 3]]]
    assert [len(value) for value in as_sequences(ragged)] == [2, 5, 1]
    objects = np.empty(2, dtype=object)
    objects[:] = [np.ones(2), np.ones(3)]
    assert [value.shape for value in as_sequences(objects)] == [(2, 1), (3, 1)]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([], "no sequence"),
        ([np.ones((2, 3)), np.ones((2, 4))], r"X\[1\] has 4 channels where 3 are expected"),
        ([np.ones((2, 3)), np.ones((0, 3))], r"X\[1\] has the shape \(0, 3\)"),
        ([np.ones((2, 3)), np.array([[1, np.nan, 3]])], r"X\[1\] has NaN .* at step 0"),
        ([np.ones((2, 3)), np.ones((2, 3, 4))], r"X\[1\] has the shape"),
        ([["a", "b"]], r"X\[0\] is no array"),
        ([np.ones(3) * 1j], "Complex data not supported"),
        (np.array([[1.0, np.inf]]), "infinity"),
        (np.ones((2, 3, 4, 5)), r"\[N, T, C\] is expected"),
        (np.ones((2, 0, 4)), "without a step"),
        (np.ones(3), "2D array"),
    ],
)
def test_what_is_no_sequence_is_told(X, message):
    with pytest.raises(InputError, match=message):
        as_sequences(X)


def test_sparse_matrices_are_refused():
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        as_sequences(sparse.csr_matrix(np.eye(3)))


def test_channels_can_be_prescribed():
    with pytest.raises(InputError, match="has 2 channels where 3 are expected"):
        as_sequences(np.ones((1, 4, 2)), channels=3)

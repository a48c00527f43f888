"""Sequences of different lengths as one tensor."""

import numpy as np
import pytest
import torch

from keepgate.tasks.common.padded import pad_frames, pad_numbers


@pytest.mark.parametrize("dtype", [np.float32, np.float64, bool])
def test_frames_keep_their_type_and_are_filled_up_with_zeros(dtype):
    rows = [np.ones((2, 3), dtype), np.ones((4, 3), dtype)]
    padded, lengths = pad_frames(rows)
    assert padded.numpy().dtype == dtype
    assert lengths.tolist() == [2, 4]
    assert padded[:, :, 0].int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]


def test_numbers_are_filled_up_with_a_value():
    padded = pad_numbers([np.array([3]), np.array([1, 2])], -1)
    assert padded.dtype == torch.int64
    assert padded.tolist() == [[3, -1], [1, 2]]

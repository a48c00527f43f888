from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate.data.recordings.recordings import Recordings
from keepgate.data.recordings.segments import Segment
from keepgate.errors import InputError
from keepgate.tasks.segment.examples import RecordingExamples, as_recordings, segments_of


def test_pieces_hold_every_frame_once_in_order():
    random = np.random.default_rng(0)
    values = [random.normal(size=(n, 3)).astype(np.float32) for n in (7, 4, 1)]
    truth = [random.random((n, 2)) < 0.5 for n in (7, 4, 1)]
    cut = RecordingExamples.cut(values, truth, 4)
    assert [cut.length(i) for i in range(len(cut))] == [4, 3, 4, 1]
    np.testing.assert_array_equal(np.concatenate(cut.values), np.concatenate(values))
    np.testing.assert_array_equal(np.concatenate(cut.targets), np.concatenate(truth))


def test_a_batch_is_padded_with_silence_that_holds_no_label():
    values = [np.ones((n, 2), np.float32) for n in (1, 3)]
    x, lengths, targets = RecordingExamples(values, [np.ones((n, 2), bool) for n in (1, 3)]).batch([0, 1])
    assert (x.dtype, targets.dtype) == (torch.float32, torch.bool)
    assert lengths.tolist() == [1, 3]
    assert x[..., 0].tolist() == [[1, 0, 0], [1, 1, 1]]
    assert targets[..., 1].tolist() == [[True, False, False], [True, True, True]]


def test_without_truth_there_is_one_label_that_never_holds():
    _, _, targets = RecordingExamples([np.ones((2, 2), np.float32)]).batch([0])
    assert targets.tolist() == [[[False], [False]]]


def test_segments_are_sorted_and_samples_are_kept():
    data = as_recordings([np.ones(10), np.ones(5)], [[(0.5, 1.0, "b"), (0.0, 0.2, "a")], []], 8000)
    assert data.segments == [[Segment(0.0, 0.2, "a"), Segment(0.5, 1.0, "b")], []]
    assert (data.rate, data.names) == (8000, ["X[0]", "X[1]"])
    assert as_recordings(data, None, None) is data


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ([], None, "^X is .*: give a list of recordings, at least one$"),
        ("talk.wav", None, "^X is 'talk.wav': give a list of recordings"),
        ([np.ones(4)], [[], []], "^inconsistent numbers of samples: 1 recordings in X, 2 lists of segments in y$"),
        ([np.array(["a"])], None, r"^X\[0\]: samples are no array of numbers: could not convert string to float"),
        (
            [np.ones(4), np.array([np.nan])],
            None,
            r"^X\[1\]: samples of shape \(1,\): expected \[N\], at least one, all finite$",
        ),
        ([np.ones(4)], [[(1.0, 0.5, "a")]], r"^X\[0\]: a segment from 1 s to 0\.5 s; it has to start at 0 or later, "),
        ([np.ones(4)], [[(0.0, 1.0, "a"), 7]], r"^X\[0\]: 7 is no segment, such as \(0\.5, 1\.2, 'speech'\)$"),
        ([np.ones(4)], [7], r"^X\[0\]: its samples or segments cannot be read: "),
    ],
)
def test_what_is_no_recording_is_named(X, y, words):
    with pytest.raises(InputError, match=words):
        as_recordings(X, y, 8000)


def test_a_segment_with_a_confidence_stands_beside_one_without():
    same = [(0.0, 1.0, "a", 0.5), (0.0, 1.0, "a")]
    (found,) = segments_of(as_recordings([np.ones(4)], [same], 8000))
    assert found == [Segment(*same[1]), Segment(*same[0])]  # the surest last


def test_segments_must_be_there():
    plain = as_recordings([np.ones(4)], None, 8000)
    assert isinstance(plain, Recordings)
    with pytest.raises(InputError, match=r"^there are no segments: give y, a list of them for each recording$"):
        segments_of(plain)

"""What faces of recordings share: the rate of the training data, and sentences about recordings."""

import numpy as np
import pytest
import soundfile

from keepgate import Segmenter
from keepgate.tasks import face
from keepgate.tasks.common.recordings_face import lengths
from tasks.segment.data import RATE, SMALL, beeps


def test_recordings_are_described_by_number_length_and_rate():
    text = lengths([np.zeros(4000), np.zeros(10_000)], 8000)
    assert text == "recordings: 2 of 0.5 to 1.25 s, 0.0292 minutes in all, read at 8000 Hz"


@pytest.mark.parametrize("named", [False, True])
def test_files_are_read_at_the_rate_of_the_training_data_whether_they_are_known_or_not(tmp_path, named):
    model = Segmenter(**SMALL, epochs=1, bidirectional=False).fit(*beeps(2), rate=RATE)
    if named:
        face(model).bind_columns(model.Columns())
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(44100.0)), 44100)
    data = face(model).read_alike(tmp_path / "a.wav", labelled=False)
    assert (data.rate, len(data.contents[0])) == (RATE, RATE)

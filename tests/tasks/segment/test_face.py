"""What the command line shows of a segmenter."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from keepgate.data.recordings.recordings import Recordings
from keepgate.errors import InputError
from keepgate.tasks import face
from keepgate.tasks.segment.face import SegmenterFace
from tasks.segment.data import RATE, as_recordings, beeps


def test_the_report_draws_the_worst_recording_first(fitted):
    X, y = beeps(2, seed=5)
    scores, each, first, second = face(fitted).report(as_recordings([X[0], X[0]], [y[0], y[0][:1]]), None)
    assert scores.rows[0]["model"] == "lstm"
    assert [row["label"] for row in each.rows] == ["high", "low"]
    assert (first.title, second.title) == ("1.wav", "0.wav")
    drawn = first.figure.axes[2]
    assert [tick.get_text() for tick in drawn.get_yticklabels()] == ["true", "found"]
    _, low = drawn.collections[:2]  # of the truth, which has but one segment, a low one
    assert low.get_paths()[0].vertices[:, 0].min() == pytest.approx(y[0][0][0])


def test_the_table_has_a_row_for_each_segment(fitted):
    X, y = beeps(2, seed=3)
    rows = face(fitted).table(as_recordings(X, y)).to_pylist()
    wanted = [(f"{i}", *s) for i, found in enumerate(fitted.predict(as_recordings(X, y))) for s in found]
    assert [tuple(row.values())[1:] for row in rows] == [one[1:] for one in wanted]


def test_silence_gives_a_table_with_its_columns(fitted):
    table = face(fitted).table(Recordings([1e-3 * np.random.default_rng(0).normal(size=RATE)], RATE, ["s"], None))
    assert table.column_names == ["path", "start", "end", "label", "confidence"]


def test_a_label_track_holds_one_recording():
    encode = SegmenterFace.encoders[".txt"]
    row = {"start": 0.0, "end": 1.0, "label": "a", "confidence": 0.5}
    assert encode(pa.Table.from_pylist([{"path": "x.wav", **row}])) == b"0.000000\t1.000000\ta\n"
    with pytest.raises(InputError, match=r"^a label track is of one recording, but there are several; write \.csv"):
        encode(pa.Table.from_pylist([{"path": "x.wav", **row}, {"path": "y.wav", **row}]))

"""Files of segments against bytes written by hand, and what is refused of them."""

import json

import pytest

from keepgate.data.recordings.segments import Segment, encode_segments, read_segments
from keepgate.errors import InputError

SEGMENTS = [Segment(0.5, 1.25, "speech", 0.9), Segment(2.0, 2.75, "a dog", 0.625)]
BYTES = {
    ".csv": b"start,end,label,confidence\n0.5,1.25,speech,0.9\n2.0,2.75,a dog,0.625\n",
    ".json": b'[\n  {"start": 0.5, "end": 1.25, "label": "speech", "confidence": 0.9},\n'
    b'  {"start": 2.0, "end": 2.75, "label": "a dog", "confidence": 0.625}\n]\n',
    ".txt": b"0.500000\t1.250000\tspeech\n2.000000\t2.750000\ta dog\n",
}


@pytest.mark.parametrize("suffix", BYTES)
def test_each_form_has_the_bytes_written_by_hand_and_is_read_back(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(encode_segments([segment._asdict() for segment in SEGMENTS], suffix))
    assert path.read_bytes() == BYTES[suffix]
    kept = SEGMENTS if suffix != ".txt" else [segment._replace(confidence=None) for segment in SEGMENTS]
    assert read_segments(path) == kept


@pytest.mark.parametrize("suffix", BYTES)
def test_no_segment_is_a_file_too(tmp_path, suffix):
    (tmp_path / f"a{suffix}").write_bytes(encode_segments([], suffix))
    assert read_segments(tmp_path / f"a{suffix}") == []


def test_json_is_json_and_keeps_further_fields():
    row = {"path": 'the "loud" one.wav', **SEGMENTS[0]._asdict()}
    assert json.loads(encode_segments([row], ".json")) == [row]


def test_a_label_track_of_audacity_is_read(tmp_path):
    """With the lines of frequencies that spectral selections have, a label left empty, and in any order."""
    path = tmp_path / "track.txt"
    path.write_text("3.000000\t4.500000\t\r\n0.250000\t0.750000\tcough\r\n\\\t180.000000\t2000.000000\r\n")
    assert read_segments(path) == [Segment(0.25, 0.75, "cough"), Segment(3.0, 4.5, "speech")]


def test_labels_and_confidences_may_be_missing(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("end,start\n2,1\n")
    assert read_segments(path) == [Segment(1.0, 2.0)]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "start,end\n1,2\n3,2\n", r"a\.csv, line 3: a segment from 3 s to 2 s"),
        ("a.csv", "start,end\n-1,2\n", r"a\.csv, line 2: a segment from -1 s to 2 s"),
        ("a.csv", "start,end\n1,nan\n", r"a\.csv, line 2: end is 'nan', which is no number"),
        ("a.csv", "begin,end\n1,2\n", r"a\.csv, line 2: there is no 'start', but 'begin', 'end'"),
        ("a.csv", 'start,end\n"1,2\n', r"a\.csv is no table"),
        ("a.txt", "1.0\t1.0\tclick\n", r"a\.txt, line 1: a segment from 1 s to 1 s"),
        ("a.txt", "1.0 2.0 speech\n", r"a\.txt, line 1: there is no 'end'"),
        ("a.json", "[", r"a\.json: no JSON"),
        ("a.json", '{"start": 1}', r"a\.json is no list of segments such as"),
        ("a.json", '[{"start": 1, "end": 2, "confidence": "high"}]', "confidence is 'high', which is no number"),
        ("a.srt", "", r"a\.srt is no file of segments: give one that ends in \.csv, \.json, \.txt"),
    ],
)
def test_what_is_no_segment_is_named_with_its_line(tmp_path, name, text, words):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_segments(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv cannot be read: No such file"):
        read_segments(tmp_path / "none.csv")


RTTM = """\
;; two recordings
SPKR-INFO talk 1 <NA> <NA> <NA> unknown ann <NA> <NA>
SPEAKER talk 1 1.250 0.500 <NA> <NA> ann 0.9000 <NA>
SPEAKER talk 1 0.000 1.000 <NA> <NA> bob <NA> <NA>
SPEAKER call 1 2.000 1.000 <NA> <NA> <NA> <NA> <NA>
"""


def test_rttm_is_of_a_recording_by_the_stem_of_its_name(tmp_path):
    path = tmp_path / "a.rttm"
    path.write_text(RTTM)
    assert read_segments(path, "talk") == [Segment(0.0, 1.0, "bob"), Segment(1.25, 1.75, "ann", 0.9)]
    assert read_segments(path, "call") == [Segment(2.0, 3.0, "speech")]
    assert read_segments(path, "none") == []
    path.write_text(RTTM.replace("call", "talk"))
    assert len(read_segments(path, "any")) == 3  # a file of one recording is that of whatever names it


def test_rttm_is_written_as_it_is_read(tmp_path):
    rows = [
        {"path": "x/my talk.wav", "start": 0.5, "end": 1.25, "label": "a b", "confidence": 0.75},
        {"path": "b.wav", "start": 1.0, "end": 2.0, "label": "c", "confidence": None},
    ]
    text = encode_segments(rows, ".rttm").decode()
    assert text == (
        "SPEAKER my_talk 1 0.500 0.750 <NA> <NA> a_b 0.7500 <NA>\nSPEAKER b 1 1.000 1.000 <NA> <NA> c <NA> <NA>\n"
    )
    (tmp_path / "a.rttm").write_text(text)
    assert read_segments(tmp_path / "a.rttm", "b") == [Segment(1.0, 2.0, "c")]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("SPEAKER talk 1 0.5", "line 1: a line of RTTM has ten fields, but this one 4"),
        ("SPEAKER talk 1 x 1 <NA> <NA> a <NA> <NA>", "line 1: start is 'x', which is no number"),
        ("SPEAKER talk 1 1 -1 <NA> <NA> a <NA> <NA>", "line 1: a segment from 1 s to 0 s"),
    ],
)
def test_broken_rttm_is_named_by_file_and_line(tmp_path, line, words):
    path = tmp_path / "a.rttm"
    path.write_text(line)
    with pytest.raises(InputError, match=rf"a\.rttm, {words}"):
        read_segments(path)

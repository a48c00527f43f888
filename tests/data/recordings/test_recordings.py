"""Manifests of recordings with segments: the forms that are read, and what is refused by row."""

import json

import numpy as np
import pytest
import soundfile

from keepgate.data.recordings.recordings import read_recordings
from keepgate.data.recordings.segments import Segment
from keepgate.errors import InputError

ONE, TWO = Segment(0.1, 0.3), Segment(0.5, 0.9, "dog")


@pytest.fixture
def folder(tmp_path):
    """Recordings of a second, a and b of 8000 Hz, c of 4000, silent; the segments of a, and a file of none."""
    sound = np.sin(np.arange(8000))
    for name, samples, rate in (
        ("a", sound, 8000),
        ("b", sound, 8000),
        ("c", sound[:4000], 4000),
        ("s", 0 * sound, 8000),
    ):
        soundfile.write(tmp_path / f"{name}.wav", samples, rate)
    (tmp_path / "a.txt").write_text("0.5\t0.9\tdog\n0.1\t0.3\t\n")
    (tmp_path / "none.txt").write_text("")
    (tmp_path / "late.txt").write_text("0.5\t1.9\t\n")
    return tmp_path


FORMS = {
    "files.csv": "path,segments\na.wav,a.txt\nb.wav,none.txt\n",
    "rows.csv": "path,start,end,label\na.wav,0.5,0.9,dog\nb.wav,,,\na.wav,0.1,0.3,\n",
    "lists.jsonl": json.dumps({"path": "a.wav", "segments": [ONE._asdict(), [0.5, 0.9, "dog"]]})
    + '\n{"path": "b.wav", "segments": []}\n',
}


@pytest.mark.parametrize("name", FORMS)
def test_all_forms_say_the_same(folder, name):
    (folder / name).write_text(FORMS[name])
    found = read_recordings(folder / name)
    assert (found.names, found.rate, [len(x) for x in found.contents]) == (["a.wav", "b.wav"], 8000, [8000, 8000])
    assert found.segments == [[ONE, TWO], []]


def test_one_recording_is_enough_to_predict_for(folder):
    found = read_recordings(folder / "c.wav", labelled=False)
    assert (found.names, found.rate, found.segments) == ([str(folder / "c.wav")], 4000, None)
    assert len(read_recordings(folder / "c.wav", rate=8000, labelled=False).contents[0]) == 8000


def test_columns_may_have_other_names_and_rates_be_made_one(folder):
    (folder / "a.csv").write_text("sound,truth\na.wav,a.txt\nc.wav,none.txt\n")
    found = read_recordings(folder / "a.csv", path_column="sound", segments_column="truth", rate=8000)
    assert [len(x) for x in found.contents] == [8000, 8000]


BAD = {
    "none.wav,a.txt": r"none\.wav cannot be read: No such file",
    "s.wav,a.txt": "silent throughout",
    "c.wav,a.txt": "c.wav has 4000 Hz, but a.wav 8000 Hz; give --rate",
    "b.wav,b.txt": r"b\.txt cannot be read: No such file",
    "b.wav,late.txt": r"a segment ends at 1\.9 s, but the recording at 1 s",
    "b.wav,a.srt": r"a\.srt is no file of segments",
}


@pytest.mark.parametrize("row", BAD)
def test_a_bad_row_is_named(folder, row):
    (folder / "m.csv").write_text(f"path,segments\na.wav,a.txt\n{row}\n")
    with pytest.raises(InputError, match=rf"m\.csv, row 2: .*{BAD[row]}"):
        read_recordings(folder / "m.csv")


def test_bad_rows_are_skipped_and_listed(folder):
    (folder / "m.csv").write_text("path,segments\ns.wav,a.txt\na.wav,a.txt\n")
    found = read_recordings(folder / "m.csv", skip_bad=True)
    assert (found.names, [(one.file, one.row) for one in found.skipped]) == (
        ["a.wav"],
        [(str(folder / "m.csv"), 1)],
    )
    (folder / "m.csv").write_text("path,segments\ns.wav,a.txt\n")
    with pytest.raises(InputError, match="has no row that can be used"):
        read_recordings(folder / "m.csv", skip_bad=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,segments\na.wav,a.txt\na.wav,a.txt\n", "row 1: the recording is in row 2 too"),
        ("path,start,end\na.wav,0.1,0.2\na.wav,0.2,x\n", "row 1: row 2: end is 'x', which is no number"),
        ("file,segments\na.wav,a.txt\n", "row 1: there is no column 'path', but 'file', 'segments'"),
        ("path,text\na.wav,one\n", "row 1: there is no column 'segments', but 'path', 'text'"),
    ],
)
def test_what_is_no_manifest_of_recordings(folder, text, words):
    (folder / "m.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read_recordings(folder / "m.csv")


def test_groups_are_read_with_the_segments(folder):
    (folder / "g.csv").write_text("path,segments,place\na.wav,a.txt,home\nb.wav,none.txt,street\n")
    assert read_recordings(folder / "g.csv", group_column="place").sources == ["home", "street"]
    assert read_recordings(folder / "g.csv").sources is None
    assert read_recordings(folder / "g.csv", group_column="place", labelled=False).sources is None

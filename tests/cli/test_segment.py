"""fit, evaluate and predict of the segmenter, from recordings to files of segments."""

import csv
import html
import io
import json

import numpy as np
import pytest
import soundfile

from cli.files import FAST, refused
from keepgate.data.audio.files import read_audio, resample
from keepgate.data.recordings.segments import read_segments

RATE = 4000
SETTINGS = (*FAST, "--num-layers", "1", "--bands", "8")


@pytest.fixture
def manifest(file, tmp_path):
    """Four recordings of a second, a tone in the middle of each, and where it is in three kinds of files."""
    rng = np.random.default_rng(0)
    rows = ["path,segments"]
    tracks = {
        "a.csv": "start,end\n0.3,0.7\n",
        "b.json": '[{"start": 0.3, "end": 0.7}]',
        "c.txt": "0.3\t0.7\tspeech\n",
        "d.txt": "0.3\t0.7\t\n",
    }
    for name, text in tracks.items():
        samples = 0.02 * rng.normal(size=RATE)
        samples[1200:2800] += 0.5 * np.sin(np.arange(1600))
        soundfile.write(tmp_path / f"{name[0]}.wav", samples, RATE)
        (tmp_path / name).write_text(text)
        rows.append(f"{name[0]}.wav,{name}")
    return file("train.csv", rows)


def give(monkeypatch, data):
    """Give bytes on standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.fixture
def trained(keepgate, manifest, tmp_path):
    outcome = keepgate(
        "fit", "segment", manifest, "--valid", manifest, "--out", tmp_path / "run", *SETTINGS, "--epochs", "20",
        "--learning-rate", "0.05", "--batch-size", "1", "--hidden-size", "6",
    )  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")
    assert "always speech" in outcome.out
    return tmp_path / "run"


def test_a_recording_becomes_segments_in_every_kind_of_file(keepgate, trained, tmp_path):
    for suffix in (".csv", ".json", ".txt"):
        out = tmp_path / f"found{suffix}"
        assert keepgate("predict", trained, tmp_path / "a.wav", "--out", out).code == 0
        [(start, end, label, confidence)] = read_segments(out)
        assert (start, end, label) == (pytest.approx(0.3, abs=0.1), pytest.approx(0.7, abs=0.1), "speech")
        assert confidence is None if suffix == ".txt" else 0.4 < confidence <= 1
    printed = list(csv.DictReader(keepgate("predict", trained, tmp_path / "a.wav").out.splitlines()))
    assert list(printed[0]) == ["path", "start", "end", "label", "confidence"]


def test_predictions_for_a_manifest_are_a_manifest(keepgate, manifest, trained, tmp_path):
    assert keepgate("predict", trained, manifest, "--out", tmp_path / "found.csv").code == 0
    assert keepgate("predict", trained, manifest, "--out", tmp_path / "found.json").code == 0
    assert {row["path"] for row in json.loads((tmp_path / "found.json").read_text())} == {f"{c}.wav" for c in "abcd"}
    outcome = keepgate("evaluate", trained, tmp_path / "found.csv")
    assert [float(x) for x in outcome.out.splitlines()[1].split()[1:]] == pytest.approx([1, 1, 1, 0], abs=0.02)
    refused(
        keepgate("predict", trained, manifest, "--out", tmp_path / "found.txt"),
        "a label track is of one recording, but there are several; write .csv, .json or .rttm",
    )
    assert not (tmp_path / "found.txt").exists()


@pytest.mark.parametrize("rate", [3000, 44100])
def test_recordings_of_another_rate_are_resampled_to_the_model_s(keepgate, trained, file, tmp_path, rate):
    samples, _ = soundfile.read(tmp_path / "a.wav")
    soundfile.write(tmp_path / "fast.wav", resample(samples, RATE, rate), rate)
    rows = list(csv.DictReader(keepgate("predict", trained, tmp_path / "fast.wav").out.splitlines()))
    [(start, end)] = [(float(row["start"]), float(row["end"])) for row in rows]
    assert (start, end) == (pytest.approx(0.3, abs=0.1), pytest.approx(0.7, abs=0.1))
    outcome = keepgate("evaluate", trained, file("fast.csv", ["path,segments", "fast.wav,a.csv"]))
    assert outcome.code == 0
    assert float(outcome.out.splitlines()[1].split()[3]) > 0.8


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG", "MP3"])
def test_a_recording_may_come_by_standard_input(keepgate, trained, tmp_path, monkeypatch, format):
    samples, _ = soundfile.read(tmp_path / "a.wav")
    soundfile.write(tmp_path / "sound", resample(samples, RATE, 8000), 8000, format=format)
    give(monkeypatch, (tmp_path / "sound").read_bytes())
    found = keepgate("predict", trained, "-")
    assert (found.code, found.err) == (0, "")
    assert found.out.replace('"-"', "x") == keepgate("predict", trained, tmp_path / "sound").out.replace(
        f'"{tmp_path / "sound"}"', "x"
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "standard input is empty"), (b"hello\n", "standard input is text and no recording")],
)
def test_standard_input_without_a_recording_is_told(keepgate, trained, monkeypatch, data, words):
    give(monkeypatch, data)
    refused(keepgate("predict", trained, "-"), f"keepgate predict: {words}; pipe a recording into it (WAV, FLAC")


def test_many_files_in_one_call_and_a_bad_one_does_not_lose_the_others(keepgate, trained, tmp_path):
    files = [tmp_path / f"{name}.wav" for name in "abcd"]
    outcome = keepgate("segment", trained, *files[:2], "absent.wav", *files[2:])
    rows = list(csv.DictReader(outcome.out.splitlines()))
    assert (outcome.code, [row["path"] for row in rows]) == (2, [str(path) for path in files])
    assert outcome.err.startswith("keepgate segment: absent.wav cannot be read: No such file")
    assert outcome.err.count("\n") == 1
    for format in ("csv", "rttm", "txt", "json"):
        out = tmp_path / f"found-{format}"
        assert keepgate("segment", trained, *files, "--out", out, "--format", format) == (0, "", "")
        assert {path.name for path in out.iterdir()} == {f"{name}.{format}" for name in "abcd"}
        assert [one[:2] for one in read_segments(out / f"b.{format}")] == [
            (float(rows[1]["start"]), float(rows[1]["end"]))
        ]
    refused(keepgate("segment", trained, *files, "--format", "txt"), "a label track is of one recording")


def test_thresholds_are_set_at_use(keepgate, manifest, trained, tmp_path):
    recording = tmp_path / "a.wav"
    plain = keepgate("segment", trained, recording).out
    assert plain.count("\n") == 2
    assert keepgate("segment", trained, recording, "--onset", 1, "--offset", 1).out.count("\n") == 1
    assert keepgate("predict", trained, recording, "--min-on", 0.9).out.count("\n") == 1
    strict = keepgate("evaluate", trained, manifest, "--min-on", 0.9).out.splitlines()[1]
    assert float(strict.split()[3]) == 0  # nothing is found
    refused(keepgate("segment", trained, recording, "--onset", 0.3), "offset=0.4 is above onset=0.3")
    refused(keepgate("segment", trained, recording, "--min-off", -1), "min_off")


def test_rttm_goes_out_and_comes_in_as_labels(keepgate, manifest, trained, tmp_path):
    out = tmp_path / "all.rttm"
    assert keepgate("predict", trained, manifest, "--out", out).code == 0
    assert [line.split()[:3] for line in out.read_text().splitlines()] == [["SPEAKER", name, "1"] for name in "abcd"]
    scores = keepgate("evaluate", trained, out).out.splitlines()[1].split()[1:]
    assert [float(x) for x in scores] == pytest.approx([1, 1, 1, 0], abs=0.02)
    outcome = keepgate("fit", "segment", out, "--out", tmp_path / "new", *SETTINGS)
    assert outcome.code == 0
    assert "speech (4 segments, " in outcome.out
    (tmp_path / "table.csv").write_text("path,segments\na.wav,all.rttm\nb.wav,all.rttm\n")
    outcome = keepgate("fit", "segment", tmp_path / "table.csv", "--out", tmp_path / "both", *SETTINGS)
    assert "speech (2 segments, " in outcome.out


def test_a_live_stream_is_segmented_as_it_is_heard(keepgate, manifest, tmp_path, monkeypatch, trained):
    options = ("--epochs", "20", "--learning-rate", "0.05", "--batch-size", "1", "--hidden-size", "6")
    run = tmp_path / "live"
    assert keepgate("fit", "segment", manifest, "--out", run, *SETTINGS, *options, "--no-bidirectional").code == 0
    samples = np.concatenate([read_audio(tmp_path / f"{name}.wav")[0] for name in "abc"])
    raw = np.clip(samples * 32768, -32768, 32767).astype("<i2")
    soundfile.write(tmp_path / "long.wav", raw, RATE)
    whole = keepgate("segment", run, tmp_path / "long.wav").out.replace(str(tmp_path / "long.wav"), "-")
    places = lambda text: [line.split(",")[:4] for line in text.splitlines()]  # noqa: E731
    assert len(places(whole)) >= 4
    for data in (raw.tobytes(), (tmp_path / "long.wav").read_bytes()):
        give(monkeypatch, data)
        assert places(keepgate("segment", run, "-").out) == places(whole)
    give(monkeypatch, raw.tobytes())
    lines = keepgate("segment", run, "-", "--format", "rttm").out.splitlines()
    assert [line.split()[0] for line in lines] == ["SPEAKER"] * (len(places(whole)) - 1)
    give(monkeypatch, b"hello\n")
    assert keepgate("segment", run, "-").err.startswith("keepgate segment: standard input is text and no recording")
    give(monkeypatch, raw.tobytes())
    assert "fit one with --no-bidirectional" in keepgate("segment", trained, "-").err


def test_fit_says_what_was_understood_of_the_data(keepgate, manifest, tmp_path):
    outcome = keepgate("fit", "segment", manifest, "--out", tmp_path / "run", *SETTINGS)
    lines = [
        "recordings: 4 of 1 to 1 s, 0.0667 minutes in all, read at 4000 Hz",
        "labels: 'speech (4 segments, 40 % of the time)'",
        "recordings without a segment: 0; left out: 0",
    ]
    assert outcome.out.splitlines()[:3] == lines
    assert ". ".join(lines) in html.unescape((tmp_path / "run" / "report.html").read_text())


def test_bad_input_is_named_and_nothing_is_written(keepgate, manifest, file, trained, tmp_path):
    refused(keepgate("predict", trained, tmp_path / "none.wav"), "none.wav cannot be read: No such file")
    refused(keepgate("predict", trained, manifest, "--out", tmp_path / "x.srt"), "ends in none of .csv", ".json, .txt")
    bad = file("bad.csv", ["path,segments", "a.wav,a.csv", "z.wav,a.csv"])
    outcome = keepgate("fit", "segment", bad, "--out", tmp_path / "new", *SETTINGS)
    refused(outcome, "bad.csv, row 2", "z.wav cannot be read: No such file")
    assert not (tmp_path / "new").exists()
    outcome = keepgate("fit", "segment", bad, "--skip-bad", "--out", tmp_path / "new", *SETTINGS)
    assert "1 rows left out" in outcome.out
    [row] = csv.DictReader((tmp_path / "new" / "skipped.csv").read_text().splitlines())
    assert (row["file"], row["row"]) == (str(bad), "2")
    assert "z.wav cannot be read: No such file" in row["reason"]

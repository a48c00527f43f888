"""Files that promise much or never end: refused in one sentence, before memory is taken, and without waiting."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import soundfile

from data.hostile import MIB, READERS, refused
from fuzz import harness
from keepgate.data.audio.files import read_audio
from keepgate.data.recordings.manifest import read_manifest
from keepgate.data.recordings.recordings import read_recordings
from keepgate.data.tables.table import read_table
from keepgate.errors import InputError


@pytest.mark.parametrize("name", [name for name in READERS if name not in ("a.txt", "a.wav", "a.inkml")])
def test_a_manifest_is_held_to_the_same(tmp_path, name):
    """Paths in a file are paths too."""
    for given, words in (("pipe.wav", "a pipe"), ("/dev/zero", "a device"), (".", "a folder"), ("x" * 9000, "4,096")):
        (tmp_path / "m.csv").write_text(f"path,text\n{given},one\n")
        if not (tmp_path / "pipe.wav").exists():
            os.mkfifo(tmp_path / "pipe.wav")
        refused(lambda: read_manifest(tmp_path / "m.csv"), "m.csv, row 1", words)
        refused(lambda: read_recordings(tmp_path / "m.csv"), "m.csv, row 1", words)


def test_a_parquet_file_of_half_a_billion_rows(tmp_path):
    path = tmp_path / "a.parquet"
    zeros = pa.table({"a": np.zeros(2 * 10**7, np.int8)})
    with pa.parquet.ParquetWriter(path, zeros.schema) as writer:
        for _ in range(25):
            writer.write_table(zeros)
    assert path.stat().st_size < 4 * MIB
    refused(lambda: read_table(path), "a.parquet has 500,000,000 cells", "KEEPGATE_MAX_CELLS")


@pytest.mark.parametrize("kind", [pa.string(), pa.binary(), pa.large_string()])
def test_a_text_in_a_dictionary_a_hundred_thousand_times(tmp_path, kind):
    path = tmp_path / "a.parquet"
    text = pa.array(["x" * 100_000], kind).dictionary_encode()
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), text.dictionary)
    pa.parquet.write_table(pa.table({"a": column}), path, store_schema=False)
    refused(lambda: read_table(path), "a.parquet has 10,000,000,000 bytes when unpacked")
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), pa.schema([("a", column.type)])) as writer:
        writer.write_table(pa.table({"a": column}))
    refused(lambda: read_table(tmp_path / "a.arrow"), "a.arrow has 10,000,000,000 bytes when unpacked")


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())])
def test_parquet_columns_of_text_keep_their_type(tmp_path, kind):
    table = pa.table({"a": pa.array(["x", "y", "x"]).cast(kind), "b": [1, 2, 3]})
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").equals(pa.parquet.read_table(tmp_path / "a.parquet"))


def flac(path: Path, frames: int) -> None:
    """A recording of 8 channels and a tenth of a second, whose header promises so many frames."""
    soundfile.write(path, np.random.default_rng(0).normal(scale=0.1, size=(9600, 8)), 96_000)
    data = bytearray(path.read_bytes())
    about = int.from_bytes(data[18:26], "big")  # the last 36 bits are the number of frames
    data[18:26] = (about >> 36 << 36 | frames).to_bytes(8, "big")
    path.write_bytes(data)


def test_a_recording_whose_header_promises_much(tmp_path):
    path = tmp_path / "a.flac"
    flac(path, 340_000_000)
    refused(lambda: read_audio(path), "a.flac has 2,720,000,000 samples", "KEEPGATE_MAX_AUDIO_SAMPLES")
    flac(path, 60_000_000)  # within the limit, but not there: 1.8 GB would have been taken
    before = harness._memory("VmRSS")
    harness._forget_peak()
    with contextlib.suppress(InputError):
        assert len(read_audio(path)[0]) <= 9600
    assert harness._memory("VmHWM") - before < 100 * MIB


def test_channels_are_averaged_as_if_read_at_once(tmp_path):
    path = tmp_path / "a.wav"
    samples = np.random.default_rng(0).normal(scale=0.1, size=(700_001, 3)).astype(np.float32)
    soundfile.write(path, samples, 8000, subtype="FLOAT")
    found, rate = read_audio(path)
    assert rate == 8000
    np.testing.assert_array_equal(found, samples.mean(axis=1))


@pytest.mark.parametrize("rate", [-1, 0, 1, 50, 99, 384_001, 10**9, 2**40, 8000.0, True, "8000"])
def test_rates_that_nothing_is_resampled_to(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", np.full(800, 0.25), 8000)
    refused(lambda: read_audio(tmp_path / "a.wav", rate), "the rate to resample to")


@pytest.mark.parametrize("rate", [100, 384_000])
def test_the_outermost_rates_that_something_is_resampled_to(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", np.full(800, 0.25), 8000)
    assert len(read_audio(tmp_path / "a.wav", rate)[0]) == rate // 10


def test_a_recording_that_grows_by_being_resampled(tmp_path, monkeypatch):
    monkeypatch.setenv("KEEPGATE_MAX_AUDIO_SAMPLES", "10000")
    soundfile.write(tmp_path / "a.wav", np.full(8000, 0.25), 8000)
    refused(lambda: read_audio(tmp_path / "a.wav", 16_000), "a.wav at 16000 Hz has 16,000 samples")


@pytest.mark.parametrize(
    ("strokes", "words"),
    [
        ("[[[1, 1" + "0" * 400 + "], [2, 3]]]", "too large"),
        ("[[[1, " + "9" * 5000 + "], [2, 3]]]", "digits"),
        ("[[[1, 1e308], [2, 3]]]", "beyond 1e+100"),
        ("[[[1, 1e999], [2, 3]]]", "not finite"),
        ("[" + "[[1, 2]]," * 1_000_001 + "[[1, 2]]]", "points of ink"),
        ("5", "lists of points"),
        ('"abc"', "lists of points"),
        ("[null]", "lists of points"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
    ],
)
def test_strokes_that_are_refused(tmp_path, strokes, words):
    (tmp_path / "a.jsonl").write_text(f'{{"strokes": {strokes}, "text": "a"}}\n')
    refused(lambda: read_manifest(tmp_path / "a.jsonl"), "a.jsonl", "1", words, growth=600 * MIB)

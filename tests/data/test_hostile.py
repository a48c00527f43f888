"""Files that promise much or never end: refused in one sentence, before memory is taken, and without waiting."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import soundfile

from fuzz import harness
from keepgate.data.audio.files import read_audio
from keepgate.data.ink.inkml import read_inkml
from keepgate.data.recordings.manifest import read_manifest
from keepgate.data.recordings.recordings import read_recordings
from keepgate.data.recordings.segments import read_segments
from keepgate.data.tables.long import read_long_table
from keepgate.data.tables.table import read_table
from keepgate.data.tables.ts import read_ts
from keepgate.data.text.pairs import read_pairs
from keepgate.data.text.sentences import read_sentences
from keepgate.errors import InputError
from keepgate.tasks.write.text import TextFile

MIB = 2**20
READERS: dict[str, Callable[[Path], Any]] = {
    "a.csv": read_long_table,
    "a.parquet": read_table,
    "a.arrow": read_table,
    "a.feather": read_table,
    "a.ts": read_ts,
    "a.conll": read_sentences,
    "a.jsonl": read_sentences,
    "a.tsv": read_pairs,
    "a.txt": TextFile.read,
    "a.wav": read_audio,
    "a.inkml": read_inkml,
    "manifest.csv": read_manifest,
    "manifest.jsonl": read_recordings,
    "segments.csv": read_segments,
    "segments.json": read_segments,
    "segments.txt": read_segments,
}


def refused(read: Callable[[], Any], *words: str, growth: int = 150 * MIB, seconds: float = 10.0) -> None:
    """It is refused in a sentence with these words, within this memory and time."""
    before, started = harness._memory("VmRSS"), time.process_time()
    harness._forget_peak()
    with pytest.raises(InputError) as caught:
        read()
    grown = harness._memory("VmHWM") - before
    assert time.process_time() - started < seconds
    assert grown < growth, f"took {grown / MIB:.0f} MiB"
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 1000
    for word in words:
        assert word in message


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "link to a device", "link to a pipe"])
def test_what_is_no_regular_file_is_neither_read_nor_waited_for(tmp_path, name, kind):
    path = tmp_path / name
    if kind.endswith("pipe"):
        os.mkfifo(tmp_path / "pipe.x" if kind.startswith("link") else path)
    if kind == "folder":
        path.mkdir()
    elif kind == "link to a pipe":
        path.symlink_to(tmp_path / "pipe.x")
    elif kind.endswith("device"):
        path.symlink_to("/dev/zero")
    refused(lambda: READERS[name](path), name, f"a {kind.split()[-1]}")


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("given", "words"),
    [("a\0b", "NUL"), ("\ud800", "no path"), ("x" * 10**6, "4,096 bytes"), ("y" * 300, "File name too long")],
    ids=["NUL", "surrogate", "long path", "long name"],
)
def test_names_that_no_file_has(tmp_path, name, given, words):
    refused(lambda: READERS[name](tmp_path / f"{given}{name}"), words)


@pytest.mark.parametrize("name", [name for name in READERS if name not in ("a.txt", "a.wav", "a.inkml")])
def test_a_manifest_is_held_to_the_same(tmp_path, name):
    """Paths in a file are paths too."""
    for given, words in (("pipe.wav", "a pipe"), ("/dev/zero", "a device"), (".", "a folder"), ("x" * 9000, "4,096")):
        (tmp_path / "m.csv").write_text(f"path,text\n{given},one\n")
        if not (tmp_path / "pipe.wav").exists():
            os.mkfifo(tmp_path / "pipe.wav")
        refused(lambda: read_manifest(tmp_path / "m.csv"), "m.csv, row 1", words)
        refused(lambda: read_recordings(tmp_path / "m.csv"), "m.csv, row 1", words)


@pytest.mark.parametrize("name", ["a.conll", "a.jsonl", "a.tsv", "a.txt", "manifest.csv", "a.ts"])
def test_a_gzip_file_that_unpacks_to_gigabytes(tmp_path, name):
    """18 KB for each 18 MB of zeros; two gigabytes of them."""
    member = gzip.compress(bytes(64 * MIB), 9)
    path = tmp_path / f"{name}.gz"
    with open(path, "wb") as file:
        for _ in range(32):
            file.write(member)
    read = (lambda path: read_ts(path)) if name == "a.ts" else READERS[name]
    refused(lambda: read(path), path.name, "KEEPGATE_MAX_", growth=700 * MIB, seconds=30)


def test_a_gzip_file_of_empty_lines(tmp_path, monkeypatch):
    monkeypatch.setenv("KEEPGATE_MAX_LINES", "2000000")
    path = tmp_path / "a.conll.gz"
    path.write_bytes(gzip.compress(b"\n" * 100 * MIB))
    refused(lambda: read_sentences(path), "a.conll.gz has 2,000,001 lines, more than 2,000,000")


def test_a_table_of_a_million_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("unique_id,label," + ",".join(f"c{i}" for i in range(10**6)) + "\n")
    refused(lambda: read_table(path), "a.csv", "more than 10,000", "KEEPGATE_MAX_COLUMNS")


def test_a_cell_of_a_hundred_megabytes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"unique_id,label,a\nx,l," + b"9" * 100 * MIB + b"\n")
    refused(lambda: read_table(path), "a cell of ", "a.csv", "KEEPGATE_MAX_CELL_BYTES")
    path.write_bytes(b'unique_id,label,a\nx,l,"' + b"9," * 50 * MIB + b'"\n')
    refused(lambda: read_table(path), "a line of ", "a.csv", "KEEPGATE_MAX_LINE_BYTES")


def test_a_csv_file_of_nothing_but_commas(tmp_path, monkeypatch):
    monkeypatch.setenv("KEEPGATE_MAX_CELLS", "1000000")
    path = tmp_path / "a.csv"
    path.write_bytes(b",".join(b"c%d" % i for i in range(1000)) + b"\n" + (b"," * 999 + b"\n") * 2000)
    refused(lambda: read_table(path), "a.csv", "cells", "KEEPGATE_MAX_CELLS")


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


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_an_arrow_file_that_unpacks_to_gigabytes(tmp_path, codec):
    path = tmp_path / "a.arrow"
    zeros = pa.table({"a": np.zeros(16 * MIB)})
    with pa.ipc.new_stream(str(path), zeros.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        for _ in range(12):
            writer.write_table(zeros)
    assert path.stat().st_size < 8 * MIB
    refused(lambda: read_table(path), "a.arrow has 1,", "bytes when unpacked", "KEEPGATE_MAX_UNPACKED_BYTES")


def test_an_arrow_file_of_rows_without_bytes(tmp_path):
    path = tmp_path / "a.feather"
    nothing = pa.table({"a": pa.nulls(10**9)})
    with pa.ipc.new_file(str(path), nothing.schema) as writer:
        writer.write_table(nothing)
    refused(lambda: read_table(path), "a.feather has 1,000,000,000 cells")


def test_arrow_files_are_read_as_arrow_reads_them(tmp_path):
    """The messages that are looked at are those that Arrow then reads."""
    table = pa.table(
        {
            "unique_id": pa.array(["a", "b", None]).dictionary_encode(),
            "ds": pa.array([1, 2, 3], pa.timestamp("ns")),
            "y": pa.chunked_array([[1.5], [2.5, None]]),
            "n": pa.nulls(3),
            "l": [[1], [], [2, 3]],
        }
    )
    for name, opened in (("a.arrow", pa.ipc.new_stream), ("a.feather", pa.ipc.new_file)):
        for codec in (None, "lz4", "zstd"):
            options = pa.ipc.IpcWriteOptions(compression=codec)
            with opened(str(tmp_path / name), table.schema, options=options) as writer:
                writer.write_table(table, max_chunksize=2)
            assert read_table(tmp_path / name).equals(table)


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


INK = '<ink xmlns="http://www.w3.org/2003/InkML">{}</ink>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<?xml version="1.0" encoding="klingon"?>' + INK.format("<trace>1 2, 3 4</trace>"), "encoding"),
        ('<?xml version="1.0" encoding="shift_jis"?>' + INK.format("<trace>1 2, 3 4</trace>"), "encoding"),
        (INK.format("<trace>1 2, 1e309 4</trace>"), "finite"),
        (INK.format("<trace>" + "1 2, " * 10**6 + "1 2</trace>"), "points of ink"),
        (INK.format("<trace>1 2, " + "x" * 10**6 + "</trace>"), "trace 1"),
        (
            '<!DOCTYPE ink [<!ENTITY a "1 2, 1 2, 1 2, 1 2, ">'
            + "".join(f'<!ENTITY {b} "{10 * f"&{a};"}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
            + "]>"
            + INK.format("<trace>&i;</trace>"),
            "",
        ),
    ],
    ids=["unknown encoding", "encoding of many bytes", "infinite", "points", "no number", "billion laughs"],
)
def test_ink_that_is_refused(tmp_path, text, words):
    (tmp_path / "a.inkml").write_text(text)
    refused(lambda: read_inkml(tmp_path / "a.inkml"), "a.inkml", words)


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


@pytest.mark.parametrize(
    ("read", "row"),
    [
        (read_sentences, {"tokens": ["a"], "tags": ["\ud800"]}),
        (read_pairs, {"source": "\udfff", "target": "a"}),
        (read_manifest, {"path": "\ud800.wav", "text": "a"}),
        (read_manifest, {"path": "a.wav", "text": "\ud800"}),
    ],
)
def test_half_a_surrogate_pair(tmp_path, read, row):
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    refused(lambda: read(tmp_path / "a.jsonl"), "a.jsonl, line 1", "surrogate")


TEXTS = {
    "a.conll": "a\tX\nb\tY\n",
    "a.tsv": "a\tb\nc\td\n",
    "segments.csv": "start,end\n0,1\n",
    "segments.txt": "0\t1\ta\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_encodings_and_ends_of_lines(tmp_path, name):
    path, text = tmp_path / name, TEXTS[name]
    path.write_text(text)
    expected = READERS[name](path)
    for same in (text.replace("\n", "\r\n"), text.replace("\n", "\r"), "\ufeff" + text, text.rstrip("\n")):
        path.write_bytes(same.encode())
        assert READERS[name](path) == expected
    for codec in ("utf-16", "utf-16-le", "utf-32"):
        path.write_bytes(text.encode(codec))
        refused(lambda: READERS[name](path), name, "UTF-8")
    path.write_bytes(b"caf\xe9" + text.encode())
    refused(lambda: READERS[name](path), f"{name} is not a text file in UTF-8", "at byte 3, line 1")


def test_lines_end_alike_wherever_the_blocks_of_a_file_end(tmp_path, monkeypatch):
    text = "a\r\nbb\rccc\n\n\r\r\ndddd"
    for size in range(1, 9):
        monkeypatch.setattr("keepgate.data.files.BLOCK", size)
        from keepgate.data.lines import read_lines

        (tmp_path / "a.txt").write_bytes(text.encode())
        assert list(read_lines(tmp_path / "a.txt")) == text.splitlines()


def test_a_column_whose_name_is_no_text(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"unique_id,label,caf\xe9\nx,l,1\n")
    refused(lambda: read_long_table(tmp_path / "a.csv"), "a.csv: its header is not in UTF-8")


def test_many_blank_lines_at_the_end(tmp_path):
    """They took time by their square."""
    (tmp_path / "a.tsv").write_text("a\tb\n" + "\n" * 500_000)
    started = time.process_time()
    assert len(read_pairs(tmp_path / "a.tsv")) == 1
    assert time.process_time() - started < 5


def test_a_long_label_beside_many(tmp_path):
    """An array of texts takes for each as much as for the longest."""
    rows = "".join(f"s{i},l,1\n" for i in range(20_000))
    (tmp_path / "a.csv").write_text(f"unique_id,label,a\nx,{'m' * 500_000},1\n{rows}")
    refused(lambda: read_long_table(tmp_path / "a.csv"), "a.csv", "column 'label'", "KEEPGATE_MAX_LABEL_CHARACTERS")

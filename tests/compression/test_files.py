"""Files: streamed in constant memory, written all or not at all, the input untouched."""

from __future__ import annotations

import os
import random
import tracemalloc

import pytest

from keepgate.compression import compress_file, decompress_file
from keepgate.errors import InputError

TEXT = b"Es war einmal ein kleines Maedchen, das hatte eine rote Kappe. " * 12


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(TEXT)
    return path


def test_there_and_back(text, tmp_path):
    seen = []
    compress_file(text, tmp_path / "a", report=seen.append)
    decompress_file(tmp_path / "a", tmp_path / "b", report=seen.append)
    assert (tmp_path / "b").read_bytes() == text.read_bytes() == TEXT
    assert sum(seen) == 2 * len(TEXT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "text"]


def test_an_interruption_leaves_everything_as_it_was(text, tmp_path):
    archive = tmp_path / "a"
    archive.write_bytes(b"the one before")

    def interrupt(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compress_file(text, archive, report=interrupt)
    assert text.read_bytes() == TEXT
    assert archive.read_bytes() == b"the one before"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_archive_leaves_no_partial_output(text, tmp_path, monkeypatch):
    """The first blocks are sound, and written aside; the last is not."""
    monkeypatch.setattr("keepgate.compression.streams.BLOCK", 200)
    archive, out = tmp_path / "a", tmp_path / "b"
    compress_file(text, archive)
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(
        InputError, match=rf"^{archive} is cut short: \d+ bytes of its content are missing; get the whole"
    ):
        decompress_file(archive, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "text"]


def test_files_that_cannot_be(text, tmp_path):
    with pytest.raises(InputError, match=r"absent cannot be read: No such file"):
        compress_file(tmp_path / "absent", tmp_path / "a")
    with pytest.raises(InputError, match="it is a folder, not a file"):
        compress_file(tmp_path, tmp_path / "a")
    with pytest.raises(InputError, match="cannot write"):
        compress_file(text, tmp_path / "no" / "a")
    assert list(tmp_path.iterdir()) == [text]


@pytest.mark.parametrize("kind", ["noise", "zeros"])
def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch, kind):
    """Of blocks of 2 KiB many take what few take, stored or coded; the core's memory is fixed by its shape."""
    monkeypatch.setattr("keepgate.compression.streams.BLOCK", 2048)
    make = random.Random(0).randbytes if kind == "noise" else bytes
    peaks = []
    for count in (1, 3) if kind == "zeros" else (20, 80):
        path = tmp_path / "data"
        path.write_bytes(make(2048 * count))
        tracemalloc.start()
        compress_file(path, tmp_path / "a")
        decompress_file(tmp_path / "a", tmp_path / "b")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (tmp_path / "b").read_bytes() == path.read_bytes()
    assert peaks[1] < peaks[0] + 2048 * 2


def test_two_writers_of_one_archive(text, tmp_path):
    """Each writes a whole one and tells its own sizes; the last one's stays."""
    other, archive, told = tmp_path / "other", tmp_path / "a", []
    other.write_bytes(TEXT[::-1] * 2)

    def overtake(count):
        if not told:
            told.append(None)
            told[0] = compress_file(other, archive)
            decompress_file(archive, tmp_path / "b")
            assert (tmp_path / "b").read_bytes() == other.read_bytes()

    told.append(compress_file(text, archive, report=overtake))
    decompress_file(archive, tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == TEXT
    assert told[1] == (len(TEXT), archive.stat().st_size)
    assert told[0].content == 2 * len(TEXT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "other", "text"]


def test_an_input_that_is_named_as_a_hidden_file_was(text, tmp_path):
    hidden = text.rename(tmp_path / ".a.tmp")
    compress_file(hidden, tmp_path / "a")
    assert hidden.read_bytes() == TEXT
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.tmp", "a"]


def test_permissions_and_time_go_with_the_content(text, tmp_path):
    text.chmod(0o600)
    os.utime(text, ns=(0, 10**18))
    compress_file(text, tmp_path / "a")
    decompress_file(tmp_path / "a", tmp_path / "b")
    for path in (tmp_path / "a", tmp_path / "b"):
        assert (path.stat().st_mode & 0o777, path.stat().st_mtime_ns) == (0o600, 10**18)


def test_neither_is_a_pipe_waited_for_nor_the_input_replaced(text, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for act in (compress_file, decompress_file):
        with pytest.raises(InputError, match=r"pipe cannot be read: it is a pipe, not a file"):
            act(tmp_path / "pipe", tmp_path / "a")
    (tmp_path / "same").hardlink_to(text)
    with pytest.raises(InputError, match="same: it is the file that is read"):
        compress_file(text, tmp_path / "same")


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs a file that opens and cannot be read")
def test_what_cannot_be_read_is_not_blamed_on_what_is_written(tmp_path):
    (tmp_path / "mem").symlink_to("/proc/self/mem")
    with pytest.raises(InputError, match=r"mem cannot be read: Input/output error"):
        compress_file(tmp_path / "mem", tmp_path / "a")

"""Reading: regular files alone, sizes before memory, failures that name the file."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from keepgate.errors import InputError
from keepgate.store import open_regular, read_file


def test_reading_looks_at_the_size_first(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_file(path, limit=5) == read_file(str(path)) == b"12345"
    with pytest.raises(InputError, match="has 5 bytes, more than the 4"):
        read_file(path, limit=4)
    with open(tmp_path / "huge", "wb") as file:  # a hole, not bytes
        file.truncate(2**42)
    with pytest.raises(InputError, match="more than"):
        read_file(tmp_path / "huge", limit=2**30)


def test_the_bound_of_files_can_be_set(tmp_path: Path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    monkeypatch.setenv("KEEPGATE_MAX_FILE_BYTES", "4")
    with pytest.raises(InputError, match=r"file has 5 bytes, more than 4; .* set KEEPGATE_MAX_FILE_BYTES"):
        read_file(path)
    monkeypatch.setenv("KEEPGATE_MAX_FILE_BYTES", "5")
    assert read_file(path) == b"12345"


def test_files_that_say_less_than_they_hold_are_read_whole_and_bounded():
    """Those of /proc say that they hold nothing."""
    whole = read_file("/proc/cpuinfo")
    assert len(whole) > 100
    assert os.stat("/proc/cpuinfo").st_size == 0
    with pytest.raises(InputError, match="more than the 100"):
        read_file("/proc/cpuinfo", limit=100)


def test_a_limit_takes_no_memory(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_file(path, limit=2**60) == b"12345"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def in_use(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize("make", [pipe, in_use, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    make(Path("it"))
    for read in (open_regular, read_file):
        with pytest.raises(InputError, match=r"^it cannot be read: ") as caught:
            read("it")
        assert len(str(caught.value)) < 80


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none", "none cannot be read: No such file or directory"),
        ("a\0b", r"a\\x00b cannot be read: embedded null byte"),
        ("\ud800", r"\\ud800 cannot be read: .*surrogates not allowed"),
        ("x" * 10**6, r"^'x{70,77}\.\.\.' cannot be read: File name too long$"),
    ],
)
def test_names_that_no_file_has(name, why):
    with pytest.raises(InputError, match=why):
        open_regular(name)


@pytest.mark.parametrize(
    "read", [lambda file: file.read(10), lambda file: file.read(), lambda file: file.raw.readall()]
)
def test_a_failure_while_reading_names_the_file(tmp_path: Path, read):
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    with open_regular(path) as file:
        folder = os.open(tmp_path, os.O_RDONLY)
        os.dup2(folder, file.fileno())  # of a folder nothing can be read
        os.close(folder)
        with pytest.raises(InputError, match="file cannot be read: Is a directory"):
            read(file)

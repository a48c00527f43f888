from __future__ import annotations

import os
from pathlib import Path

import pytest

from keepgate.errors import InputError
from keepgate.store import make_folder, write_atomic


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path):
    path = tmp_path / "file"
    for data in (b"long and old", b"new", b""):
        write_atomic(path, data)
        assert path.read_bytes() == data
        assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch):
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot write .*file: No space left on device"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_until_the_last_step_the_old_bytes_are_seen_and_the_new_are_on_the_disk(tmp_path: Path, monkeypatch):
    path, seen = tmp_path / "file", []
    write_atomic(path, b"old")
    fsync, replace = os.fsync, os.replace

    def spied(name, function):
        def wrapped(*arguments):
            seen.append((name, path.read_bytes()))
            return function(*arguments)

        return wrapped

    monkeypatch.setattr(os, "fsync", spied("fsync", fsync))
    monkeypatch.setattr(os, "replace", spied("replace", replace))
    write_atomic(path, b"new")
    assert seen == [("fsync", b"old"), ("replace", b"old"), ("fsync", b"new")]  # the file, its name, the folder


def test_paths_that_cannot_be_written_are_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"cannot write .*missing/file: No such file or directory"):
        write_atomic(tmp_path / "missing" / "file", b"")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot write .*file/inside: Not a directory"):
        write_atomic(tmp_path / "file" / "inside", b"")
    with pytest.raises(InputError, match=r"cannot make the folder .*file: File exists"):
        make_folder(tmp_path / "file")
    assert make_folder(tmp_path / "a" / "b").is_dir()

"""Hidden files of writers: none is left for long, and none of another is touched."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from keepgate.errors import InputError
from keepgate.store import replacing, write_atomic
from store.folders import names


def test_what_a_killed_write_left_is_removed_by_the_next_one(tmp_path: Path):
    """And nothing else: not what is written now, nor files of another's that are named nearly so."""
    path, others = tmp_path / "file", {".file.tmp", ".file.0123.keepgate", ".other.0123456789abcdef.keepgate"}
    for name in (*others, ".file.0123456789abcdef.keepgate"):
        (tmp_path / name).write_bytes(b"half of it, and longer than what comes now")
    with replacing(path) as first:
        first.write(b"first")
        with replacing(path) as second:
            second.write(b"second")
            assert len(names(tmp_path)) == len(others) + 2
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    assert set(names(tmp_path)) == {"file", *others}


def test_a_write_that_dies_is_cleared_away(tmp_path: Path):
    path = tmp_path / ("long" * 60)
    child = os.fork()
    if not child:
        with replacing(path) as file:
            file.write(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(names(tmp_path)) == 1
    write_atomic(path, b"whole")
    assert names(tmp_path) == [path.name]


def test_meanwhile_only_the_owner_may_read_it(tmp_path: Path):
    with replacing(tmp_path / "file") as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600


def test_a_file_of_ones_own_that_has_the_name_of_old_is_left(tmp_path: Path):
    (tmp_path / ".file.tmp").write_bytes(b"mine")
    write_atomic(tmp_path / "file", b"new")
    assert (tmp_path / ".file.tmp").read_bytes() == b"mine"


def test_no_link_in_the_way_is_followed(tmp_path: Path, monkeypatch):
    """Even where somebody guesses the hidden name: it is never opened, whatever lies there."""
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / ".file.tmp").symlink_to("victim")
    write_atomic(tmp_path / "file", b"new")
    (tmp_path / ".file.00.keepgate").symlink_to("victim")
    monkeypatch.setattr("keepgate.store.temporary.secrets.token_hex", lambda count: "00")
    with pytest.raises(InputError, match="File exists"):
        write_atomic(tmp_path / "file", b"newer")
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert (tmp_path / "file").read_bytes() == b"new"
    assert not (tmp_path / "file").is_symlink()

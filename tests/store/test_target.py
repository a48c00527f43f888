"""The target of a write: which file a name means, and its owner, permissions and time."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from keepgate.errors import InputError
from keepgate.store import check_different, replacing, write_atomic
from store.folders import names


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_permissions_that_the_umask_allows(tmp_path: Path, mask: int):
    before = os.umask(mask)
    try:
        write_atomic(tmp_path / "file", b"")
        (tmp_path / "as others do").write_bytes(b"")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == mode(tmp_path / "as others do") == 0o666 & ~mask


@pytest.mark.parametrize("permissions", [0o600, 0o640, 0o444, 0o755])
def test_a_replaced_file_keeps_its_permissions_as_they_are_at_the_end(tmp_path: Path, permissions: int):
    path = tmp_path / "file"
    write_atomic(path, b"old")
    with replacing(path) as file:
        file.write(b"new")
        path.chmod(permissions)
    assert (path.read_bytes(), mode(path)) == (b"new", permissions)


def test_like_another_file_is_with_its_permissions_and_time(tmp_path: Path):
    secret, path = tmp_path / "secret", tmp_path / "file"
    secret.write_bytes(b"")
    secret.chmod(0o600)
    os.utime(secret, ns=(1, 10**18 + 1))
    for _ in ("new", "replaced"):
        with replacing(path, like=secret):
            pass
        assert (mode(path), path.stat().st_mtime_ns) == (0o600, 10**18 + 1)
        path.chmod(0o644)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may give files away")
def test_owner_and_group_stay(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.chown(path, 4321, 1234)
    write_atomic(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (4321, 1234)


@pytest.mark.parametrize(("before", "after"), [(0o640, 0o600), (0o664, 0o644), (0o664 | 0o002, 0o666), (0o604, 0o604)])
def test_where_the_group_cannot_stay_another_gets_no_more_than_all(
    tmp_path: Path, monkeypatch, before: int, after: int
):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(before)
    group, fstat = path.stat().st_gid, os.fstat

    def refused(*arguments):
        raise PermissionError(1, "Operation not permitted")

    def foreign(handle):  # as if the hidden file were made with another group
        return os.stat_result([v if i != 5 else group + 1 for i, v in enumerate(fstat(handle))])

    monkeypatch.setattr(os, "fchown", refused)
    monkeypatch.setattr("keepgate.store.target.os.fstat", foreign)
    write_atomic(path, b"new")
    monkeypatch.undo()
    assert mode(path) == after


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to("there/file")
    for data in (b"made", b"replaced"):
        write_atomic(link, data)
        assert link.is_symlink()
        assert (tmp_path / "there" / "file").read_bytes() == data
    assert names(tmp_path / "there") == ["file"]
    link.unlink()
    link.symlink_to("link")
    with pytest.raises(InputError, match=r"cannot write .*link: Too many levels of symbolic links"):
        write_atomic(link, b"")
    assert link.is_symlink()


def test_a_pipe_is_written_to_and_stays(tmp_path: Path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_atomic(pipe, b"bytes")
    reader.join(10)
    assert got == [b"bytes"]
    assert pipe.is_fifo()
    assert names(tmp_path) == ["pipe"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may make devices")
def test_a_device_is_written_to_and_stays(tmp_path: Path):
    for number, name in ((3, "null"), (7, "full")):
        try:
            os.mknod(tmp_path / name, 0o666 | stat.S_IFCHR, os.makedev(1, number))
            (tmp_path / name).write_bytes(b"")
        except OSError:
            pytest.skip("devices cannot be made here")
    write_atomic(tmp_path / "null", b"bytes")
    with pytest.raises(InputError, match="No space left on device"):
        write_atomic(tmp_path / "full", b"bytes")
    assert all((tmp_path / name).is_char_device() for name in ("null", "full"))


def test_a_minus_is_standard_output(capfdbinary, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    print("before;", end="")
    write_atomic("-", b"\xff\x00")
    assert capfdbinary.readouterr().out == b"before;\xff\x00"
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", [".", "..", "/", "", "a/", "folder", "folder/", "nul\0", "surrogate\ud800"])
def test_what_is_no_file_is_refused_in_a_sentence(tmp_path: Path, monkeypatch, name: str):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"^cannot write .*(no name of a file|a folder); give "):
        write_atomic(name, b"")
    assert names(tmp_path) == ["folder"]


@pytest.mark.parametrize("alias", [Path.hardlink_to, Path.symlink_to])
def test_the_file_that_is_read_is_known_under_any_name(tmp_path: Path, alias):
    file, other = tmp_path / "file", tmp_path / "other"
    file.write_bytes(b"bytes")
    alias(other, file)
    with pytest.raises(InputError, match=r"other: it is the file that is read; give another name"):
        check_different(file, other)
    with pytest.raises(InputError, match="is the file that is read"), replacing(other, like=file):
        pass
    check_different(file, tmp_path / "third")
    check_different(file, None)
    assert file.read_bytes() == b"bytes"

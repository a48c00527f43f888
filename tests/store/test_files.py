from __future__ import annotations

import os
import signal
import stat
import threading
from pathlib import Path

import pytest

from keepgate.errors import InputError
from keepgate.store import check_different, make_folder, replacing, write_atomic


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


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


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


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_meanwhile_only_the_owner_may_read_it(tmp_path: Path):
    with replacing(tmp_path / "file") as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600


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


def test_paths_that_cannot_be_written_are_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"cannot write .*missing/file: No such file or directory"):
        write_atomic(tmp_path / "missing" / "file", b"")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot write .*file/inside: Not a directory"):
        write_atomic(tmp_path / "file" / "inside", b"")
    with pytest.raises(InputError, match=r"cannot make the folder .*file: File exists"):
        make_folder(tmp_path / "file")
    assert make_folder(tmp_path / "a" / "b").is_dir()

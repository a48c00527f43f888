"""`keepgate compress` and `decompress`: there and back, what is printed, refusals in one line."""

from __future__ import annotations

import concurrent.futures
import os
import re
import stat
import subprocess
import sys

import pytest

from cli.files import refused
from cli.test_main import ENVIRONMENT
from keepgate.cli.text import LONGEST

TEXT = b"to be or not to be, that is the question: whether 'tis nobler in the mind to suffer. " * 9


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_bytes(TEXT)
    return path


@pytest.mark.parametrize("flags", [[], ["--lstm-only"]])
def test_there_and_back(keepgate, book, tmp_path, flags):
    packed = keepgate("compress", book, *flags)
    assert packed.code == 0, packed.err
    archive = tmp_path / "book.txt.kg"
    size = archive.stat().st_size
    told = rf"{re.escape(str(book))}: {len(TEXT)} bytes; {re.escape(str(archive))}: {size} bytes, "
    told += rf"{size / len(TEXT):.1%}, {8 * size / len(TEXT):.3f} bits a byte; \d+\.\d s, \d+\.\d KB/s\n"
    assert re.fullmatch(told, packed.out)
    book.unlink()
    unpacked = keepgate("decompress", archive)
    assert re.fullmatch(told, unpacked.out)
    assert book.read_bytes() == TEXT


def test_an_empty_file_and_names(keepgate, tmp_path):
    (tmp_path / "nothing").write_bytes(b"")
    assert keepgate("compress", tmp_path / "nothing", "--out", tmp_path / "a").code == 0
    assert keepgate("decompress", tmp_path / "a", "--out", tmp_path / "b").code == 0
    assert (tmp_path / "b").read_bytes() == b""


def test_refusals(keepgate, book, tmp_path):
    refused(keepgate("compress", tmp_path / "absent"), "cannot be read", "absent")
    refused(keepgate("compress", tmp_path), "is a folder")
    refused(keepgate("compress", book, "--out", book), "is the file that is read")
    refused(keepgate("compress", book, "--out", tmp_path / "no" / "a"), "cannot write")
    refused(keepgate("compress", book, "--model", tmp_path / "none"), "none is no folder")
    refused(keepgate("decompress", book), "does not end in .kg", "--out")
    refused(keepgate("decompress", book, "--out", tmp_path / "b"), "no archive of keepgate compress")
    refused(keepgate("decompress", tmp_path / "absent.kg"), "cannot be read", "absent.kg")
    assert list(tmp_path.iterdir()) == [book]


def test_a_damaged_archive(keepgate, book, tmp_path):
    assert keepgate("compress", book).code == 0
    archive = tmp_path / "book.txt.kg"
    whole = archive.read_bytes()
    out = tmp_path / "out"
    for damaged, words in [(whole[:-20], "cut short"), (whole[:60] + b"?" + whole[61:], "altered")]:
        archive.write_bytes(damaged)
        refused(keepgate("decompress", archive, "--out", out), "keepgate decompress: ", archive, words)
    archive.write_bytes(whole[:4] + b"\7" + whole[5:])
    refused(keepgate("decompress", archive, "--out", out), "format version 7", "upgrade keepgate")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.txt", "book.txt.kg"]


@pytest.mark.parametrize("name", [".", "/", "", "folder", "folder/", "new/"])
def test_an_output_that_is_no_file(keepgate, book, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    refused(keepgate("compress", book, "--out", name), "cannot write ")
    assert keepgate("compress", book, "--out", "a").code == 0
    refused(keepgate("decompress", "a", "--out", name), "cannot write ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "book.txt", "folder"]


def test_an_output_that_is_the_input_under_another_name(keepgate, book, tmp_path):
    (tmp_path / "hard").hardlink_to(book)
    (tmp_path / "soft").symlink_to(book)
    for name in ("hard", "soft"):
        refused(keepgate("compress", book, "--out", tmp_path / name), "is the file that is read")
    assert book.read_bytes() == TEXT


def test_through_a_link(keepgate, book, tmp_path):
    (tmp_path / "link").symlink_to("real")
    assert keepgate("compress", book, "--out", tmp_path / "link").code == 0
    assert keepgate("decompress", tmp_path / "real", "--out", tmp_path / "back").code == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "back").read_bytes() == TEXT


def test_to_standard_output_and_a_pipe(book, tmp_path):
    """What is printed goes to standard error there, and is true."""
    for out in ("-", "/dev/stdout"):
        packed = started("compress", book, "--out", out)
        assert f"{out}: {len(packed.stdout)} bytes, " in packed.stderr.decode()
        (tmp_path / "a").write_bytes(packed.stdout)
        unpacked = started("decompress", tmp_path / "a", "--out", out)
        assert unpacked.stdout == TEXT
        assert f"{out}: {len(TEXT)} bytes; " in unpacked.stderr.decode()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        got = pool.submit(pipe.read_bytes)
        started("decompress", tmp_path / "a", "--out", pipe)
        assert got.result(60) == TEXT
    assert pipe.is_fifo()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may make devices")
def test_to_a_device(keepgate, book, tmp_path):
    null = tmp_path / "null"
    try:
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        null.write_bytes(b"")
    except OSError:
        pytest.skip("devices cannot be made here")
    done = keepgate("compress", book, "--out", null)
    assert done.code == 0
    assert null.is_char_device()
    assert re.search(r"null: \d\d+ bytes, ", done.err)


def started(*arguments, data=None):
    command = [sys.executable, "-m", "keepgate", *map(str, arguments)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True, input=data)


def test_an_edited_file_is_not_replaced_unless_forced(keepgate, book, tmp_path):
    assert keepgate("compress", book).code == 0
    book.write_bytes(b"edited")
    refused(keepgate("decompress", tmp_path / "book.txt.kg"), f"{book} is there already", "--force")
    refused(keepgate("compress", book), "book.txt.kg is there already", "--force")
    assert book.read_bytes() == b"edited"
    assert keepgate("decompress", "--force", tmp_path / "book.txt.kg").code == 0
    assert book.read_bytes() == TEXT


@pytest.mark.parametrize(
    ("pack", "unpack"), [([], ["decompress"]), (["-"], ["compress", "-d"]), (["-c"], ["decompress", "-kc"])]
)
def test_pipes_both_ways(pack, unpack):
    packed = started("compress", *pack, data=TEXT)
    assert f"-: {len(TEXT)} bytes; -: {len(packed.stdout)} bytes, " in packed.stderr.decode()
    assert started(*unpack, data=packed.stdout).stdout == TEXT


def test_a_folder_through_tar(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(TEXT)
    (tmp_path / "folder" / "b").write_bytes(bytes(range(256)))
    (tmp_path / "to").mkdir()
    keepgate = f"{sys.executable} -m keepgate"
    line = f"tar c folder | {keepgate} compress | {keepgate} decompress | tar x -C to"
    subprocess.run(line, shell=True, cwd=tmp_path, env=ENVIRONMENT, check=True, capture_output=True)
    for name in ("a", "b"):
        assert (tmp_path / "to/folder" / name).read_bytes() == (tmp_path / "folder" / name).read_bytes()


def test_several_files_and_one_that_is_missing(keepgate, book, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"other")
    done = keepgate("compress", book, tmp_path / "missing", other)
    assert done.code == 2
    lines = done.err.splitlines()
    assert lines[0].startswith(f"keepgate compress: {tmp_path}/missing cannot be read")
    assert lines[1:] == ["keepgate compress: 1 of 3 files could not be done; the others are"]
    archives = [tmp_path / "book.txt.kg", tmp_path / "other.kg"]
    book.unlink()
    other.unlink()
    assert keepgate("decompress", *archives).code == 0
    assert book.read_bytes() == TEXT
    assert other.read_bytes() == b"other"
    assert started("decompress", "-c", *archives).stdout == TEXT + b"other"
    refused(keepgate("compress", book, other, "--out", tmp_path / "a"), "--out", "is one file, and 2 are to be written")
    refused(keepgate("compress", book, other, "--stdout"), "archives cannot follow each other")


@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_archives_are_listed_and_tested(keepgate, book, tmp_path, command):
    assert keepgate("compress", book, "--lstm-only").code == 0
    archive = tmp_path / "book.txt.kg"
    size = archive.stat().st_size
    rows = [line.split() for line in keepgate(command, "--list", archive).out.splitlines()]
    assert rows[0] == ["archive", "bytes", "content", "ratio", "contexts", "model"]
    named = str(archive) if len(str(archive)) <= LONGEST else f"{str(archive)[: LONGEST - 1]}…"
    assert rows[1] == [named, str(size), str(len(TEXT)), f"{size / len(TEXT):.1%}", "no", "none"]
    assert keepgate(command, "--test", archive).out.startswith(f"the content: {len(TEXT)} bytes; {archive}: ")
    before = archive.read_bytes()
    archive.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    refused(keepgate(command, "--test", archive), archive)
    refused(keepgate(command, "--test", archive, "--out", "a"), "--test writes nothing")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.txt", "book.txt.kg"]


@pytest.mark.skipif(os.name != "posix", reason="this system has no pseudo-terminals")
def test_a_terminal_neither_gives_nor_gets_an_archive(book):
    own, terminal = os.openpty()
    command = [sys.executable, "-m", "keepgate"]
    for arguments, data in ((["compress", "-c", str(book)], b""), (["decompress"], None)):
        ends = {"stdin": terminal} if data is None else {"stdout": terminal, "input": data}
        done = subprocess.run([*command, *arguments], env=ENVIRONMENT, stderr=subprocess.PIPE, timeout=60, **ends)
        assert done.returncode == 2
        assert b"terminal" in done.stderr
    os.close(own)
    os.close(terminal)


@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_help_has_examples_and_defaults(keepgate, command):
    out = keepgate(command, "--help").out
    assert f"  keepgate {command} book" in out
    for flag in ("--out", "--model"):
        assert re.search(rf"{flag} [A-Z]+ .*?\(default: [^)]+\)", out, re.DOTALL)


def test_a_bad_archive_does_not_hide_the_list_of_the_good_ones(keepgate, book, tmp_path):
    assert keepgate("compress", book, "--lstm-only").code == 0
    bad = tmp_path / "bad.kg"
    bad.write_bytes(b"no archive")
    result = keepgate("decompress", "--list", bad, f"{book}.kg")
    assert result.code == 2
    assert f"  {len(TEXT)}  " in result.out
    assert str(bad) in result.err
    assert "1 of 2 files could not be done" in result.err

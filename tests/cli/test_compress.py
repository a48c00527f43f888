"""`keepgate compress` and `decompress`: there and back, what is printed, refusals in one line."""

from __future__ import annotations

import re

import pytest

from cli.files import refused

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


@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_help_has_examples_and_defaults(keepgate, command):
    out = keepgate(command, "--help").out
    assert f"  keepgate {command} book" in out
    for flag in ("--out", "--model"):
        assert re.search(rf"{flag} [A-Z]+ .*?\(default: [^)]+\)", out, re.DOTALL)

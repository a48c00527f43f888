"""Files of data are regular and bounded, whatever reads them."""

from __future__ import annotations

import gzip
import io
import os
import sys

import pytest

from data.hostile import MIB, READERS, refused
from keepgate.data.files import as_path, blocks, open_file, read_bytes, read_standard_input
from keepgate.data.tables.ts import read_ts
from keepgate.errors import InputError


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


CONTENT = bytes(range(256)) * 20_000  # about five blocks


@pytest.mark.parametrize("name", ["a.bin", "a.bin.gz", "A.GZ"])
@pytest.mark.parametrize("content", [b"", b"x", CONTENT], ids=len)
def test_blocks_are_the_file(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.lower().endswith("gz") else content)
    assert b"".join(blocks(path)) == content
    assert max(map(len, blocks(path)), default=0) <= 2**20
    assert read_bytes(str(path)) == content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"plain text", r"a\.gz cannot be read: Not a gzipped file"),
        (gzip.compress(CONTENT)[:-9], r"a\.gz is damaged or cut short: its gzip stream does not end$"),
        (gzip.compress(CONTENT)[:200] + b"?" * 100, r"a\.gz is damaged or cut short"),
    ],
)
def test_damaged_gzip_is_named(tmp_path, content, words):
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_bytes(tmp_path / "a.gz")


def test_bounds_are_of_the_file_of_what_it_unpacks_to_and_of_texts(tmp_path, monkeypatch):
    plain, packed = tmp_path / "a.txt", tmp_path / "a.txt.gz"
    plain.write_bytes(bytes(1000))
    packed.write_bytes(gzip.compress(bytes(1000)))
    for bound, path in (("FILE_BYTES", plain), ("TEXT_BYTES", plain), ("UNPACKED_BYTES", packed)):
        with monkeypatch.context() as patch:
            patch.setenv(f"KEEPGATE_MAX_{bound}", "999")
            with pytest.raises(InputError, match=rf"{path.name} has 1,000 .*more than 999; .* KEEPGATE_MAX_{bound}"):
                read_bytes(path)
        assert read_bytes(path) == bytes(1000)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none\.txt"), open_file(tmp_path / "none.txt"):
        pass


def test_names_of_any_kind_of_path(tmp_path):
    assert as_path("a") == as_path(as_path("a"))
    for wrong in ("", "a\0b", "\ud800", 7, None, "x" * 5000):
        with pytest.raises(InputError, match="is no path of a file"):
            as_path(wrong)


@pytest.mark.parametrize("content", [b"", b"text", gzip.compress(b"text"), b"\x1f"])
def test_standard_input_is_unzipped_where_it_is_gzips(monkeypatch, content):
    class Stdin:
        buffer = io.BytesIO(content)

        def isatty(self):
            return False

    monkeypatch.setattr(sys, "stdin", Stdin())
    assert read_standard_input() == (b"text" if content[:2] == b"\x1f\x8b" else content)

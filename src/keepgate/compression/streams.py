"""Contents to archives and back, block by block: memory does not grow with the file."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

from keepgate import limits
from keepgate.compression.archive import BLOCK, NO_MODEL, Digest, Header, read_blocks, write_block
from keepgate.compression.coder import Report, decode, encode
from keepgate.compression.pretrained import Pretrained
from keepgate.errors import InputError
from keepgate.native import Predictor
from keepgate.native.predictor import Shape
from keepgate.store import STANDARD_STREAM, open_regular, replacing, standard_input

__all__ = ["Sizes", "compress", "compress_file", "decompress", "decompress_file", "read_header"]

SPOOLED = 1 << 26  # bytes of standard input up to which they are kept in memory


class Sizes(NamedTuple):
    """The numbers of bytes of a content and of its archive."""

    content: int
    archive: int


def compress(data: bytes, *, lstm_only: bool = False, model: str | os.PathLike[str] | None = None) -> bytes:
    """Return the archive of `data`, which `decompress` and `keepgate decompress` read.

    An archive is never larger than its content by more than 64 bytes and a thousandth.

    Args:
        data: any bytes.
        lstm_only: the LSTM predicts without the counting contexts.
        model: the folder of a run of `keepgate fit write --units bytes`, whose weights the LSTM starts from; by default
            they are random. Decompression needs the same model.

    Raises:
        InputError: `model` holds no such model.
    """
    archive = io.BytesIO()
    _compress(io.BytesIO(data), len(data), archive, lstm_only, _pretrained(model), _ignore, "the data")
    return archive.getvalue()


def decompress(archive: bytes, *, model: str | os.PathLike[str] | None = None) -> bytes:
    """Return the content of an archive of `compress` or `keepgate compress`.

    Args:
        archive: its bytes.
        model: the folder of the model that it was compressed with, if any.

    Raises:
        InputError: it is no archive or damaged, its content is larger than `limits.limit("unpacked_bytes")`, or it was
            compressed with another model.
    """
    content, file = io.BytesIO(), io.BytesIO(archive)
    limits.check("unpacked_bytes", Header.read(file, "the archive").size, "the archive")
    file.seek(0)
    _decompress(file, content, _pretrained(model), _ignore, "the archive")
    return content.getvalue()


def compress_file(
    path: str | os.PathLike[str],
    archive: str | os.PathLike[str],
    *,
    lstm_only: bool = False,
    model: str | os.PathLike[str] | None = None,
    report: Report | None = None,
) -> Sizes:
    """Write the archive of a file, as `compress` does.

    The archive takes its name when it is complete, and has the permissions and the time of the file, which is only
    read.

    Args:
        path: of the file; "-" is standard input.
        archive: to write; may also be a device, a pipe, or "-", standard output.
        lstm_only: as of `compress`.
        model: as of `compress`.
        report: is called with numbers of bytes as they are done.

    Raises:
        InputError: a file cannot be read or written, or both are the same.
    """
    begin = _pretrained(model)
    with _opened(path) as (file, size, like), replacing(archive, like=like) as out:
        return Sizes(size, _compress(file, size, out, lstm_only, begin, report or _ignore, str(path)))


def decompress_file(
    archive: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] | None = None,
    report: Report | None = None,
) -> Sizes:
    """Write the content of an archive to a file, which takes its name when all of it is there and right.

    It has the permissions and the time of the archive.

    Args:
        archive: to read; "-" is standard input.
        path: to write; may also be a device, a pipe, or "-", standard output, which get what comes before a damaged
            part.
        model: as of `decompress`.
        report: is called with numbers of bytes as they are done.

    Raises:
        InputError: it is no archive or damaged, `path` cannot be written, or both are the same.
    """
    begin = _pretrained(model)
    with _opened(archive) as (file, packed, like), replacing(path, like=like) as out:
        return Sizes(_decompress(file, out, begin, report or _ignore, str(archive)), packed)


def read_header(archive: str | os.PathLike[str]) -> tuple[Header, int]:
    """Return the header of an archive, and the bytes of the archive; "-" is standard input.

    Raises:
        InputError: it is no archive.
    """
    with _opened(archive) as (file, size, _):
        return Header.read(file, str(archive)), size


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, int, int | None]]:
    """Open what is read; yield it, its bytes, and the handle of the file whose permissions the result gets.

    Standard input is copied first, to memory or a temporary file: an archive begins with the size of its content.
    """
    if os.fspath(path) != STANDARD_STREAM:
        with open_regular(path) as file:
            yield file, os.fstat(file.fileno()).st_size, file.fileno()
        return
    stdin = standard_input()
    with tempfile.SpooledTemporaryFile(SPOOLED) as copy:
        shutil.copyfileobj(stdin, copy)
        size = copy.tell()
        copy.seek(0)
        yield cast(BinaryIO, copy), size, None


def _compress(
    file: BinaryIO, size: int, out: BinaryIO, lstm_only: bool, begin: Pretrained | None, report: Report, name: str
) -> int:
    """Write the archive of a content of `size` bytes, and return its size."""
    header = Header(size, lstm_only, begin.digest if begin else NO_MODEL)
    written = out.write(header.write())
    predictor, digest, left = _predictor(header, begin), Digest(), size
    while left:
        data = file.read(min(BLOCK, left))
        if not data:
            break
        digest.add(data)
        kind, payload = encode(predictor, data, report)
        written += out.write(write_block(kind, len(data), payload))
        left -= len(data)
    if left or file.read(1):
        raise InputError(f"{name} changed while it was read; compress a copy")
    return written + out.write(digest.write())


def _decompress(file: BinaryIO, out: BinaryIO, begin: Pretrained | None, report: Report, name: str) -> int:
    """Write the content of an archive, and return its size."""
    header, digest = Header.read(file, name), Digest()
    if header.model != (begin.digest if begin else NO_MODEL):
        with_one = "another model" if begin else "a model"
        remedy = "name the one it was packed with" if header.model != NO_MODEL else "leave the model out"
        raise InputError(f"{name} was packed with {with_one if header.model != NO_MODEL else 'no model'}: {remedy}")
    predictor = _predictor(header, begin)
    for kind, size, payload in read_blocks(file, header.size, name):
        data = decode(predictor, kind, size, payload, report, name)
        digest.add(data)
        out.write(data)
    digest.check(file, name)
    return header.size


def _predictor(header: Header, begin: Pretrained | None) -> Predictor:
    shape, weights = (begin.shape, begin.weights) if begin else (Shape(), None)
    return Predictor(header.size, not header.lstm_only, shape, weights)


def _pretrained(run: str | os.PathLike[str] | None) -> Pretrained | None:
    return None if run is None else Pretrained.read(run)


def _ignore(count: int) -> None:
    """Report nothing."""

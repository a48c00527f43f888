r"""The archive, format version 1; numbers are little-endian.

    header    magic "\x8bkg\n", version u8, flags u8, bytes of the content u64, digest of the model or 16 zeros,
              CRC-32 of the header so far
    blocks    kind u8, bytes of the content u32, bytes of the payload u32, CRC-32 of kind, sizes and payload, payload
    digest    BLAKE2b of the content, 16 bytes

Blocks follow until they hold the content. Their kinds are those of `Kind`. Flag 1: there are no counting
contexts.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

from keepgate.errors import InputError

__all__ = ["BLOCK", "DIGEST", "NO_MODEL", "Digest", "Header", "Kind", "read_blocks", "write_block"]

MAGIC, VERSION = b"\x8bkg\n", 1
BLOCK = 1 << 18  # bytes of the content in a block, at most
MOST = 2**63 - 1  # bytes of the content
DIGEST = 16  # bytes
NO_MODEL = bytes(DIGEST)
LSTM_ONLY = 1
_HEADER, _BLOCK, _CHECK = struct.Struct(f"<4sBBQ{DIGEST}s"), struct.Struct("<BII"), struct.Struct("<I")


class Kind(IntEnum):
    """The content of a block's payload."""

    STORED = 0  # the content, which the predictor does not see
    CODED = 1  # words of the range coder
    SEEN = 2  # the content, which the predictor learns from


@dataclass(frozen=True)
class Header:
    """The header of an archive.

    Attributes:
        size: bytes of the content.
        lstm_only: whether the LSTM predicts without the counting contexts.
        model: digest of the model that the LSTM starts from.
    """

    size: int
    lstm_only: bool = False
    model: bytes = NO_MODEL

    def write(self) -> bytes:
        """Return the bytes at the beginning of the archive."""
        head = _HEADER.pack(MAGIC, VERSION, LSTM_ONLY * self.lstm_only, self.size, self.model)
        return head + _CHECK.pack(zlib.crc32(head))

    @classmethod
    def read(cls, file: BinaryIO, name: str) -> Header:
        """Read the header of an archive.

        Args:
            file: seekable; is left behind the header.
            name: of the archive, for messages.

        Raises:
            InputError: it is no archive, is damaged, or of a later version.
        """
        head = file.read(_HEADER.size + _CHECK.size)
        if head[:4] != MAGIC[: len(head)] or not head:
            raise InputError(f"{name} is no archive of keepgate compress: it begins in another way")
        if len(head) > 4 and head[4] != VERSION:
            raise InputError(f"{name} has format version {head[4]}; this keepgate reads {VERSION}: upgrade keepgate")
        if len(head) < _HEADER.size + _CHECK.size:
            raise InputError(f"{name} is cut short, within its header; get the whole file")
        _, _, flags, size, model = _HEADER.unpack_from(head)
        if _CHECK.unpack_from(head, _HEADER.size)[0] != zlib.crc32(head[: _HEADER.size]) or flags > LSTM_ONLY:
            raise InputError(f"{name} was altered: the checksum of its header does not fit; get the file again")
        _check_size(size, file, name)
        return cls(size, bool(flags & LSTM_ONLY), model)


def _check_size(size: int, file: BinaryIO, name: str) -> None:
    """Raise `InputError` if the blocks that follow cannot hold that many bytes, before memory is allocated for them."""
    if size > MOST:
        raise InputError(f"{name} was altered: its header says {size:,} bytes, which no file has; get the file again")
    here = file.tell()
    left = file.seek(0, os.SEEK_END) - here
    file.seek(here)
    if size > left // (_BLOCK.size + _CHECK.size) * BLOCK:
        raise InputError(
            f"{name} is cut short: its header says {size:,} bytes, which the {left:,} bytes that follow cannot hold; "
            "get the whole file"
        )


def write_block(kind: Kind, size: int, payload: bytes) -> bytes:
    """Return one block that stands for `size` bytes of the content."""
    head = _BLOCK.pack(kind, size, len(payload))
    return head + _CHECK.pack(zlib.crc32(payload, zlib.crc32(head))) + payload


def read_blocks(file: BinaryIO, size: int, name: str) -> Iterator[tuple[Kind, int, bytes]]:
    """Yield kind, size and payload of the blocks of a content.

    Args:
        file: at the first block.
        size: bytes of the content.
        name: of the archive, for messages.

    Raises:
        InputError: a block is cut short or altered.
    """
    length = _BLOCK.size + _CHECK.size
    while size > 0:
        head = file.read(length)
        if len(head) < length:
            raise InputError(f"{name} is cut short: {size} bytes of its content are missing; get the whole file")
        kind, here, count = _BLOCK.unpack_from(head)
        right = kind in set(Kind) and 0 < here <= min(size, BLOCK) and count <= here
        if not right or (kind != Kind.CODED and count != here):
            raise InputError(f"{name} was altered: a block has sizes that cannot be; get the file again")
        payload = file.read(count)
        if len(payload) < count:
            raise InputError(f"{name} is cut short: {size} bytes of its content are missing; get the whole file")
        if _CHECK.unpack_from(head, _BLOCK.size)[0] != zlib.crc32(payload, zlib.crc32(head[: _BLOCK.size])):
            raise InputError(f"{name} was altered: the checksum of a block does not fit; get the file again")
        yield Kind(kind), here, payload
        size -= here


class Digest:
    """The digest of a content, taken piece by piece."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=DIGEST)

    def add(self, data: bytes) -> None:
        """Add the next bytes of the content."""
        self._hash.update(data)

    def write(self) -> bytes:
        """Return the bytes at the end of the archive."""
        return self._hash.digest()

    def check(self, file: BinaryIO, name: str) -> None:
        """Read the end of an archive and compare it with this digest.

        Raises:
            InputError: they differ.
        """
        end = file.read(DIGEST + 1)
        if len(end) < DIGEST:
            raise InputError(f"{name} is cut short: its last bytes are missing; get the whole file")
        if end != self.write():
            raise InputError(f"{name} does not give back its content: its checksum differs; get the file again")

"""The archive's exact bytes, and refusals: truncated, altered, foreign, from a later version."""

from __future__ import annotations

import struct
import zlib
from hashlib import blake2b

import pytest

import keepgate
from keepgate.compression.archive import Kind, write_block
from keepgate.errors import InputError

HELLO = b"hello hello hello hello hello hello"


def test_exact_bytes_of_an_empty_archive():
    head = b"\x8bkg\n" + bytes([1, 0]) + bytes(8) + bytes(16)
    assert keepgate.compress(b"") == head + struct.pack("<I", zlib.crc32(head)) + blake2b(b"", digest_size=16).digest()


def test_exact_bytes_of_a_stored_block():
    data = bytes.fromhex("8f03d1")
    head = b"\x8bkg\n" + bytes([1, 0]) + struct.pack("<Q", 3) + bytes(16)
    block = struct.pack("<BII", 2, 3, 3)
    want = head + struct.pack("<I", zlib.crc32(head)) + block + struct.pack("<I", zlib.crc32(block + data)) + data
    assert keepgate.compress(data) == want + blake2b(data, digest_size=16).digest()


def test_exact_bytes_of_a_text():
    """What the first version has written is read for ever: the payload depends on every bit of the predictor."""
    assert keepgate.compress(HELLO).hex() == GOLDEN
    assert keepgate.decompress(bytes.fromhex(GOLDEN)) == HELLO


GOLDEN = (
    "8b6b670a0100230000000000000000000000000000000000000000000000126353e7012300000008000000c279f78c6b2968"
    "688c03012e0c190a79a250ec637e87bc1c41ceffe0"
)


@pytest.fixture(scope="module")
def whole() -> bytes:
    return keepgate.compress(HELLO * 2)


def test_truncated_anywhere(whole):
    for size in range(len(whole)):
        with pytest.raises(InputError, match=r"cut short|no archive"):
            keepgate.decompress(whole[:size])


def test_any_byte_altered(whole):
    for place in range(len(whole)):
        broken = bytearray(whole)
        broken[place] ^= 0x10
        with pytest.raises(InputError, match=r"altered|no archive|version|cut short|checksum"):
            keepgate.decompress(bytes(broken))


def test_something_behind_the_end(whole):
    with pytest.raises(InputError, match="does not give back its content"):
        keepgate.decompress(whole + b"\0")


@pytest.mark.parametrize("foreign", [b"", b"PK\3\4 and so on", zlib.compress(HELLO), b"\x1f\x8b\x08", bytes(100)])
def test_foreign(foreign):
    with pytest.raises(InputError, match="is no archive of keepgate compress"):
        keepgate.decompress(foreign)


def test_a_later_version(whole):
    with pytest.raises(InputError, match="format version 2; this keepgate reads 1: upgrade keepgate"):
        keepgate.decompress(whole[:4] + b"\2" + whole[5:])


@pytest.mark.parametrize(
    "block",
    [
        write_block(Kind.STORED, 70, bytes(69)),
        write_block(Kind.STORED, 71, bytes(71)),
        write_block(Kind.CODED, 0, b""),
        write_block(Kind.CODED, 70, bytes(72)),
        struct.pack("<BII", 3, 70, 1) + bytes(5),
        struct.pack("<BII", 1, 70, 1 << 31) + bytes(5),
    ],
)
def test_sizes_that_cannot_be(whole, block):
    """Sound checksums, unsound sizes: refused before memory is taken."""
    with pytest.raises(InputError, match="a block has sizes that cannot be"):
        keepgate.decompress(whole[:34] + block + whole[-16:])


@pytest.mark.parametrize("payload", [b"", b"\xff" * 40, bytes(40), bytes(range(40)), b"\1\2\3"])
def test_payloads_that_nobody_coded(whole, payload):
    with pytest.raises(InputError, match=r"altered|checksum differs"):
        keepgate.decompress(whole[:34] + write_block(Kind.CODED, 70, payload) + whole[-16:])


def with_size(size: int, rest: bytes) -> bytes:
    head = b"\x8bkg\n" + bytes([1, 0]) + struct.pack("<Q", size) + bytes(16)
    return head + struct.pack("<I", zlib.crc32(head)) + rest


@pytest.mark.parametrize("size", [2**63, 2**64 - 1])
def test_a_size_that_no_file_has(whole, size):
    with pytest.raises(InputError, match=rf"the archive was altered: its header says {size:,} bytes, which no file"):
        keepgate.decompress(with_size(size, whole[34:]))


@pytest.mark.parametrize("size", [2**63 - 1, 2**40, 2**18 * 5 + 1])
def test_a_size_that_the_blocks_cannot_hold_is_refused_before_memory_is_taken(whole, size, monkeypatch):
    monkeypatch.setattr("keepgate.compression.streams.Predictor", None)
    with pytest.raises(
        InputError, match=rf"cut short: its header says {size:,} bytes, which the \d+ bytes that follow"
    ):
        keepgate.decompress(with_size(size, whole[34:]))


def test_a_content_larger_than_memory_may_hold(whole, monkeypatch):
    monkeypatch.setenv("KEEPGATE_MAX_UNPACKED_BYTES", str(2 * len(HELLO) - 1))
    with pytest.raises(InputError, match="KEEPGATE_MAX_UNPACKED_BYTES"):
        keepgate.decompress(whole)
    monkeypatch.setenv("KEEPGATE_MAX_UNPACKED_BYTES", str(2 * len(HELLO)))
    assert keepgate.decompress(whole) == HELLO * 2

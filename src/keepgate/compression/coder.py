"""Blocks of bytes to payloads and back: predictions of the core, arithmetic coding by constriction.

Range coding after Martin 1979 as `constriction` (Bamler 2022) implements it, bit by bit; a probability is a whole
number of 65536ths, which a float holds exactly.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import constriction
import numpy as np

from keepgate.compression.archive import Kind
from keepgate.errors import InputError
from keepgate.native import Predictor

__all__ = ["Report", "decode", "encode"]

PIECE = 1 << 12  # bytes between two reports
SCALE = 1 / 65536
WORD = np.dtype("<u4")
ALWAYS = 1 << 10  # bytes of a block up to which the predictor always tries
PAYS = 0.99  # of its size, to which a block must shrink by zlib for the predictor to try

_stream: Any = constriction.stream  # pyright: ignore[reportAttributeAccessIssue]
_bernoulli = _stream.model.Bernoulli
_bits = _bernoulli(perfect=False)
Report = Callable[[int], object]


def encode(predictor: Predictor, data: bytes, report: Report) -> tuple[Kind, bytes]:
    """Return the kind and the payload of a block, the shortest that pays.

    Args:
        predictor: which learns from the block.
        data: of the block.
        report: is called with numbers of bytes as they are done.
    """
    if len(data) > ALWAYS and len(zlib.compress(data, 1)) > PAYS * len(data):
        report(len(data))
        return Kind.STORED, data
    coder = _stream.queue.RangeEncoder()
    for piece in pieces(data):
        bits = np.unpackbits(piece).astype(np.int32)
        coder.encode(bits, _bits, predictor.follow(piece).ravel() * SCALE)
        report(len(piece))
    payload = coder.get_compressed().astype(WORD).tobytes()
    return (Kind.CODED, payload) if len(payload) < len(data) else (Kind.SEEN, data)


def decode(predictor: Predictor, kind: Kind, size: int, payload: bytes, report: Report, name: str) -> bytes:
    """Return the content of a block.

    Args:
        predictor: in the state that it had when the block was encoded.
        kind: of the block.
        size: bytes of its content.
        payload: of the block.
        report: is called with numbers of bytes as they are done.
        name: of the archive, for messages.

    Raises:
        InputError: the payload is no code of `size` bytes.
    """
    if kind == Kind.CODED:
        return _decode(predictor, size, payload, report, name)
    for piece in pieces(payload):
        if kind == Kind.SEEN:
            predictor.follow(piece)
        report(len(piece))
    return payload


def _decode(predictor: Predictor, size: int, payload: bytes, report: Report, name: str) -> bytes:
    try:
        take = _stream.queue.RangeDecoder(np.frombuffer(payload, WORD).astype(np.uint32)).decode
        see, model, data = predictor.see, _bernoulli, bytearray(size)
        p = predictor.probability()
        for i in range(size):
            for _ in range(8):
                p = see(take(model(p * SCALE, perfect=False)))
            data[i] = predictor.byte
            if i % PIECE == PIECE - 1:
                report(PIECE)
    except (AssertionError, ValueError) as error:
        raise InputError(f"{name} was altered: a block cannot be decoded; get the file again") from error
    report(size % PIECE)
    return bytes(data)


def pieces(data: bytes) -> list[np.ndarray]:
    """Return parts of `data`, between which progress is reported and an interruption is noticed."""
    array = np.frombuffer(data, np.uint8)
    return [array[i : i + PIECE] for i in range(0, len(array), PIECE)]

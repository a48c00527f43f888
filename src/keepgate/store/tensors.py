"""The safetensors format: an 8-byte header length, a JSON header, then the numbers.

The library `safetensors` writes; reading is done here, because every size must be checked against the bytes that are
there before an array is allocated, and because the message must name the file. Format:
https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from safetensors.numpy import save

from keepgate.errors import InputError, quoted, reason
from keepgate.store.plain import read_json

__all__ = ["DTYPES", "pack", "unpack"]

DTYPES = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}
HEADER_LIMIT = 100_000_000  # bytes, as the safetensors library has it


def pack(tensors: Mapping[str, np.ndarray]) -> bytes:
    """Return the bytes of a safetensors file that holds `tensors`; the same tensors give the same bytes."""
    return save({name: np.asarray(array, order="C") for name, array in tensors.items()})


def unpack(data: bytes, name: str) -> dict[str, np.ndarray]:
    """Return the tensors in the bytes of a safetensors file; each array owns its memory.

    Args:
        data: the bytes.
        name: of the file, for messages.

    Raises:
        InputError: a length, type, shape or offset in the header does not fit the bytes that are there.
    """
    start, header = _header(data, name)
    entries = sorted((*_entry(key, entry, name), key) for key, entry in header.items())
    view, tensors, end = memoryview(data), {}, 0
    for begin, stop, code, shape, key in entries:
        dtype, count = DTYPES[code], math.prod(shape)
        if begin != end or stop - begin != dtype.itemsize * count or start + stop > len(data):
            raise InputError(f"{name} is damaged: tensor {quoted(key)} does not lie where its type and shape say")
        try:
            tensors[key] = np.frombuffer(view[start + begin : start + stop], dtype).reshape(shape).copy()
        except ValueError as error:
            raise InputError(f"{name} is damaged: tensor {quoted(key)} has a shape that NumPy cannot have") from error
        end = stop
    if start + end != len(data):
        raise InputError(f"{name} is damaged: {len(data) - start - end} bytes belong to no tensor")
    return tensors


def _header(data: bytes, name: str) -> tuple[int, dict]:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(HEADER_LIMIT, len(data) - 8):
        raise InputError(f"{name} is no safetensors file, or is cut short: its header does not fit")
    try:
        header = read_json(data[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} is no safetensors file: its header is not JSON: {reason(error)}") from None
    if not isinstance(header, dict):
        raise InputError(f"{name} is no safetensors file: its header is not a table")
    header.pop("__metadata__", None)
    return 8 + length, header


def _entry(key: str, entry: object, name: str) -> tuple[int, int, str, tuple[int, ...]]:
    """Return begin, end, type and shape of one tensor from its entry in the header, as whole numbers."""
    match entry:
        case {"dtype": str(code), "shape": [*shape], "data_offsets": [begin, end]} if code in DTYPES:
            if all(type(size) is int and size >= 0 for size in (begin, end, *shape)):
                return begin, end, code, tuple(shape)
    raise InputError(f"{name} is damaged: the header's entry for tensor {quoted(key)} makes no sense")

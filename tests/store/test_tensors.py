"""Safetensors files: what the library writes and reads, and what no file may say."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keepgate.errors import InputError
from keepgate.store.tensors import DTYPES, pack, unpack

ARRAYS = hnp.arrays(st.sampled_from(list(DTYPES.values())), hnp.array_shapes(min_dims=0, min_side=0, max_side=4))


@given(st.dictionaries(st.text(min_size=1, max_size=8).filter(lambda name: name != "__metadata__"), ARRAYS, max_size=5))
def test_what_is_packed_is_unpacked_and_the_library_agrees(tensors):
    data = pack(tensors)
    for read in (unpack(data, "file"), safetensors.numpy.load(data)):
        assert read.keys() == tensors.keys()
        for name, array in tensors.items():
            assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
            assert read[name].tobytes() == array.tobytes()
    assert pack(dict(reversed(tensors.items()))) == data


def test_arrays_in_any_layout_come_back_by_value_and_own_their_memory():
    array = np.arange(24.0).reshape(2, 3, 4)
    odd = {
        "t": array.T,
        "s": array[:, ::2],
        "f": np.asfortranarray(array),
        "big": array.astype(">f8"),
        "r": array[::-1],
    }
    read = unpack(pack(odd), "file")
    for name, expected in odd.items():
        np.testing.assert_array_equal(read[name], expected)
        assert read[name].flags.owndata or read[name].base.flags.owndata
        assert read[name].flags.writeable


def file(header: object, body: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + body


def entry(begin: object, end: object, shape: object = (2,), dtype: object = "F32") -> dict:
    return {"dtype": dtype, "shape": list(shape) if isinstance(shape, tuple) else shape, "data_offsets": [begin, end]}


EIGHT = bytes(8)
BAD = {
    "empty": b"",
    "seven bytes": b"1234567",
    "header past the end": file({}, length=3),
    "header of 2^63 bytes": file({}, length=2**63),
    "not JSON": file(b"{'a'}"),
    "not UTF-8": file(b'{"\xff": 1}'),
    "deep": file(b"[" * 100_000 + b"]" * 100_000),
    "a list": file([]),
    "entry is a number": file({"w": 1}, EIGHT),
    "no dtype": file({"w": {"shape": [2], "data_offsets": [0, 8]}}, EIGHT),
    "unknown dtype": file({"w": entry(0, 8, dtype="F31")}, EIGHT),
    "negative size": file({"w": entry(0, 8, (-2,))}, EIGHT),
    "size true": file({"w": entry(0, 4, [True])}, bytes(4)),
    "size 2.0": file({"w": entry(0, 8, [2.0])}, EIGHT),
    "shape too large": file({"w": entry(0, 8, (2**62, 2**62))}, EIGHT),
    "shape overflows to the right size": file({"w": entry(0, 8, (2**32 + 1, 2**32, 2))}, EIGHT),
    "none of too many": file({"w": entry(0, 0, (0, 2**62, 2**62))}),
    "too many axes": file({"w": entry(0, 4, (1,) * 65)}, bytes(4)),
    "too small for its bytes": file({"w": entry(0, 8, (1,))}, EIGHT),
    "past the end": file({"w": entry(0, 8)}, bytes(7)),
    "before the start": file({"w": entry(-8, 0)}, EIGHT),
    "end before begin": file({"w": entry(8, 0)}, EIGHT),
    "hole": file({"w": entry(8, 16)}, bytes(16)),
    "overlap": file({"v": entry(0, 8), "w": entry(4, 12)}, bytes(12)),
    "same place": file({"v": entry(0, 8), "w": entry(0, 8)}, EIGHT),
    "bytes left over": file({"w": entry(0, 8)}, bytes(9)),
    "three offsets": file({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4, 8]}}, EIGHT),
    "offsets as text": file({"w": entry("0", "8")}, EIGHT),
    "offsets true": file({"w": entry(False, 8)}, EIGHT),
    "huge number": file(b'{"w": {"dtype": "F32", "shape": [' + b"9" * 5000 + b'], "data_offsets": [0, 8]}}', EIGHT),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_is_refused_by_name(name: str):
    with pytest.raises(InputError, match=r"^model\.safetensors is (no safetensors file|damaged)"):
        unpack(BAD[name], "model.safetensors")


@given(st.data())
def test_any_damage_is_an_input_error_or_changes_only_values(data):
    good = pack({"a": np.arange(6.0).reshape(2, 3), "b": np.zeros(3, np.int8)})
    place, value = data.draw(st.integers(0, len(good) - 1)), data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(good)))
    for bad in (good[:place] + bytes([value]) + good[place + 1 :], good[:cut]):
        try:
            tensors = unpack(bad, "file")
        except InputError:
            continue
        assert sum(array.nbytes for array in tensors.values()) <= len(bad)


def test_metadata_of_other_writers_is_passed_over():
    data = safetensors.numpy.save({"w": np.ones(2)}, metadata={"format": "pt"})
    assert list(unpack(data, "file")) == ["w"]

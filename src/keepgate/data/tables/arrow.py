"""Arrow's file and stream formats, looked at message by message before Arrow takes memory for them.

A record batch says how many rows it has, and each of its buffers, where they are compressed, begins with its size when
unpacked. Both formats are the same stream of messages; that of a file lies between two marks, and is read as a stream,
so that what its footer says, such as the same batch a million times, does not count. The layout is that of the flat
buffers in "Arrow Columnar Format" (arrow.apache.org/docs/format), Message and RecordBatch.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from keepgate import limits
from keepgate.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_arrow"]

MARK, END = b"ARROW1\0\0", b"ARROW1"  # before the stream of a file, and after its footer


def read_arrow(path: Path, file: BinaryIO) -> pa.Table:
    """Return the table of an open Arrow file or stream.

    Args:
        path: names the file in messages.
        file: open, at its beginning.

    Raises:
        InputError: the file is cut short, or has more than `cells`, `columns` or `unpacked_bytes`.
        pyarrow.ArrowException: Arrow cannot read it.
    """
    import pyarrow as pa

    start = len(MARK) if file.read(len(MARK)) == MARK else 0
    if start:
        file.seek(-len(END), os.SEEK_END)
        if file.read() != END:
            raise InputError(f"{path} cannot be read: it is cut short")
    file.seek(start)
    with pa.PythonFile(file, "r") as source:
        messages = pa.ipc.MessageReader.open_stream(source)
        schema = pa.ipc.read_schema(messages.read_next_message())
        limits.check("columns", len(schema), path)
        rows = size = 0
        while (message := _next(messages)) is not None:
            try:
                count, unpacked = _sizes(message.metadata.to_pybytes(), message.body)
            except (struct.error, IndexError, OverflowError):
                raise InputError(f"{path} cannot be read: a message in it is not whole") from None
            rows, size = rows + count, size + unpacked
            limits.check("cells", rows * max(len(schema), 1), path)
            limits.check("unpacked_bytes", size, path)
        source.seek(start)
        return pa.ipc.open_stream(source).read_all()


def _next(messages: Any) -> Any:
    try:
        return messages.read_next_message()
    except StopIteration:
        return None


def _sizes(metadata: bytes, body: Any) -> tuple[int, int]:
    """Return the rows of a record batch (of a dictionary, its values), and the bytes of its buffers when unpacked."""
    message = _Table(metadata, _uint32(metadata, 0))
    batch = message.table(2)  # a RecordBatch; or a DictionaryBatch, which holds one
    if batch is not None and message.number(1, "<B") == 2:
        batch = batch.table(1)
    if batch is None:
        return 0, 0
    count = batch.number(0, "<q")
    buffers, compressed = batch.structs(2, "<qq"), batch.table(3) is not None
    if count < 0 or any(offset < 0 or length < 0 for offset, length in buffers):
        raise IndexError("a negative size")
    if not compressed:
        return count, sum(length for _, length in buffers)
    view = memoryview(body) if body is not None else memoryview(b"")
    sizes = [struct.unpack_from("<q", view, offset)[0] for offset, length in buffers if length]
    packed = [length for _, length in buffers if length]
    return count, sum(length if size < 0 else size for size, length in zip(sizes, packed, strict=True))


class _Table:
    """A table in a flat buffer: its fields by number, absent ones 0 or None."""

    def __init__(self, data: bytes, place: int) -> None:
        self.data, self.at = data, place
        self.fields = place - struct.unpack_from("<i", data, place)[0]
        if self.fields < 0:
            raise IndexError("a table before the beginning")

    def place(self, field: int) -> int | None:
        if 4 + 2 * field + 2 > struct.unpack_from("<H", self.data, self.fields)[0]:
            return None
        offset = struct.unpack_from("<H", self.data, self.fields + 4 + 2 * field)[0]
        return self.at + offset if offset else None

    def number(self, field: int, kind: str) -> int:
        place = self.place(field)
        return 0 if place is None else struct.unpack_from(kind, self.data, place)[0]

    def table(self, field: int) -> _Table | None:
        place = self.place(field)
        return None if place is None else _Table(self.data, place + _uint32(self.data, place))

    def structs(self, field: int, kind: str) -> list[tuple[int, ...]]:
        place = self.place(field)
        if place is None:
            return []
        place += _uint32(self.data, place)
        count = _uint32(self.data, place)
        end = place + 4 + count * struct.calcsize(kind)
        return list(struct.iter_unpack(kind, memoryview(self.data)[place + 4 : end]))


def _uint32(data: bytes, place: int) -> int:
    return struct.unpack_from("<I", data, place)[0]

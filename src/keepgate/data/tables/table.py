"""Files of tables: delimited text, Parquet and Arrow, within the limits of what is read."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from keepgate import limits
from keepgate.data.files import as_path, blocks, open_file, read_standard_input
from keepgate.data.lines import check_names
from keepgate.data.tables.arrow import read_arrow
from keepgate.data.tables.delimited import read_delimited
from keepgate.errors import InputError, quoted, reason
from keepgate.store import STANDARD_STREAM

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_table"]

METADATA = 2**27  # bytes, or elements, of a part of a Parquet file's metadata


def read_table(path: str | Path, text: Sequence[str] = ()) -> pa.Table:
    """Read a .csv or .tsv file, also one that ends in .gz, or a .parquet, .arrow or .feather file.

    Args:
        path: of the file; "-" is standard input, which is any of these.
        text: columns of delimited text to read as text, such as names of series that look like numbers.

    Raises:
        InputError: the file is missing, empty, of another kind or broken; two columns have one name; or there are more
            than `columns`, `cells`, `cell_bytes` or `unpacked_bytes`, which is noticed before memory is allocated.
    """
    import pyarrow as pa

    path = as_path(path)
    try:
        with _opened(path) as (file, suffix):
            if file.seek(0, os.SEEK_END) == 0:
                raise InputError(f"{path} is empty: it needs a header and rows")
            file.seek(0)
            table = _READERS[suffix](path, file, text)
        check_names(table.column_names, path)
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path} cannot be read: it takes more memory than there is ({reason(error)})") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from error
    return table


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Open a table; yield it, seekable, and the suffix of its kind.

    Raises:
        InputError: its kind is unknown, or it cannot be opened.
    """
    if str(path) == STANDARD_STREAM:
        data = read_standard_input()
        yield io.BytesIO(data), next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), ".csv")
        return
    zipped = path.suffix.lower() == ".gz"
    suffix = path.with_suffix("").suffix.lower() if zipped else path.suffix.lower()
    if suffix not in _READERS or (zipped and suffix not in _TEXT):
        raise InputError(
            f"{path} is no table that can be read: give a file that ends in {', '.join(_READERS)}, or in "
            f"{' or '.join(f'{kind}.gz' for kind in _TEXT)}"
        )
    if zipped:
        yield io.BytesIO(b"".join(blocks(path))), suffix
    else:
        with open_file(path) as file:
            yield file, suffix


def _read_parquet(path: Path, file: BinaryIO, _: Sequence[str]) -> pa.Table:
    from pyarrow import parquet

    bounds: dict[str, Any] = {"thrift_string_size_limit": METADATA, "thrift_container_size_limit": METADATA}
    about = parquet.ParquetFile(file, **bounds)
    metadata, schema = about.metadata, about.schema_arrow
    check_names(schema.names, path)
    limits.check("columns", metadata.num_columns, path)
    limits.check("cells", metadata.num_rows * metadata.num_columns, path)
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    chunks = [group.column(k) for group in groups for k in range(group.num_columns)]
    limits.check("cells", sum(chunk.num_values for chunk in chunks), path)  # of lists more than rows
    limits.check("unpacked_bytes", sum(chunk.total_uncompressed_size for chunk in chunks), path)
    # A text a million times is one text and a million numbers in the file; it stays so until its size is known.
    texts = [field.name for field in schema if _is_text(field.type)]
    table = parquet.ParquetFile(file, read_dictionary=texts, **bounds).read()
    _check_text(path, table)
    return table.cast(schema)


def _read_arrow(path: Path, file: BinaryIO, _: Sequence[str]) -> pa.Table:
    table = read_arrow(path, file)
    _check_text(path, table)
    return table


_READERS: dict[str, Callable[[Path, BinaryIO, Sequence[str]], Any]] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
    ".feather": _read_arrow,
}
_TEXT = (".csv", ".tsv")
_MAGIC = {b"PAR1": ".parquet", b"ARROW1": ".arrow", b"\xff\xff\xff\xff": ".arrow"}


def _check_text(path: Path, table: pa.Table) -> None:
    """Raise `InputError` for a cell above `cell_bytes`, and for text above `unpacked_bytes` in all."""
    import pyarrow as pa
    import pyarrow.compute

    compute: Any = pyarrow.compute
    total = 0
    for name, column in zip(table.column_names, table.columns, strict=True):
        for chunk in column.chunks:
            coded = pa.types.is_dictionary(chunk.type)
            if not _is_text(chunk.type.value_type if coded else chunk.type):
                continue
            lengths = compute.binary_length(chunk.dictionary if coded else chunk)
            lengths = lengths.take(chunk.indices) if coded else lengths
            limits.check("cell_bytes", compute.max(lengths).as_py() or 0, f"a cell of {path}, column {quoted(name)},")
            total += compute.sum(lengths).as_py() or 0
            limits.check("unpacked_bytes", total, f"the text of {path}")


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    types = pa.types
    return any(test(kind) for test in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary))

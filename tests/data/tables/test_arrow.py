"""Arrow files: looked at before memory is taken, and read as Arrow reads them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from data.hostile import MIB, refused
from keepgate.data.tables.table import read_table


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_an_arrow_file_that_unpacks_to_gigabytes(tmp_path, codec):
    path = tmp_path / "a.arrow"
    zeros = pa.table({"a": np.zeros(16 * MIB)})
    with pa.ipc.new_stream(str(path), zeros.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        for _ in range(12):
            writer.write_table(zeros)
    assert path.stat().st_size < 8 * MIB
    refused(lambda: read_table(path), "a.arrow has 1,", "bytes when unpacked", "KEEPGATE_MAX_UNPACKED_BYTES")


def test_an_arrow_file_of_rows_without_bytes(tmp_path):
    path = tmp_path / "a.feather"
    nothing = pa.table({"a": pa.nulls(10**9)})
    with pa.ipc.new_file(str(path), nothing.schema) as writer:
        writer.write_table(nothing)
    refused(lambda: read_table(path), "a.feather has 1,000,000,000 cells")


def test_arrow_files_are_read_as_arrow_reads_them(tmp_path):
    """The messages that are looked at are those that Arrow then reads."""
    table = pa.table(
        {
            "unique_id": pa.array(["a", "b", None]).dictionary_encode(),
            "ds": pa.array([1, 2, 3], pa.timestamp("ns")),
            "y": pa.chunked_array([[1.5], [2.5, None]]),
            "n": pa.nulls(3),
            "l": [[1], [], [2, 3]],
        }
    )
    for name, opened in (("a.arrow", pa.ipc.new_stream), ("a.feather", pa.ipc.new_file)):
        for codec in (None, "lz4", "zstd"):
            options = pa.ipc.IpcWriteOptions(compression=codec)
            with opened(str(tmp_path / name), table.schema, options=options) as writer:
                writer.write_table(table, max_chunksize=2)
            assert read_table(tmp_path / name).equals(table)

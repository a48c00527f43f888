"""Files and frames to checked columns; whatever is wrong names the file, the row and the column."""

from __future__ import annotations

import datetime
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from keepgate.data.tables.columns import numbers, times, to_frame
from keepgate.data.tables.table import read_table
from keepgate.errors import InputError

TABLE = pa.table({"unique_id": ["a", "a", "b"], "ds": [0, 1, 0], "y": [1.5, 2.0, -3.25]})


def write_stream(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table)


WRITERS = {
    "t.csv": lambda table, path: table.to_pandas().to_csv(path, index=False),
    "T.CSV": lambda table, path: table.to_pandas().to_csv(path, index=False),
    "semicolons.csv": lambda table, path: table.to_pandas().to_csv(path, index=False, sep=";"),
    "decimal_commas.csv": lambda table, path: table.to_pandas().to_csv(path, index=False, sep=";", decimal=","),
    "bars.csv": lambda table, path: table.to_pandas().to_csv(path, index=False, sep="|"),
    "tabs.csv": lambda table, path: table.to_pandas().to_csv(path, index=False, sep="\t"),
    "t.tsv": lambda table, path: table.to_pandas().to_csv(path, index=False, sep="\t"),
    "t.csv.gz": lambda table, path: table.to_pandas().to_csv(path, index=False),
    "t.TSV.GZ": lambda table, path: table.to_pandas().to_csv(path, index=False, sep="\t", compression="gzip"),
    "mark.csv": lambda table, path: table.to_pandas().to_csv(path, index=False, encoding="utf-8-sig"),
    "t.parquet": lambda table, path: pyarrow.parquet.write_table(table, path),
    "t.feather": lambda table, path: pyarrow.feather.write_feather(table, str(path)),
    "stream.arrow": write_stream,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_table(tmp_path: Path, name: str) -> None:
    WRITERS[name](TABLE, tmp_path / name)
    assert read_table(tmp_path / name, text=["unique_id"]).to_pydict() == TABLE.to_pydict()


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "stream.arrow"])
def test_standard_input_is_any_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    WRITERS[name](TABLE, tmp_path / name)
    with open(tmp_path / name) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert read_table("-", text=["unique_id"]).to_pydict() == TABLE.to_pydict()


def test_a_comma_within_quotes_delimits_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('"a, b, c";y\nx;1\n')
    assert read_table(tmp_path / "t.csv").to_pydict() == {"a, b, c": ["x"], "y": [1]}


def test_points_and_commas_together_are_not_decimal_commas(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a;y\n1,5;1.5\n")
    assert read_table(tmp_path / "t.csv").to_pydict() == {"a": ["1,5"], "y": [1.5]}


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("é,y\n1,2\n".encode("latin-1"), "its header"),
        ("a,y\né,2\n".encode("latin-1"), "column 'a'"),
        ("a,y\n1,2\n".encode("utf-16"), "it"),
    ],
)
def test_another_encoding_is_told(tmp_path: Path, content: bytes, where: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=rf"t\.csv: {where} is not in UTF-8: save the file as UTF-8"):
        read_table(tmp_path / "t.csv")


def test_text_columns_of_csv_stay_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("unique_id,y\n007,1\nNA,2\n")
    assert read_table(tmp_path / "t.csv", text=["unique_id", "absent"])["unique_id"].to_pylist() == ["007", "NA"]


def test_types_come_from_the_whole_file(tmp_path: Path) -> None:
    """pyarrow alone would take the first MiB's word for it that these are integers, and fail at 0.5."""
    (tmp_path / "t.csv").write_text("y\n" + "1234567\n" * 300_000 + "0.5\n")
    assert read_table(tmp_path / "t.csv")["y"][-1].as_py() == 0.5


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "t.xlsx",
            b"PK",
            "t.xlsx is no table that can be read: give a file that ends in .csv, .tsv, .parquet, .arrow, .feather",
        ),
        ("t.csv", b"", "t.csv is empty: it needs a header and rows"),
        ("t.parquet", b"", "t.parquet is empty"),
        ("t.csv", b"a,b\n1,2\n3\n", "t.csv cannot be read: .*Expected 2 columns, got 1"),
        ("t.parquet", b"PAR1, but nothing of it", "t.parquet cannot be read"),
        ("t.arrow", b"ARROW1 not so", "t.arrow cannot be read"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / name)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_truncated_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    pyarrow.feather.write_feather(TABLE, str(path)) if suffix == ".arrow" else pyarrow.parquet.write_table(TABLE, path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="cannot be read"):
        read_table(path)


def test_absent_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_table(tmp_path / "t.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_table(tmp_path / "folder.csv")


@pytest.mark.parametrize("kind", [pa.table, pd.DataFrame, pl.DataFrame])
def test_frames(kind) -> None:
    frame = to_frame(kind({"unique_id": ["a"], "y": [1]}), ["y"])
    assert frame["y"].to_list() == [1]
    with pytest.raises(InputError, match=r"^f.csv has no column 'ds' but 'unique_id', 'y': rename or add it$"):
        to_frame(kind({"unique_id": ["a"], "y": [1]}), ["unique_id", "ds", "y"], "f.csv")
    with pytest.raises(InputError, match=r"^the table is empty: it has a header and no rows$"):
        to_frame(kind({"y": []}), ["y"])


def test_what_is_no_frame() -> None:
    with pytest.raises(InputError, match="the table is a list; give a pandas, polars or pyarrow table"):
        to_frame([1, 2], [])
    with pytest.raises(InputError, match="LazyFrame"):
        to_frame(pl.LazyFrame({"y": [1]}), ["y"])


def column(values, kind) -> nw.Series:
    return nw.from_native(kind({"y": values}), eager_only=True)["y"]


@pytest.mark.parametrize("kind", [pa.table, pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("values", [[1, 2], [1.0, 2.0], [True, 2 > 3]])
def test_numbers(kind, values: list) -> None:
    result = numbers(column(values, kind))
    assert result.dtype == np.float64
    assert result.tolist() == [float(value) for value in values]


@pytest.mark.parametrize("kind", [pa.table, pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, None, 3.0], "f.csv, column 'y', row 2 has no value"),
        ([1, 2, None], "f.csv, column 'y', row 3 has no value"),
        ([None, None], "f.csv, column 'y', row 1 has no value"),
        ([1.0, float("nan")], "f.csv, column 'y', row 2 has no value"),
        ([1.0, 2.0, float("-inf")], "f.csv, column 'y', row 3 has an infinite value"),
        (["1", "2"], "f.csv, column 'y', row 1: '1' is no number; correct it or drop the column"),
        ([None, "x" * 100], r"f.csv, column 'y', row 2: 'x+\.\.\.' is no number"),
    ],
)
def test_what_is_no_number(kind, values: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        numbers(column(values, kind), "f.csv")


def test_numbers_as_objects_and_nullable_integers() -> None:
    assert numbers(nw.from_native(pd.Series([1, 2.5], dtype=object, name="y"), series_only=True)).tolist() == [1, 2.5]
    with pytest.raises(InputError, match="row 2 has no value"):
        numbers(nw.from_native(pd.Series([1, None], dtype="Int64", name="y"), series_only=True))


NOON = datetime.datetime(2024, 2, 29, 12)
BERLIN = datetime.timezone(datetime.timedelta(hours=1))


@pytest.mark.parametrize("kind", [pa.table, pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (NOON, "2024-02-29T12"),
        (NOON.replace(tzinfo=datetime.UTC), "2024-02-29T12"),
        ("2024-02-29 12:00:00", "2024-02-29T12"),
        ("2024-02-29T13:00+01:00", "2024-02-29T12"),
        ("2024-02-29", "2024-02-29"),
        (datetime.date(2024, 2, 29), "2024-02-29"),
    ],
)
def test_times(kind, value, expected: str) -> None:
    result = times(column([value], kind))
    assert result.dtype == np.dtype("datetime64[us]")
    assert result[0] == np.datetime64(expected)


def test_times_of_other_units_zones_and_counts() -> None:
    zoned = pd.Series(pd.to_datetime(["2024-07-01 12:00"]).tz_localize("Europe/Berlin").as_unit("ns"), name="y")
    assert times(nw.from_native(zoned, series_only=True))[0] == np.datetime64("2024-07-01T10")
    counted = times(column([3, 4], pl.DataFrame))
    assert counted.dtype == np.int64
    assert counted.tolist() == [3, 4]


@pytest.mark.parametrize("kind", [pa.table, pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["2024-01-31", "31.1.2024"], "f.csv, column 'y', row 2: '31.1.2024' is no time; write it like 2024-01-31"),
        ([NOON, None], "f.csv, column 'y', row 2 has no value"),
        ([1700.5], "f.csv, column 'y', row 1: 1700.5 is no time"),
    ],
)
def test_what_is_no_time(kind, values: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        times(column(values, kind), "f.csv")

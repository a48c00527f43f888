"""Files of tables: every format gives the same, and whatever is wrong names the file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

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

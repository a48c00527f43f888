"""What is given in Python, of any library and kind: a value comes back, or a `KeepgateError`, and nothing else."""

from __future__ import annotations

import datetime
import decimal
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from keepgate.data.arrays import as_sequences
from keepgate.data.audio.files import as_samples
from keepgate.data.recordings.manifest import as_strokes
from keepgate.data.recordings.segments import as_segment
from keepgate.data.tables.reading import panel
from keepgate.errors import InputError, KeepgateError


class Evil:
    """Fails at whatever is asked of it."""

    def __len__(self):
        raise ZeroDivisionError("no length")

    def __repr__(self):
        raise ZeroDivisionError("no words")

    def __array__(self, *_, **__):
        raise ZeroDivisionError("no array")


def objects(*items):
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


GRID = np.arange(12.0).reshape(2, 3, 2)
ODD = {
    "None": None,
    "number": 5,
    "text": "abc",
    "bytes": b"abc",
    "mapping": {"a": [1, 2]},
    "set": {1, 2},
    "empty list": [],
    "list of nothing": [[]],
    "list of None": [None],
    "list of texts": ["abc", "de"],
    "numbers as texts": [["1", "x"]],
    "ragged": [[1.0, 2.0], [[1.0], [2.0, 3.0]]],
    "ragged inside": [[[1.0], [2.0, 3.0]]],
    "one scalar": [1.0],
    "complex": [np.array([1j, 2.0])],
    "NaN": [np.array([1.0, np.nan])],
    "infinite": [np.array([1.0, np.inf])],
    "huge": [np.array([1.0, 1e200])],
    "huge integers": [[1, 10**400]],
    "decimals": [[decimal.Decimal(1), decimal.Decimal("NaN")]],
    "times": [np.array(["2024-01-01", "2024-01-02"], "datetime64[D]")],
    "durations": [np.array([1, 2], "timedelta64[s]")],
    "dates": [[datetime.date(2024, 1, 1)]],
    "records": np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    "objects": objects(Evil(), 1.0),
    "evil": Evil(),
    "list of evil": [Evil()],
    "nested objects": objects(np.array([1.0]), None),
    "empty array": np.zeros((0, 3)),
    "no steps": np.zeros((2, 0, 3)),
    "no channels": np.zeros((2, 3, 0)),
    "scalar array": np.array(3.0),
    "many dimensions": np.zeros((1, 1, 1, 1)),
    "complex array": GRID + 1j,
    "infinite array": np.where(GRID == 3, np.inf, GRID),
    "huge array": np.where(GRID == 3, 1e200, GRID),
    "times in an array": np.array([["2024-01-01"]], "datetime64[D]"),
    "texts in an array": np.array([["a", "b"]]),
    "masked": np.ma.masked_array([[1.0, 2.0]], [[True, False]]),
    "sparse": sparse.csr_matrix(np.eye(3)),
    "sparse array": sparse.coo_array(np.eye(3)),
    "categories": pd.DataFrame({"a": pd.Categorical(["x", "y"])}),
    "columns twice": pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]),
    "nullable": pd.DataFrame({"a": pd.array([1, None], "Int64")}),
    "mixed frame": pd.DataFrame({"a": [1.0, "x"]}),
    "series": pd.Series([1.0, 2.0], index=["a", "a"]),
    "polars": pl.DataFrame({"a": ["x"]}),
    "polars lists": pl.DataFrame({"a": [[1.0], [2.0, 3.0]]}),
    "arrow": pa.table({"a": pa.array(["x"]).dictionary_encode()}),
    "arrow lists": pa.chunked_array([[[1.0]], [[2.0, 3.0]]]),
    "generator": (one for one in [[1.0]]),
    "surrogate": ["\ud800"],
    "control": ["\x1b[2J"],
}


def value_or_sentence(make):
    """Run it; what it raises is a `KeepgateError` whose message is one short line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries, about what is then refused
        try:
            return make()
        except KeepgateError as error:
            message = str(error)
    assert message.isprintable()
    assert len(message) < 1000
    return None


@pytest.mark.parametrize("take", [as_sequences, as_samples, as_strokes, as_segment])
@pytest.mark.parametrize("name", ODD)
def test_odd_objects(take, name):
    value_or_sentence(lambda: take(ODD[name]))


def test_sparse_matrices_are_of_a_wrong_type_for_scikit_learn_too():
    for raised in (InputError, TypeError):
        with pytest.raises(raised, match=r"[Ss]parse"):
            as_sequences(ODD["sparse"])


DAYS = pd.date_range("2024-01-01", periods=4)
GOOD = {"unique_id": ["a"] * 4, "ds": DAYS, "y": [1.0, 2.0, 3.0, 4.0]}


def frame(**columns):
    return pd.DataFrame({**GOOD, **columns})


TABLES = {
    "columns twice": lambda: pd.concat([frame(), frame()[["y"]]], axis=1),
    "index twice": lambda: frame().set_index(pd.Index([1, 1, 1, 1])),
    "index of several levels": lambda: frame().set_index(["unique_id", "ds"]),
    "columns of several levels": lambda: pd.concat({"x": frame()}, axis=1),
    "columns are numbers": lambda: pd.DataFrame(np.zeros((4, 3))),
    "categories": lambda: frame(unique_id=pd.Categorical(["a"] * 4)),
    "categories as numbers": lambda: frame(y=pd.Categorical([1.0, 2.0, 3.0, 4.0])),
    "nullable": lambda: frame(y=pd.array([1, 2, None, 4], "Int64")),
    "nullable times": lambda: frame(ds=[*DAYS[:3], pd.NaT]),
    "intervals": lambda: frame(y=pd.interval_range(0, 4)),
    "periods": lambda: frame(ds=pd.period_range("2024-01", periods=4, freq="M")),
    "durations": lambda: frame(ds=pd.to_timedelta([1, 2, 3, 4], "D")),
    "complex": lambda: frame(y=[1j, 2, 3, 4]),
    "decimals": lambda: frame(y=[decimal.Decimal(1)] * 4),
    "objects": lambda: frame(y=[Evil()] * 4),
    "ids that are objects": lambda: frame(unique_id=[Evil()] * 4),
    "ids that are lists": lambda: frame(unique_id=[[1]] * 4),
    "ids that are mixed": lambda: frame(unique_id=["a", "a", 1, 1]),
    "huge integers": lambda: frame(y=[10**400, 1, 2, 3]),
    "huge": lambda: frame(y=[1e200, 1, 2, 3]),
    "time zone": lambda: frame(ds=DAYS.tz_localize("Asia/Tokyo")),
    "two time zones": lambda: frame(ds=[DAYS[0].tz_localize("UTC"), *DAYS[1:].tz_localize("Asia/Tokyo")]),
    "clocks changed": lambda: frame(ds=pd.date_range("2024-03-30", periods=4, tz="Europe/Berlin")),
    "nanoseconds": lambda: frame(ds=pd.to_datetime([1, 2, 3, 4], unit="ns")),
    "far times": lambda: frame(ds=np.array([0, 1, 2, 3], "datetime64[s]") + np.timedelta64(10**12, "s")),
    "dates": lambda: frame(ds=[day.date() for day in DAYS]),
    "times of a day": lambda: frame(ds=[datetime.time(i) for i in range(4)]),
    "unsigned steps": lambda: frame(ds=np.array([2**64 - 4, 2**64 - 3, 2**64 - 2, 2**64 - 1], np.uint64)),
    "great steps": lambda: frame(ds=np.array([0, 1, 2, 2**62])),
    "booleans for steps": lambda: frame(ds=[True, False, True, False]),
    "sparse": lambda: frame(y=pd.arrays.SparseArray([1.0, 2.0, 3.0, 4.0])),
    "arrow in pandas": lambda: frame(y=pd.array([1.0, 2.0, 3.0, 4.0], pd.ArrowDtype(pa.float64()))),
    "no rows": lambda: frame().head(0),
    "no columns": lambda: frame()[[]],
    "no table": lambda: [1, 2, 3],
    "array": lambda: GRID,
    "None": lambda: None,
    "evil": Evil,
    "lazy": lambda: pl.DataFrame(GOOD | {"ds": DAYS.tolist()}).lazy(),
    "polars decimals": lambda: pl.DataFrame(
        GOOD | {"ds": DAYS.tolist(), "y": [decimal.Decimal("1.5")] * 4}, schema_overrides={"y": pl.Decimal(10, 2)}
    ),
    "polars lists": lambda: pl.DataFrame(GOOD | {"ds": DAYS.tolist(), "y": [[1.0]] * 4}),
    "polars structures": lambda: pl.DataFrame(GOOD | {"ds": [{"a": 1}] * 4}),
    "polars objects": lambda: pl.DataFrame(GOOD | {"ds": DAYS.tolist(), "y": pl.Series([Evil()] * 4, dtype=pl.Object)}),
    "polars enumeration": lambda: pl.DataFrame(
        GOOD | {"ds": DAYS.tolist()}, schema_overrides={"unique_id": pl.Enum(["a"])}
    ),
    "arrow columns twice": lambda: pa.Table.from_arrays([pa.array([1])] * 2, ["y", "y"]),
    "arrow null": lambda: arrow(y=pa.nulls(4)),
    "arrow chunks": lambda: arrow(y=pa.chunked_array([[1.0], [2.0, 3.0], [], [4.0]], pa.float64())),
    "arrow dictionary": lambda: arrow(y=pa.array(["1", "2", "1", "2"]).dictionary_encode()),
    "arrow decimals": lambda: arrow(y=pa.array([decimal.Decimal(1)] * 4, pa.decimal256(60, 2))),
    "arrow lists": lambda: arrow(y=pa.array([[1.0]] * 4)),
    "arrow map": lambda: arrow(y=pa.array([[("a", 1)]] * 4, pa.map_(pa.string(), pa.int32()))),
    "arrow union": lambda: arrow(y=pa.UnionArray.from_sparse(pa.array([0] * 4, pa.int8()), [pa.array(range(4))])),
    "arrow runs": lambda: arrow(y=pa.RunEndEncodedArray.from_arrays(pa.array([4], pa.int32()), pa.array([1.0]))),
    "arrow half": lambda: arrow(y=pa.array(np.arange(4, dtype=np.float16))),
    "arrow views": lambda: arrow(unique_id=pa.array(["a"] * 4, pa.string_view())),
    "arrow bytes": lambda: arrow(unique_id=pa.array([b"\xff"] * 4)),
    "arrow no UTF-8": lambda: arrow(unique_id=pa.array([b"\xff"] * 4).view(pa.string())),
    "arrow zone": lambda: arrow(ds=pa.array(range(4), pa.timestamp("s", "Mars/Phobos"))),
    "arrow far": lambda: arrow(ds=pa.array([2**62, 1, 2, 3], pa.timestamp("s"))),
    "arrow days": lambda: arrow(ds=pa.array([2**31 - 1, 1, 2, 3], pa.date32())),
    "arrow nanoseconds": lambda: arrow(ds=pa.array(range(4), pa.timestamp("ns"))),
    "arrow intervals": lambda: arrow(ds=pa.array([(1, 2, 3)] * 4, pa.month_day_nano_interval())),
}  # fmt: skip


def arrow(**columns):
    table = pa.table({**GOOD, "ds": pa.array(DAYS.to_pydatetime())})
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


@pytest.mark.parametrize("name", TABLES)
def test_odd_tables(name):
    table = TABLES[name]()

    def read():
        found = panel(table)
        return found.table(np.zeros(1, int), found.times[:1], {"y_hat": np.zeros(1)})

    value_or_sentence(read)

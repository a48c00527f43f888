"""The forecaster from tables to tables: it learns, it keeps its word on bad input, it comes back from its file."""

from __future__ import annotations

import doctest
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

import keepgate
from keepgate import Forecaster
from keepgate.errors import InputError
from keepgate.tasks import face
from tasks.forecast.data import SMALL, values, waves

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def test_forecasts_follow_the_end_of_each_series(fitted: Forecaster) -> None:
    forecast = fitted.predict(waves())
    assert forecast.columns.tolist() == ["unique_id", "ds", "y_hat", "y_hat_q10", "y_hat_q50", "y_hat_q90"]
    assert forecast["unique_id"].tolist() == ["series 0"] * 5 + ["series 1"] * 5
    assert forecast["ds"].tolist() == [*pd.date_range("2024-04-30", periods=5)] * 2
    assert (np.diff(values(forecast)[:, 1:]) >= 0).all()
    assert (fitted.window_, fitted.patch_, fitted.season_, str(fitted.frequency_)) == (14, 2, 7, "1 day")


def test_the_model_learns_and_beats_the_baselines() -> None:
    table = waves(600)
    test = table.groupby("unique_id").tail(200)
    forecaster = Forecaster(horizon=7, hidden_size=32, batch_size=64, learning_rate=3e-3).fit(table.drop(test.index))
    rows = face(forecaster).evaluate(test)
    assert [row["model"] for row in rows] == ["lstm", "seasonal naive", "last value"]
    ours, seasonal, last = rows
    noise = np.mean([0.1**2, 10.1**2])  # the least error that there can be, mean of two series
    assert noise < ours["mse"] < 1.4 * noise
    assert ours["mse"] < 0.8 * seasonal["mse"] < 0.8 * last["mse"]
    assert ours["pinball"] < 0.8 * seasonal["pinball"]
    assert 0.7 < ours["coverage 10-90"] < 0.9


@pytest.mark.parametrize("convert", [pl.from_pandas, lambda t: pa.Table.from_pandas(t, preserve_index=False)])
def test_the_same_kind_of_table_comes_back(fitted: Forecaster, convert) -> None:
    forecast = fitted.predict(convert(waves()))
    assert type(forecast) is type(convert(waves()))
    np.testing.assert_array_equal(values(forecast), values(fitted.predict(waves())))


def test_only_the_window_counts_and_rows_in_any_order(fitted: Forecaster) -> None:
    table, whole = waves(), values(fitted.predict(waves()))
    np.testing.assert_array_equal(values(fitted.predict(table.groupby("unique_id").tail(28))), whole)
    mixed = table.sample(frac=1, random_state=0).sort_values("unique_id", kind="stable")
    np.testing.assert_array_equal(values(fitted.predict(mixed)), whole)


def test_level_and_scale_pass_through(fitted: Forecaster) -> None:
    table = waves()
    moved = table.assign(unique_id="new " + table["unique_id"], y=-3 * table["y"] + 1e6)
    np.testing.assert_allclose(
        values(fitted.predict(moved.assign(y=(moved["y"] - 1e6) / -3))), values(fitted.predict(table)), rtol=1e-4
    )
    up = table.assign(y=1000 * table["y"] + 1e6)
    np.testing.assert_allclose(values(fitted.predict(up)), 1000 * values(fitted.predict(table)) + 1e6, rtol=1e-5)


def test_a_flat_series_stays_flat(fitted: Forecaster) -> None:
    flat = waves(levels=(0.0,)).assign(y=0.1)
    np.testing.assert_allclose(values(fitted.predict(flat)), 0.1, rtol=1e-12)


def test_a_covariate_is_used() -> None:
    """y is yesterday's x, which is noise: without x there is nothing to know."""
    random = np.random.default_rng(0)
    x = random.normal(size=600)
    table = pd.DataFrame({"unique_id": "a", "ds": range(600), "y": np.roll(x, 1)})
    options = {"horizon": 1, "window": 8, "patch": 1, "hidden_size": 16, "batch_size": 32, "epochs": 8, "quantiles": ()}
    options["learning_rate"] = 2e-3
    blind = face(Forecaster(**options).fit(table[:450])).evaluate(table[450:])[0]
    seeing = Forecaster(**options).fit(table.assign(x=x)[:450])
    assert seeing.covariates_ == ("x",)
    assert blind["mse"] > 0.8
    assert face(seeing).evaluate(table.assign(x=x)[450:])[0]["mse"] < 0.3
    with pytest.raises(InputError, match="the table has no column 'x' but 'unique_id', 'ds', 'y'"):
        seeing.predict(table)
    with_more = table.assign(note="text", x=x)[["note", "x", "y", "ds", "unique_id"]]
    np.testing.assert_array_equal(values(seeing.predict(with_more)), values(seeing.predict(table.assign(x=x))))


def shop(rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(0)
    plan = (random.random(rows) < 0.25) * 1.0
    days = pd.date_range("2024-01-01", periods=rows, freq="D")
    y = 100 + 40 * plan + random.normal(size=rows)
    return pd.DataFrame({"unique_id": "shop", "ds": days, "y": y, "plan": plan, "region": "north"})


def test_a_plan_that_is_known_ahead_is_followed(tmp_path) -> None:
    """Without the plan the error is that of a coin, 40 up or not; with it that of the noise, 0.8 in the mean."""
    table = shop()
    past, after = table[:-14], table[-14:]
    model = Forecaster(horizon=14, **SMALL).fit(past, known_columns=["plan"], static_columns=["region"])
    forecast = model.predict(past, future=after.drop(columns="y"))
    assert np.abs(forecast["y_hat"].to_numpy() - after["y"].to_numpy()).mean() < 1.5
    pd.testing.assert_frame_equal(model.predict(table.assign(y=table["y"].where(table.index < 186))), forecast)
    model.save(tmp_path)
    pd.testing.assert_frame_equal(Forecaster.load(tmp_path).predict(past, future=after), forecast)
    with pytest.raises(InputError, match="series 'shop' has no value of 'plan' in row 1 after its end"):
        model.predict(past)
    with pytest.raises(InputError, match="fit has no argument 'colour'"):
        Forecaster(horizon=14, **SMALL).fit(past, colour="red")


def test_the_same_seed_gives_the_same_bits(fitted: Forecaster) -> None:
    again, other = (Forecaster(horizon=5, **SMALL, seed=seed).fit(waves()) for seed in (0, 1))
    np.testing.assert_array_equal(values(again.predict(waves())), values(fitted.predict(waves())))
    assert other.history_[0]["valid_loss"] != fitted.history_[0]["valid_loss"] == again.history_[0]["valid_loss"]


def test_threads_are_set_for_the_work_only(fitted: Forecaster, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(2)
    seen: list[int] = []
    monkeypatch.setattr(fitted.network_, "run", lambda *_: seen.append(torch.get_num_threads()) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fitted.predict(waves())
    assert (seen, torch.get_num_threads()) == ([1], 2)
    torch.set_num_threads(1)


def test_a_given_held_out_part_chooses_the_epoch() -> None:
    table = waves()
    test = table.groupby("unique_id").tail(28 + 20)
    forecaster = Forecaster(horizon=5, **SMALL).fit(table.drop(table.groupby("unique_id").tail(20).index), valid=test)
    assert [row["valid_loss"] is not None for row in forecaster.history_] == [True, True]


@pytest.mark.parametrize("cell", ["gru", "layer_norm(peephole_lstm)"])
def test_cells_layers_and_directions(cell: str) -> None:
    forecaster = Forecaster(horizon=3, cell=cell, num_layers=2, bidirectional=True, quantiles=(), **SMALL).fit(waves())
    forecast = forecaster.predict(waves())
    assert forecast.columns.tolist() == ["unique_id", "ds", "y_hat"]
    assert np.isfinite(values(forecast)).all()
    assert list(face(forecaster).evaluate(waves())[0]) == ["model", "mse", "mae"]


def test_save_and_load(fitted: Forecaster, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    for loaded in (Forecaster.load(tmp_path / "model"), keepgate.tasks.load(tmp_path / "model")):
        assert loaded.get_params() == {**fitted.get_params(), "quantiles": loaded.quantiles}
        pd.testing.assert_frame_equal(loaded.predict(waves()), fitted.predict(waves()))
        assert face(loaded).evaluate(waves()) == face(fitted).evaluate(waves())


def test_a_run_is_taken_up_again(fitted: Forecaster, tmp_path: Path) -> None:
    for _ in range(2):  # the second time the run is finished and nothing is trained
        forecaster = Forecaster(horizon=5, **SMALL).fit(waves(), run=tmp_path)
        np.testing.assert_array_equal(values(forecaster.predict(waves())), values(fitted.predict(waves())))
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2
    with pytest.raises(InputError, match="another"):
        Forecaster(horizon=4, **SMALL).fit(waves(), run=tmp_path)


def test_example_of_the_class() -> None:
    found = doctest.DocTestFinder().find(Forecaster, "Forecaster", globs={"Forecaster": Forecaster})
    results = [doctest.DocTestRunner().run(example) for example in found]
    assert sum(result.attempted for result in results) > 0
    assert sum(result.failed for result in results) == 0


# Bad input: one sentence each


def test_bad_tables_to_predict(fitted: Forecaster) -> None:
    table = waves()
    short = table.groupby("unique_id").tail(5)
    with pytest.raises(InputError, match=r"where 6 are needed \(1 \+ horizon 5\)"):
        face(fitted).evaluate(short)
    assert np.isfinite(values(fitted.predict(short))).all()
    with pytest.raises(
        InputError, match="the table: its rows are 1 hour apart, the model was fitted to steps of 1 day"
    ):
        fitted.predict(table.assign(ds=[*pd.date_range("2024", periods=120, freq="h")] * 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 0}, "horizon=0 is not at least 1"),
        ({"horizon": 2.5}, "horizon=2.5 is not of type int"),
        ({"window": 1}, "window=1 is not at least 2"),
        ({"quantiles": (0.1, 1.0)}, r"quantiles=\(0.1, 1.0\) are not different numbers between 0 and 1"),
        ({"quantiles": (0.5, 0.5)}, "are not different numbers"),
        ({"window": 4, "patch": 5}, "patch=5 is longer than the window of 4 rows"),
        ({"cell": "lsdm"}, "lsdm"),
    ],
)
def test_bad_parameters(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Forecaster(**{**SMALL, **options}).fit(waves())


# The examples


def load_example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    ("horizon", "bound", "seasonal", "last"), [(96, 0.381, 0.512, 1.294), (24, 0.308, 0.424, 1.222)]
)
def test_etth1(shared_data, horizon: int, bound: float, seasonal: float, last: float) -> None:
    _, processor, rows = load_example("etth1").measure(shared_data("ett/ETTh1.csv"), horizon)
    mse = {row["model"]: row["mse"] for row in rows}
    assert mse["lstm"] <= bound
    assert mse["seasonal naive 24"] == pytest.approx(seasonal, abs=1e-3)
    assert mse["last value"] == pytest.approx(last, abs=1e-3)
    assert processor < 300


@pytest.mark.slow
def test_demo(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "demo.py"], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    scores = {
        line[:16].strip(): float(line[16:24]) for line in done.stdout.splitlines() if line[:4] in ("lstm", "seas")
    }
    assert scores["lstm"] < 0.2 * scores["seasonal naive"]
    for name in ("report.html", "forecast.png", "config.json", "model.safetensors"):
        assert (tmp_path / "runs" / "demo" / name).stat().st_size > 1000

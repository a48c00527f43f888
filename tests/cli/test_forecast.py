"""fit, predict and evaluate of the forecaster on the command line, and the tables that it refuses."""

from io import StringIO

import numpy as np
import pandas as pd
import pytest

from cli.files import refused
from keepgate import Forecaster

FLAGS = ("--horizon", "3", "--window", "8", "--season", "4", "--epochs", "1", "--hidden-size", "4", "--no-progress")


def frame(series=("a", "b"), rows=40):
    days = pd.date_range("2024-01-01", periods=rows, freq="D").strftime("%Y-%m-%d")
    wave = np.sin(np.arange(rows) * np.pi / 2)
    parts = [pd.DataFrame({"unique_id": name, "ds": days, "y": i + wave}) for i, name in enumerate(series)]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def csv(tmp_path):
    def write(table, name="data.csv"):
        table.to_csv(tmp_path / name, index=False)
        return tmp_path / name

    return write


@pytest.fixture
def run(keepgate, csv, tmp_path):
    outcome = keepgate("fit", "forecast", csv(frame()), "--out", tmp_path / "run", *FLAGS)
    assert outcome.code == 0, outcome.err
    return tmp_path / "run"


def test_a_run_and_its_report(run):
    html = (run / "report.html").read_text()
    assert html.count("<svg") >= 2  # forecasts and the learning curve
    for part in ("seasonal naive", "last value", "Learning curve", "horizon"):
        assert part in html
    assert Forecaster.load(run).horizon == 3


def test_predictions_continue_each_series(keepgate, csv, run, tmp_path):
    outcome = keepgate("predict", run, csv(frame()), "--out", tmp_path / "p.parquet")
    assert (outcome.code, outcome.err) == (0, "")
    found = pd.read_parquet(tmp_path / "p.parquet")
    assert found.columns.tolist() == ["unique_id", "ds", "y_hat", "y_hat_q10", "y_hat_q50", "y_hat_q90"]
    assert found["unique_id"].tolist() == ["a"] * 3 + ["b"] * 3
    assert pd.to_datetime(found["ds"]).dt.strftime("%m-%d").tolist() == ["02-10", "02-11", "02-12"] * 2
    expected = Forecaster.load(run).predict(frame().assign(ds=lambda t: pd.to_datetime(t["ds"])))
    np.testing.assert_allclose(found["y_hat"], expected["y_hat"])
    shown = keepgate("predict", run, csv(frame())).out
    assert len(shown.splitlines()) == 7


def test_more_steps_than_were_trained(keepgate, csv, run):
    outcome = keepgate("predict", run, csv(frame()), "--horizon", "7")
    table = pd.read_csv(StringIO(outcome.out))
    assert len(table) == 14
    first = pd.read_csv(StringIO(keepgate("predict", run, csv(frame())).out))
    assert table.pop("rolled_out").tolist() == 2 * ([False] * 3 + [True] * 4)
    pd.testing.assert_frame_equal(table.groupby("unique_id").head(3).reset_index(drop=True), first)
    assert "steps 1 to 3 are forecast directly, 4 to 7 are rolled out from them" in outcome.err
    refused(keepgate("predict", run, csv(frame()), "--horizon", "0"), "horizon=0 is not at least 1")


def test_evaluate_stands_beside_the_baselines(keepgate, csv, run):
    outcome = keepgate("evaluate", run, csv(frame()))
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == ["lstm", "seasonal naive", "last value"]


def shuffled_day(table):
    return table.assign(ds=table["ds"].where(table.index != 5, "2024-01-05"))


BAD = {
    "missing column": (lambda t: t.drop(columns="y"), ["no column 'y'"]),
    "text in a number": (lambda t: t.assign(y=t["y"].astype(str).where(t.index != 6, "high")), ["column 'y', row 7"]),
    "no value": (lambda t: t.assign(y=t["y"].where(t["unique_id"] != "b")), ["series 'b' has no value in column 'y'"]),
    "text in a time": (lambda t: t.assign(ds=t["ds"].where(t.index != 6, "soon")), ["column 'ds'", "soon"]),
    "time twice": (shuffled_day, ["2024-01-05"]),
    "irregular": (lambda t: t.assign(ds=t["ds"].where(t.index != 6, "2024-01-06 09:00")), ["2024-01-06 09:00"]),
    "header only": (lambda t: t[:0], ["is empty"]),
    "one row": (lambda t: t[:1], ["1 row"]),
    "too short": (lambda t: t[:7], ["7 rows"]),
}


@pytest.mark.parametrize("kind", BAD)
def test_tables_that_cannot_be_fitted_to(keepgate, csv, tmp_path, kind):
    change, words = BAD[kind]
    path = csv(change(frame()))
    refused(keepgate("fit", "forecast", path, "--out", tmp_path / "run", *FLAGS), *words)
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_file(keepgate, tmp_path):
    path = tmp_path / "data.csv"
    path.touch()
    refused(keepgate("fit", "forecast", path, "--out", tmp_path / "run", *FLAGS), path, "is empty")
    assert list(tmp_path.iterdir()) == [path]


def test_tables_that_cannot_be_predicted_from(keepgate, csv, run):
    weekly = frame().assign(ds=np.tile(pd.date_range("2024-01-01", periods=40, freq="W").strftime("%Y-%m-%d"), 2))
    refused(keepgate("predict", run, csv(weekly)), "1 day")
    refused(keepgate("evaluate", run, csv(frame(rows=3))), "3 rows")


def test_series_that_cannot_be_used_are_left_out_by_name(keepgate, csv, tmp_path):
    table = pd.concat([frame(), frame(("new",), 4), frame(("empty",), 9).assign(y=None)])
    refused(keepgate("fit", "forecast", csv(table), "--out", tmp_path / "run", *FLAGS), "series 'empty' has no value")
    outcome = keepgate("fit", "forecast", csv(table), "--out", tmp_path / "run", "--skip-bad", *FLAGS)
    assert outcome.code == 0, outcome.err
    assert "series 'new' is left out: it has fewer rows than 5" in outcome.err
    assert "series 'empty' is left out" in outcome.err


def test_what_is_known_ahead(keepgate, csv, tmp_path):
    table = frame().assign(plan=lambda t: (t.index % 5 == 0) * 1.0)
    table["y"] += 3 * table["plan"]
    table.loc[table["ds"] > "2024-02-06", "y"] = None
    done = keepgate("fit", "forecast", csv(table), "--out", tmp_path / "run", "--known-columns", "plan", *FLAGS)
    assert done.code == 0, done.err
    assert "known ahead: 'plan'" in done.out
    whole = keepgate("predict", tmp_path / "run", csv(table))
    assert (whole.code, whole.err) == (0, "")
    after = table["y"].isna()
    past, future = csv(table[~after], "past.csv"), csv(table[after].drop(columns="y"), "future.csv")
    assert keepgate("predict", tmp_path / "run", past, "--future", future).out == whole.out
    refused(keepgate("predict", tmp_path / "run", past), "series 'a' has no value of 'plan' in row 1 after its end")


def test_only_a_forecast_has_a_future(keepgate, csv, run, tmp_path):
    refused(keepgate("predict", run, csv(frame()), "--future", tmp_path / "none.csv"), "none.csv")


def test_rolling_evaluation_by_model_series_and_step(keepgate, csv, run):
    table = csv(frame(rows=60), "more.csv")
    model = Forecaster.load(run)
    wanted = model.backtest(pd.read_csv(table, parse_dates=["ds"]), windows=4)
    for by, rows in (("model", wanted.scores), ("series", wanted.by_series), ("step", wanted.by_step)):
        outcome = keepgate("evaluate", run, table, "--windows", "4", "--by", by, "--json")
        assert outcome.code == 0, outcome.err
        found = pd.read_json(StringIO(outcome.out))
        assert found["model"].tolist() == [row["model"] for row in rows]
        np.testing.assert_allclose(found["MASE"], [row["MASE"] for row in rows], rtol=1e-6)
    assert {"seasonal naive 4", "last value"} <= {row["model"] for row in wanted.scores}
    refused(keepgate("evaluate", run, table, "--windows", "40"), "series 'a'", "40 windows of horizon 3")
    refused(keepgate("evaluate", run, table, "--by", "step"), "--by step needs --windows")


def test_update_goes_on_with_new_rows(keepgate, csv, run, tmp_path):
    table, new = csv(frame(rows=60), "more.csv"), tmp_path / "new"
    outcome = keepgate("update", run, table, "--out", new, "--epochs", "1")
    assert (outcome.code, outcome.err) == (0, "")
    before, after = (Forecaster.load(folder) for folder in (run, new))
    assert after.reads_.until - before.reads_.until == 20 * 86_400_000_000
    wanted = before.update(pd.read_csv(table, parse_dates=["ds"]), epochs=1)
    np.testing.assert_array_equal(values(after, table), values(wanted, table))
    refused(keepgate("update", new, table), "no row is later than those that the model has learned: nothing is new")


def values(model, table):
    return model.predict(pd.read_csv(table, parse_dates=["ds"])).filter(like="y_hat").to_numpy()

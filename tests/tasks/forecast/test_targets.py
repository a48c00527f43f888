"""Several targets at once: forecast, scored, explained, saved and rolled out together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keepgate import Forecaster
from keepgate.cli import main as command
from keepgate.tasks import face
from tasks.forecast.data import SMALL

BOTH = {"target_columns": ["a", "b"]}


def follower(rows: int = 602) -> pd.DataFrame:
    """Noise `a`, and `b`, which repeats it two rows later at another level and scale."""
    random = np.random.default_rng(0)
    a = random.normal(size=rows)
    b = 50 + 10 * np.r_[0, 0, a[:-2]] + random.normal(size=rows)
    return pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=rows, freq="h"), "a": a, "b": b})


@pytest.fixture(scope="module")
def both() -> Forecaster:
    options = {**SMALL, "window": 24, "hidden_size": 32, "epochs": 10, "batch_size": 128}
    return Forecaster(horizon=2, **options).fit(follower()[:-40], **BOTH)


def test_one_target_is_forecast_from_the_past_of_the_other(both: Forecaster) -> None:
    """Of b only noise of deviation 1 is new, where its own past says nothing: deviation 10."""
    rolled = both.backtest(follower(), windows=20)
    mae = {(row["model"], row.get("target")): row["MAE"] for row in rolled.scores}
    assert mae["lstm", "b"] < 0.35 * mae["last value", "b"]
    assert {row["target"] for row in rolled.by_step} == {"a", "b"}
    assert rolled.table.columns.to_list()[2:6] == ["cutoff", "a", "a_hat", "a_hat_q10"]
    last = rolled.table[rolled.table["cutoff"] == rolled.table["cutoff"].max()]
    np.testing.assert_array_equal(last[["a", "b"]], follower()[["a", "b"]][-2:])
    truth = np.abs(rolled.table["b"] - rolled.table["b_hat_q50"]).mean()
    assert mae["lstm", "b"] == pytest.approx(truth)


def test_predictions_have_columns_of_each_target(both: Forecaster, tmp_path: Path) -> None:
    table = follower()
    found = both.predict(table)
    wide = [f"{name}_hat{part}" for name in "ab" for part in ("", "_q10", "_q50", "_q90")]
    assert found.columns.to_list() == ["unique_id", "ds", *wide]
    assert len(found) == 2
    both.save(tmp_path)
    assert (values_of(Forecaster.load(tmp_path).predict(table)) == values_of(found)).all()


def test_further_steps_are_rolled_out_together(both: Forecaster) -> None:
    """From the third step on b repeats what a was forecast to be two steps before."""
    found = both.predict(follower(), horizon=8)
    assert found["rolled_out"].tolist() == [False] * 2 + [True] * 6
    assert found["ds"].is_unique
    np.testing.assert_allclose(found["b_hat"][2:], 50 + 10 * found["a_hat"][:-2], atol=3)


def test_explained_and_shown_by_target(both: Forecaster) -> None:
    effects = both.explain(follower(), step=1)
    size = effects.assign(size=effects["effect"].abs()).groupby(["target", "input"])["size"].sum()
    assert size["b", "a"] > 3 * size["b", "b"]
    scores, *_ = face(both).report(follower(), None)
    assert [(row["model"], row["target"]) for row in scores.rows][:1] == [("lstm", "a")]
    assert {row["target"] for row in scores.rows} == {"a", "b"}
    assert "of 1 series" in scores.text
    assert (
        face(both).about(both.to_panel(follower()))[0].startswith("1 series, 602 rows, one every 1 hour; target: a, b")
    )


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, run = tmp_path / "t.csv", tmp_path / "run"
    follower(120).to_csv(data, index=False)
    quick = ["--epochs", "1", "--hidden-size", "4", "--horizon", "2", "--window", "12"]
    assert command(["fit", "forecast", str(data), "--target-columns", "a", "b", *quick, "--out", str(run)]) == 0
    capsys.readouterr()
    assert command(["predict", str(run), str(data)]) == 0
    assert capsys.readouterr().out.splitlines()[0].replace('"', "") == (
        "unique_id,ds,a_hat,a_hat_q10,a_hat_q50,a_hat_q90,b_hat,b_hat_q10,b_hat_q50,b_hat_q90"
    )
    assert command(["evaluate", str(run), str(data), "--windows", "3"]) == 0
    assert "target" in capsys.readouterr().out


def test_gaps_known_columns_and_attributes() -> None:
    random = np.random.default_rng(0)
    table = pd.concat([follower(150).assign(unique_id=name, region=name) for name in "xy"], ignore_index=True)
    table["plan"] = random.normal(size=len(table))
    table.loc[5:9, "a"] = np.nan
    table.loc[149, "b"] = np.nan  # b of x ends a row earlier
    columns = {**BOTH, "known_columns": ["plan"], "static_columns": ["region"]}
    model = Forecaster(horizon=3, **SMALL).fit(table, **columns)
    future = pd.DataFrame({"unique_id": np.repeat([*"xy"], 3), "plan": 0.5})
    future["ds"] = [*pd.date_range("2024-01-07 06:00", periods=3, freq="h")] * 2
    found = model.predict(table, future=future)
    assert len(found) == 6
    assert np.isfinite(values_of(found)).all()
    assert model.update(table.assign(ds=table["ds"] + pd.Timedelta(hours=1)), epochs=1).history_


def values_of(table) -> np.ndarray:
    return table.filter(like="_hat").to_numpy()


def test_values_of_one_target_are_as_before() -> None:
    """Naming a single target as a list is the same as naming it."""
    table = follower(120)
    one, other = (
        Forecaster(horizon=2, **SMALL).fit(table, **{name: value})
        for name, value in (("target_column", "b"), ("target_columns", ["b"]))
    )
    assert (values_of(one.predict(table)) == values_of(other.predict(table))).all()

"""What the command line shows of a forecaster: its files, scores beside baselines, and the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from keepgate import Forecaster
from keepgate.errors import InputError
from keepgate.tasks import face, face_class
from keepgate.tasks.common.report.page import write_report
from keepgate.tasks.common.report.section import Section
from tasks.forecast.data import LINES, SMALL, changed, waves


def test_evaluate_is_the_error_of_predict(fitted: Forecaster) -> None:
    table = waves()
    one = table.groupby("unique_id").tail(19)
    forecast = fitted.predict(one.groupby("unique_id").head(14))
    truth = one.groupby("unique_id").tail(5)["y"].to_numpy()
    row = face(fitted).evaluate(one)[0]
    assert row["mse"] == pytest.approx(np.mean((truth - forecast["y_hat"]) ** 2))
    assert row["mae"] == pytest.approx(np.mean(abs(truth - forecast["y_hat"])))


@pytest.mark.parametrize("season", [1, 30])
def test_no_seasonal_naive_without_a_season_or_with_one_longer_than_the_window(season: int) -> None:
    forecaster = Forecaster(horizon=5, season=season, window=21, patch=7, **SMALL).fit(waves())
    assert [row["model"] for row in face(forecaster).report(waves(), None)[0].rows] == ["lstm", "last value"]


def test_sections_and_figure(fitted: Forecaster, tmp_path: Path) -> None:
    scores, forecasts, moved = face(fitted).report(waves(), None)
    assert [row["model"] for row in scores.rows] == ["lstm", "seasonal naive", "last value"]
    assert "72 windows of 2 series" in scores.text  # the last 40 rows of each are held out: 36 windows of horizon 5
    axes = forecasts.figure.axes
    assert [ax.get_title(loc="left") for ax in axes] == ["series 0", "series 1"]
    truth, forecast = (line.get_ydata() for line in axes[0].lines)
    assert truth[-5:].tolist() == waves()["y"][115:120].tolist()
    past = waves().groupby("unique_id").head(115)
    np.testing.assert_allclose(forecast, fitted.predict(past)["y_hat"][:5], rtol=1e-6)  # in another batch
    write_report(tmp_path / "report.html", "Forecasts", [scores, forecasts, moved])
    assert isinstance(scores, Section)
    assert "series 1" in (tmp_path / "report.html").read_text()
    assert moved.title == "What moved the forecasts of the held-out part's end"
    assert len(moved.figure.axes[0].patches) == 1 + len(fitted.reads_.calendar[:1])
    many = waves(40, levels=tuple(range(20)))
    assert len(face(fitted).figure(many, face(fitted).predictions(many)).axes) == 6


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".feather"])
def test_files(fitted: Forecaster, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    table = waves().rename(columns={"unique_id": "name", "y": "load"})
    {".csv": lambda p: table.to_csv(p, index=False), ".parquet": table.to_parquet, ".feather": table.to_feather}[
        suffix
    ](path)
    data = face_class("forecast").read(path, Forecaster.Columns(id_column="name", target_column="load"))
    forecast = face(fitted).table(data)
    assert isinstance(forecast, pa.Table)
    assert forecast.column_names == ["name", "ds", "load_hat", "load_hat_q10", "load_hat_q50", "load_hat_q90"]
    expected = fitted.predict(waves())
    np.testing.assert_allclose(forecast["load_hat"].to_numpy(), expected["y_hat"], rtol=1e-6)
    assert pd.to_datetime(forecast["ds"].to_pandas()).tolist() == expected["ds"].tolist()


def test_a_loaded_model_reads_the_columns_that_it_was_fitted_to(tmp_path: Path) -> None:
    table = waves().rename(columns={"y": "load"}).assign(x=1.0)
    columns = Forecaster.Columns(target_column="load")
    table.to_csv(tmp_path / "t.csv", index=False)
    forecaster = Forecaster(horizon=3, **SMALL).fit(face_class("forecast").read(tmp_path / "t.csv", columns))
    face(forecaster).bind_columns(columns)
    forecaster.save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    table.assign(note="text").to_csv(tmp_path / "more.csv", index=False)
    forecast = face(loaded).table(face_class("forecast").read(tmp_path / "more.csv", loaded.columns_))
    assert forecast == face(forecaster).table(face_class("forecast").read(tmp_path / "t.csv", columns))
    table.drop(columns="x").to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(InputError, match=r"less.csv has no column 'x'"):
        face_class("forecast").read(tmp_path / "less.csv", loaded.columns_)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line.rpartition(",")[0] for line in LINES], "has no column 'y' but 'unique_id', 'ds': rename or add it"),
        (["name,ds,y", *LINES[1:]], "has no column 'unique_id' but 'name', 'ds', 'y': rename or add it"),
        (changed(5, "a,2024-01-05,high"), ", column 'y', row 5: 'high' is no number"),
        (changed(5, "a,2024-01-05,inf"), ", column 'y', row 5 has an infinite value"),
        (changed(5, "a,yesterday,4"), ", column 'ds', row 5: 'yesterday' is no time"),
        (changed(5, "a,,4"), ", column 'ds', row 5 has no value"),
        (changed(5, "a,2024-01-04,4"), ", row 5: series 'a' already has the time 2024-01-04 in row 4 of column 'ds'"),
        (
            changed(60, "a,2024-03-07 09:00,4"),
            ", row 60: series 'a' goes from 2024-02-28 to 2024-03-07 09:00 where one step is 1 day",
        ),
        (LINES[:1], "is empty: it has a header and no rows"),
        ([], "is empty: it needs a header and rows"),
        (LINES[:2], "series 'a' has 1 row where 7 are needed"),
        ([*LINES, "b,2024-01-01,1"], "series 'b' has 1 row where 7 are needed"),
        (
            LINES[:12],
            r"series 'a' has 11 rows where 12 are needed \(horizon 5 \+ 2, and horizon 5 held out\): give more rows, "
            "take the series away, or say skip_bad",
        ),
    ],
)
def test_bad_files(tmp_path: Path, lines: list[str], message: str) -> None:
    (tmp_path / "t.csv").write_text("".join(line + "\n" for line in lines))
    with pytest.raises(InputError, match=message) as caught:
        Forecaster(horizon=5, **SMALL).fit(face_class("forecast").read(tmp_path / "t.csv"), run=tmp_path / "run")
    assert str(tmp_path / "t.csv") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()

"""Forecast two years of carbon dioxide in the air: fit, compare with seasonal naive, draw. Run by `make demo`.

The series is the weekly record of Mauna Loa, 1958 to 2001, that statsmodels carries (C. D. Keeling and T. P. Whorf,
public domain). It is brought to monthly means; the months without any measurement are filled by straight lines.
"""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import statsmodels.api as sm

from keepgate import Forecaster
from keepgate.tasks import face
from keepgate.tasks.common.report.page import write_report
from keepgate.tasks.common.report.section import Section

HORIZON = 24  # months
TEST = 10 * 12  # the last ten years are kept from training
OUT = Path("runs/demo")


def main() -> None:
    table = monthly()
    started = time.perf_counter()
    forecaster = Forecaster(horizon=HORIZON).fit(table[:-TEST])
    print(f"fitted in {time.perf_counter() - started:.0f} seconds, {len(forecaster.history_)} epochs")

    test = table[-TEST - forecaster.window_ :]  # the first forecast needs the window before it
    forecasts = face(forecaster)
    backtest = forecasts.predictions(test)
    rows = forecasts.scores(test, backtest)
    windows = TEST - HORIZON + 1
    text = (
        f"Mean error over {windows} forecasts of {HORIZON} months each, in the last ten years, which no training saw."
    )
    print(f"\n{text}\n{'':16}{'MSE':>8}{'MAE':>8}   (ppm², ppm)")
    for row in rows:
        print(f"{row['model']:16}{row['mse']:8.2f}{row['mae']:8.2f}")

    figure = forecasts.figure(test, backtest)
    OUT.mkdir(parents=True, exist_ok=True)
    forecaster.save(OUT)
    figure.savefig(OUT / "forecast.png", dpi=150)
    write_report(
        OUT / "report.html",
        "Carbon dioxide at Mauna Loa",
        [Section("Scores", text, rows), Section("The last two years, forecast from what came before", figure=figure)],
    )
    print(f"\n{forecaster.predict(table).tail(3).to_string(index=False)}\n")
    print(f"report:  {OUT / 'report.html'}\nplot:    {OUT / 'forecast.png'}\nmodel:   {OUT}")


def monthly() -> pd.DataFrame:
    weekly = sm.datasets.co2.load_pandas().data["co2"]
    months = weekly.resample("MS").mean()
    print(
        f"CO2 at Mauna Loa: {len(weekly)} weeks, {weekly.isna().sum()} without a value; as {len(months)} monthly "
        f"means, of which {months.isna().sum()} had no week and are interpolated"
    )
    return pd.DataFrame({"unique_id": "Mauna Loa", "ds": months.index, "y": months.interpolate().to_numpy()})


if __name__ == "__main__":
    main()

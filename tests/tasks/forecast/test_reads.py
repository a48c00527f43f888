"""What is inferred of a table: it comes back from JSON, and earlier files say less."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from keepgate import Forecaster
from keepgate.data.tables.reading import panel
from keepgate.errors import InputError
from keepgate.tasks.forecast.reads import FITTED, Reads, infer
from tasks.forecast.data import SMALL

OPTIONS = {"season": None, "window": None, "patch": None, "calendar": True, "holidays": None}


def shop(rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(0)
    plan = (random.random(rows) < 0.25) * 1.0
    days = pd.date_range("2024-01-01", periods=rows, freq="D")
    y = 100 + 40 * plan + random.normal(size=rows)
    return pd.DataFrame({"unique_id": "shop", "ds": days, "y": y, "plan": plan, "region": "north"})


def test_all_that_is_read_comes_back_from_json() -> None:
    table = shop()
    table.loc[20, "y"] = None
    data = panel(table, known_columns=["plan"], static_columns=["region"])
    reads = infer(data, horizon=7, **OPTIONS)
    assert (reads.window, reads.season, reads.gaps, reads.calendar) == (28, 7, True, ("week",))
    assert (reads.known, reads.attributes) == (("plan",), {"region": ["north"]})
    assert reads.scales["shop"] == pytest.approx([table["y"].ffill().std(ddof=0), 1.0])
    state = json.loads(json.dumps(reads.to_json()))
    FITTED("fitted", state)
    assert Reads.from_json(state, 7) == reads
    with pytest.raises(InputError, match=r"fitted\.scales has not 2 numbers"):
        Reads.from_json({**state, "scales": {"shop": [1.0]}}, 7)
    with pytest.raises(InputError, match=r"fitted\.calendar has 'moon'"):
        Reads.from_json({**state, "calendar": ["moon"]}, 7)


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

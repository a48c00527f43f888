"""Effects add up to what they explain, and find what moved a forecast."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from keepgate import Forecaster
from keepgate.errors import InputError
from keepgate.runtime.blocks import window_norm
from keepgate.tasks.forecast.examples import Prepared
from keepgate.tasks.forecast.explanation import effects
from tasks.forecast.data import SMALL, waves


def sales(rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(0)
    planned = (random.random(rows) < 0.3) * 1.0
    days = pd.date_range("2024-01-01", periods=rows)
    y = 10 + 5 * planned + random.normal(size=rows)
    return pd.DataFrame({"unique_id": "shop", "ds": days, "y": y, "promotion": planned, "region": "north"})


@pytest.mark.parametrize("step", [None, 2])
def test_effects_add_up_to_the_distance_from_what_says_nothing(step):
    table = sales()
    model = Forecaster(horizon=3, **SMALL).fit(table, known_columns=["promotion"], static_columns=["region"])
    prepared = Prepared(model.to_panel(table), model.reads_)
    given = prepared.given(np.array([150, 190]), np.array([0, 0]))
    z, _, spread = window_norm(given["window"], given["spread"])
    inputs = {k: torch.from_numpy(x) for k, x in given.items() if k not in ("window", "spread")}
    network = model.network_
    silent = {
        **inputs,
        "normalized": torch.zeros(z.shape),
        "before": network.plan.mean.expand_as(inputs["before"]),
        "ahead": network.known.mean.expand_as(inputs["ahead"]),
    }
    with torch.no_grad():
        read, flat = (
            network.run(x, "scaled")[:, :, 0].double().numpy()
            for x in ({**inputs, "normalized": torch.from_numpy(z.astype(np.float32))}, silent)
        )
    distance = (read - flat) * spread[:, :, 0]
    wanted = distance.mean(1) if step is None else distance[:, step - 1]
    found = effects(model, given, "y", step)
    np.testing.assert_allclose(sum(effect.values for effect in found), wanted, rtol=1e-3, atol=1e-3)
    assert {effect.input for effect in found} == {"y", "promotion", "calendar"}


def test_a_planned_promotion_is_what_moves_a_forecast():
    table = sales().drop(columns="region")
    model = Forecaster(horizon=1, epochs=1, hidden_size=8, progress=False).fit(table, known_columns=["promotion"])
    future = pd.DataFrame({"unique_id": "shop", "ds": table["ds"][199:] + pd.Timedelta("1D"), "promotion": 1.0})
    found = model.explain(table, future=future)
    assert found.columns.tolist() == ["unique_id", "input", "first", "last", "effect"]
    ahead = found[found["first"] > 0].set_index("input")["effect"]
    assert ahead["promotion"] == pytest.approx(5 * (1 - table["promotion"].mean()), rel=0.25)
    past = found[(found["input"] == "y")]
    assert past["last"].max() == -1
    assert past["first"].min() == -model.window_


def test_the_season_is_found_among_the_lags():
    table = waves(rows=150, levels=(0.0,), noise=0.0)
    model = Forecaster(horizon=1, patch=1, window=14, **SMALL).fit(table)
    found = model.explain(table)
    strongest = found.loc[found["effect"].abs().idxmax()]
    assert strongest["first"] in (-1, -7, -14)


def test_a_step_that_there_is_not_is_refused():
    model = Forecaster(horizon=3, **SMALL).fit(waves())
    with pytest.raises(InputError, match=r"^step=4 is none of the steps ahead, 1 to 3$"):
        model.explain(waves(), step=4)

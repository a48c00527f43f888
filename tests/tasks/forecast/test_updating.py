"""An update learns what is new from the weights of before, and says what it cannot do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from keepgate import Forecaster
from keepgate.errors import InputError
from tasks.forecast.data import SMALL, values, waves


def shifting(rows: int = 200) -> pd.DataFrame:
    """A series whose weekly shape turns about after 100 rows."""
    table = waves(rows=rows, levels=(0.0,), noise=0.05)
    table.loc[100:, "y"] = -(np.sin(2 * np.pi * np.arange(100, rows) / 7) ** 3)
    return table


def test_new_rows_are_learned_and_the_scale_of_reading_stays():
    table = shifting()
    model = Forecaster(horizon=7, **SMALL).fit(table[:100])
    reads = model.reads_
    before = np.abs(values(model.predict(table[:180]))[:, 0] - table["y"][180:187]).mean()
    model.update(table[:180])
    after = np.abs(values(model.predict(table[:180]))[:, 0] - table["y"][180:187]).mean()
    assert after < 0.7 * before
    assert replace(model.reads_, until=reads.until) == reads
    assert len(model.history_) == 2


def test_an_updated_model_is_kept_and_the_same_call_gives_the_same_bits(tmp_path):
    table = waves()
    first = Forecaster(horizon=5, **SMALL).fit(waves(rows=100))
    first.save(tmp_path / "before")
    updated = Forecaster.load(tmp_path / "before").update(table, epochs=1)
    np.testing.assert_array_equal(values(first.update(table, epochs=1).predict(table)), values(updated.predict(table)))
    updated.save(tmp_path / "after")
    np.testing.assert_array_equal(
        values(Forecaster.load(tmp_path / "after").predict(table)), values(updated.predict(table))
    )


def test_what_cannot_be_updated_is_told():
    model = Forecaster(horizon=5, **SMALL).fit(waves(rows=100))
    with pytest.raises(InputError, match=r"no row is later than those that the model has learned: nothing is new$"):
        model.update(waves(rows=90))
    with pytest.raises(InputError, match=r"^epochs=0 "):
        model.update(waves(), epochs=0)
    model.reads_ = replace(model.reads_, terms=())
    with pytest.raises(InputError, match=r"^this model was saved by an earlier version, and cannot be updated"):
        model.update(waves())

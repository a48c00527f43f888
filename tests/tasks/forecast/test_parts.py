"""Which rows are held out and what is refused, by lengths that are counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from keepgate.data.tables.panel import Panel
from keepgate.data.tables.reading import panel
from keepgate.errors import InputError
from keepgate.tasks.forecast.parts import alike, early_leads, leads, split, usable
from keepgate.tasks.forecast.reads import Reads


def series(*lengths: int, skip_bad: bool = False) -> Panel:
    parts = [pd.DataFrame({"unique_id": f"s{n}", "ds": range(n), "y": np.arange(n) % 3}) for n in lengths]
    return panel(pd.concat(parts), skip_bad=skip_bad)


def reads(data: Panel) -> Reads:
    return Reads(2, 6, 1, 3, data.frequency)


@pytest.mark.parametrize(("rows", "held"), [(5, 0), (6, 2), (30, 10), (60, 16), (200, 40)])
def test_a_fifth_is_held_out_of_a_short_series_more_and_of_the_shortest_nothing(rows: int, held: int) -> None:
    """8 horizons are 16 rows; a third of 30 is less, a fifth of 200 is more."""
    data = series(300, rows)
    part, held_out = split(data, reads(data))
    assert part.lengths[1] == rows - held
    assert held_out.lengths.tolist()[1:] == ([min(rows - held, 6) + held] if held else [])


def test_leads() -> None:
    data = series(4, 9, 30)
    assert leads(data, reads(data)).tolist() == [2, 6, 6]
    assert early_leads(data, reads(data)).tolist() == [2, 4, 6]


def test_series_that_are_too_short() -> None:
    assert usable(series(30, 3, skip_bad=True), 2).lengths.tolist() == [30]
    with pytest.raises(InputError, match=r"series 's3' has 3 rows where 4 are needed \(horizon 2 \+ 2\)"):
        usable(series(30, 3), 2)
    with pytest.raises(InputError, match="and horizon 2 held out"):
        usable(series(5), 2)


def test_another_step_is_refused() -> None:
    data = series(9)
    other = panel(pd.DataFrame({"unique_id": "a", "ds": range(0, 20, 2), "y": range(10)}))
    assert alike(data, reads(data)) is data
    with pytest.raises(InputError, match="its rows are 2 steps apart, the model was fitted to steps of 1 step"):
        alike(other, reads(data))

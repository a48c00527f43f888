from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from keepgate.data.tables.reading import panel
from keepgate.errors import InputError
from keepgate.tasks.forecast.reads import FITTED, Reads, Term, deviations, infer


def series(**columns):
    ds = pd.date_range("2024-01-01", periods=60, freq="D")
    y = np.sin(np.arange(60.0))
    parts = [
        pd.DataFrame({"unique_id": name, "ds": ds, "y": y + level, **columns}) for name, level in (("a", 0), ("b", 9))
    ]
    return panel(pd.concat(parts, ignore_index=True))


def inferred(data, **options):
    given = {"horizon": 5, "season": None, "window": None, "patch": None, "calendar": False, "holidays": None}
    return infer(data, **{**given, **options})


def test_what_is_given_is_taken():
    reads = inferred(series(), season=3, window=12, patch=4)
    assert (reads.horizon, reads.season, reads.window, reads.patch) == (5, 3, 12, 4)
    assert (reads.channels, reads.ahead, reads.gaps) == (1, 0, False)
    assert inferred(series(), window=14).season == 7  # of days


def test_a_covariate_is_a_channel():
    reads = inferred(series(heat=1.5 * np.arange(60.0) ** 2), window=14)
    assert reads.covariates == ("heat",)
    assert reads.channels == 2
    assert reads.sizes(3).channels == 2
    assert reads.sizes(3).quantiles == 3


def test_it_goes_to_json_and_back():
    reads = inferred(series(heat=1.5 * np.arange(60.0) ** 2), calendar=True, window=28)
    written = json.loads(json.dumps(reads.to_json()))
    FITTED("fitted", written)
    assert Reads.from_json(written, 5) == reads
    assert reads.ahead > 0


def test_files_of_the_first_version_say_less():
    written = inferred(series(), window=14).to_json()
    early = {name: written[name] for name in ("window", "patch", "season", "frequency", "covariates")}
    FITTED("fitted", early)
    reads = Reads.from_json(early, 5)
    assert (reads.gaps, reads.known, reads.calendar, reads.calibrated) == (False, (), (), False)


def test_a_departure_of_earlier_files_is_one_term():
    written = {**inferred(series(), window=14).to_json(), "departure": {"season": 7, "penalty": 0.1}}
    del written["terms"]
    FITTED("fitted", written)
    assert Reads.from_json(written, 5).terms == (Term(7, 0.1),)


def test_roots_have_their_own_deviations():
    data = series(level=1.0)
    roots = np.sqrt(np.sin(np.arange(60.0)) + 9)
    found = deviations(data, inferred(data, transform="sqrt"))
    assert found[1, 0] == pytest.approx(roots.std())


def changed(**values):
    return {**inferred(series(), window=14, patch=7).to_json(), **values}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (changed(patch=15), "^fitted.patch=15 is longer than the window of 14 rows$"),
        (changed(calendar=["tea"]), "^fitted.calendar has 'tea', which is none of "),
        (
            changed(terms=[{"season": 15, "penalty": 1.0, "order": 0, "share": 1.0}]),
            "^fitted.terms reach beyond the window of 14 rows$",
        ),
        (changed(scales={"a": [1.0, 2.0]}), "^fitted.scales has not 1 numbers for each series$"),
        (changed(frequency={"unit": "month", "count": 12_001, "month_end": False}), "^fitted.frequency.count=12001 "),
    ],
)
def test_values_that_do_not_fit_each_other(written, words):
    with pytest.raises(InputError, match=words):
        Reads.from_json(written, 5)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (changed(window=1), "window"),
        (changed(window=2.5), "window"),
        (changed(frequency={"unit": "moon", "count": 1, "month_end": False}), "unit"),
        (changed(covariates=["a", "a"]), "covariates"),
        (changed(scales={"a": [-1.0]}), "scales"),
        ([], "fitted"),
    ],
)
def test_what_no_model_says(written, words):
    with pytest.raises(InputError, match=words):
        FITTED("fitted", written)


def test_a_patch_longer_than_the_window():
    with pytest.raises(InputError, match=r"^patch=9 is longer than the window of 8 rows$"):
        inferred(series(), window=8, patch=9)


def test_deviations_are_numpys_and_1_for_what_is_constant():
    data = series(heat=np.full(60, 3.0))
    assert data.covariates == ("heat",)
    deviation = np.sin(np.arange(60.0)).std()
    np.testing.assert_allclose(deviations(data, inferred(data)), [[deviation, 1.0], [deviation, 1.0]])

"""Anomalies found in files: tables, lists and pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.tasks.common.sequence_parameters import SequenceColumns
from keepgate.tasks.embed.anomalies import ErrorDistribution
from keepgate.tasks.embed.detection import Detection
from tasks.embed.data import sequences, waves


def test_a_fault_is_where_the_scores_are_highest(trained):
    values = waves(10, seed=2)
    values[3][12:15, 0] = 1.5
    found = Detection.of(trained, sequences(values), 0.999, "step")
    worst = found.rows()[0]
    assert worst["series"] == "s3"
    assert worst["begin"] <= 14
    assert worst["end"] >= 13
    assert Detection.of(trained, sequences(values), 0.99, "series").rows()[0]["series"] == "s3"
    table = found.table().to_pylist()
    assert len(table) == sum(map(len, values))
    assert [row["step"] for row in table if row["unique_id"] == "s3"] == list(range(1, len(values[3]) + 1))
    assert [row["anomaly"] for row in table] == [row["anomaly_score"] > found.threshold for row in table]
    assert "s3" in found.sections(trained)[1].title


def found(by="step", threshold=2.0, times=None):
    scores = [np.array([1.0, 3.0, 4.0, 0.0]), np.array([9.0]), np.array([0.5, 0.5])]
    data = sequences([np.zeros((len(s), 2)) for s in scores])
    data = replace(data, times=None if times is None else [np.asarray(times)[: len(s)] for s in scores])
    shares = [np.stack([np.zeros(len(s)), 2 * s], axis=1) for s in scores]
    return Detection(data, scores, threshold, by, SequenceColumns(id_column="series"), shares, ["u", "v"])


def test_steps_by_hand():
    detection = found()
    assert detection.table().to_pydict() == {
        "series": ["s0"] * 4 + ["s1"] + ["s2"] * 2,
        "step": [1, 2, 3, 4, 1, 1, 2],
        "channel": ["v", "v", "v", "u", "v", "v", "v"],
        "anomaly_score": [1.0, 3.0, 4.0, 0.0, 9.0, 0.5, 0.5],
        "anomaly": [False, True, True, False, True, False, False],
    }
    assert detection.rows() == [
        {"series": "s1", "begin": 1, "end": 1, "steps": 1, "channel": "v", "score": 9.0},
        {"series": "s0", "begin": 2, "end": 3, "steps": 2, "channel": "v", "score": 4.0},
    ]
    assert detection.summary() == "3 of 7 steps score above 2 (1 is ordinary)."


@pytest.mark.parametrize(
    ("times", "begin", "end"),
    [
        (np.arange("2024-01-01", "2024-01-05", dtype="datetime64[D]"), "2024-01-02", "2024-01-03"),
        (
            np.arange("2024-01-01T10", "2024-01-01T14", dtype="datetime64[h]").astype("datetime64[us]"),
            "2024-01-01 11:00:00",
            "2024-01-01 12:00:00",
        ),
        ([5, 10, 15, 20], 10, 15),
        (["a", "b", "c", "d"], "b", "c"),
    ],
)
def test_stretches_are_told_by_their_times(times, begin, end):
    detection = found(times=times)
    row = detection.rows()[1]
    assert (row["begin"], row["end"], row["steps"]) == (begin, end, 2)
    assert len(detection.table().column("ds")) == 7


def test_a_channel_adds_what_it_takes_away_from_the_distance():
    """The squared Mahalanobis distance is the sum of what the channels add."""
    random = np.random.default_rng(0)
    ordinary = random.normal(size=(500, 3)) @ random.normal(size=(3, 3))
    distribution = ErrorDistribution.of([ordinary])
    other = 3 * random.normal(size=(7, 3))
    inverse = np.linalg.inv(np.linalg.inv(distribution.whiten) @ np.linalg.inv(distribution.whiten).T)
    apart = other - ordinary.mean(axis=0)
    np.testing.assert_allclose(distribution.shares(other).sum(axis=1), np.einsum("ti,ij,tj->t", apart, inverse, apart))
    np.testing.assert_allclose(distribution.shares(other).mean(axis=1), distribution.scores([other])[0])


def test_the_channel_at_fault_is_named(trained):
    values = waves(10, seed=2)
    values[3][12:15, 1] += 2.0
    found = Detection.of(trained, sequences(values), 0.999, "step")
    assert found.rows()[0]["channel"] == found.channels[1]


def test_series_by_hand():
    detection = found("series", 1.0)
    assert detection.means.tolist() == [2.0, 9.0, 0.5]
    assert detection.table().to_pydict() == {
        "series": ["s0", "s1", "s2"],
        "anomaly_score": [2.0, 9.0, 0.5],
        "anomaly": [True, True, False],
    }
    assert detection.rows() == [{"series": "s1", "score": 9.0}, {"series": "s0", "score": 2.0}]
    assert detection.summary() == "2 of 3 series score above 1 (1 is ordinary)."


@pytest.mark.parametrize("by", ["step", "series"])
def test_nothing_out_of_the_ordinary(by):
    detection = found(by, 100.0)
    assert detection.rows() == []
    assert not any(detection.table()["anomaly"].to_pylist())


def test_the_threshold_is_that_of_ordinary_scores(fitted):
    data = sequences(waves(3))
    for by in ("step", "series"):
        assert Detection.of(fitted, data, 0.9, by).threshold == fitted.ordinary_.threshold(0.9, by)
    assert isinstance(fitted.ordinary_, ErrorDistribution)


def test_what_is_neither_steps_nor_series(fitted):
    with pytest.raises(InputError, match=r"^by='day' is none of step, series$"):
        Detection.of(fitted, sequences(waves(1)), 0.9, "day")


def test_pictures_are_of_the_highest_series_first(fitted):
    data = sequences(waves(8))
    detection = Detection.of(fitted, data, 0.5, "series")
    first, *pictures = detection.sections(fitted)
    assert first.text == detection.summary()
    order = [data.ids[i] for i in np.argsort(-detection.means, kind="stable")]
    assert [one.title.split(":")[0] for one in pictures] == [f"Series {name}" for name in order[:6]]

"""What the command line shows of a language model."""

from __future__ import annotations

import math

import pytest

from keepgate.tasks import face
from keepgate.tasks.write.text import split
from tasks.write.data import TEXT


def test_the_table_has_a_row_for_each_unit(fitted):
    table = face(fitted).table("the cat").to_pylist()
    assert "".join(row["unit"] for row in table) == "the cat"
    assert [row["position"] for row in table] == [*range(1, len(table) + 1)]
    assert sum(row["bits"] for row in table) == pytest.approx(-fitted.log_probs("the cat").sum() / math.log(2))


def test_the_report_has_scores_surprise_and_samples(fitted):
    sections = face(fitted).report(TEXT, None)
    assert [section.title for section in sections][:2] == [
        "Scores on the held-out text",
        "Surprise on the held-out text",
    ]
    assert sections[0].rows == face(fitted).evaluate(split(TEXT, None, fitted.units)[1])
    assert len(sections[1].figure.axes[0].patches) == len(split(TEXT, None, "characters")[1])
    assert all(section.listing for section in sections[2:])

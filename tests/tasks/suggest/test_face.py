"""What the command line shows of suggestions."""

from __future__ import annotations

from keepgate.tasks import face
from tasks.suggest.data import TEXT


def test_the_table_has_a_row_for_each_keystroke(fitted):
    rows = face(fitted).table("the c").to_pylist()
    assert [row["word"] for row in rows] == ["t", "th", "the", "", "c"]
    assert rows[-1]["suggestions"].split() == fitted.suggest("the c")


def test_the_report_shows_taps(fitted):
    sections = face(fitted).report(TEXT, None)
    assert sections[0].rows[0]["model"] == "lstm, 2-gram and recent words"
    assert "[" in sections[2].listing

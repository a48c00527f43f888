"""Names of columns: what is told of series, and what further files are read by."""

from __future__ import annotations

from keepgate.tasks.classify.parameters import ClassifyColumns
from keepgate.tasks.common.sequence_parameters import SequenceColumns, names_of_series, of_further

COLUMNS = ClassifyColumns(id_column="who", group_column="ward", text_column="note")


def test_series_know_nothing_of_texts():
    told = names_of_series(COLUMNS)
    assert (told["id_column"], told["group_column"]) == ("who", "ward")
    assert "text_column" not in told


def test_further_files_have_the_channels_of_the_first_and_need_no_groups():
    further = of_further(COLUMNS, ["b", "a"])
    assert (further.channel_columns, further.group_column, further.id_column) == (("b", "a"), None, "who")
    assert of_further(COLUMNS, None).channel_columns is None
    assert of_further(SequenceColumns(), ["a"]) == SequenceColumns(channel_columns=("a",))

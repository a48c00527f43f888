"""Tables of predicted tags as files. What whole runs write is in tests/cli/test_tag.py."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from keepgate.errors import InputError
from keepgate.tasks.tag.writing import TEXTS, as_conll, as_json_lines

TABLE = {
    "sentence": [1, 1, 2, 3],
    "token": ["Ann", "Lee", "Bo", "x"],
    "text": [1, 1, 1, 3],
    "begin": [0, 5, 10, 1],
    "end": [3, 8, 12, 2],
    "tag_hat": ["B-a", "I-a", "I-a", "O"],
    "probability": [0.5, 0.25, 0.75, 1.0],
}


def test_a_text_is_a_line_and_its_sentences_have_spans_of_their_own():
    texts = ["Ann  Lee; Bo", " ", " x"]
    table = pa.table(TABLE).replace_schema_metadata({TEXTS: json.dumps(texts)})
    first, second, third = map(json.loads, as_json_lines(table).splitlines())
    assert [line["text"] for line in (first, second, third)] == texts
    assert first["places"] == [[0, 3], [5, 8], [10, 12]]
    assert first["spans"] == [
        {"kind": "a", "start": 0, "stop": 2, "text": "Ann  Lee", "begin": 0, "end": 8, "score": 0.25},
        {"kind": "a", "start": 2, "stop": 3, "text": "Bo", "begin": 10, "end": 12, "score": 0.75},
    ]
    assert second == {"text": " ", "tokens": [], "tags": [], "probabilities": [], "places": [], "spans": []}
    assert third["spans"] == []


def test_sentences_that_are_no_running_text_are_written_with_spaces():
    first, *_ = map(json.loads, as_json_lines(pa.table(TABLE)).splitlines())
    assert first["spans"] == [
        {"kind": "a", "start": 0, "stop": 2, "text": "Ann Lee", "begin": 0, "end": 7, "score": 0.25}
    ]
    assert as_conll(pa.table(TABLE)) == b"Ann\tB-a\nLee\tI-a\n\nBo\tI-a\n\nx\tO\n\n"


def test_what_cannot_be_written_is_told():
    with pytest.raises(InputError, match=r"^the token 'a\\tb' has a tab or the end of a line: write \.jsonl$"):
        as_conll(pa.table({"sentence": [1], "token": ["a\tb"], "tag_hat": ["O"], "probability": [1.0]}))
    with pytest.raises(InputError, match=r"^the sequences are frames, without tokens; write a table$"):
        as_json_lines(pa.table({"sentence": [1], "tag_hat": ["O"], "probability": [1.0]}))

"""Running text cut into sentences and words, with their places; what is no text."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepgate.data.text.running import cut_texts, read_running_text
from keepgate.errors import InputError, MissingExtraError

pytest.importorskip("nltk")

TEXT = 'Dr. Lee flew to "New York" (N.Y.). It  didn\'t\train!'
WORDS = [
    ["Dr.", "Lee", "flew", "to", '"', "New", "York", '"', "(", "N.Y.", ")", "."],
    ["It", "did", "n't", "rain", "!"],
]


def test_words_and_marks_are_tokens_with_their_places():
    data = cut_texts(["Yes.", " \t", TEXT])
    assert data.tokens == [["Yes", "."], *WORDS]
    assert data.of_text == [0, 2, 2]
    assert [[TEXT[a:b] for a, b in row] for row in data.places[1:]] == WORDS
    assert data.tags is None


@given(st.lists(st.text(max_size=60), min_size=1, max_size=4))
def test_nothing_that_is_seen_is_lost(texts):
    try:
        data = cut_texts(texts)
    except InputError:
        assert not "".join(texts).split()
        return
    for k, text in enumerate(texts):
        places = [place for number, row in zip(data.of_text, data.places, strict=True) if number == k for place in row]
        assert places == sorted(places)
        assert "".join(text[a:b] for a, b in places).split() == ["".join(text.split())] * bool(text.split())


def test_each_line_of_a_file_is_a_text(tmp_path):
    (tmp_path / "a.txt").write_text(f"{TEXT}\n\nNo more.\n")
    data = read_running_text(tmp_path / "a.txt")
    assert data.texts == [TEXT, "", "No more."]
    assert data.of_text == [0, 0, 2]
    (tmp_path / "b.txt").write_text(" \n\n")
    with pytest.raises(InputError, match=r"b\.txt has no text: give at least one word$"):
        read_running_text(tmp_path / "b.txt")


def test_the_extra_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "nltk.tokenize", None)
    with pytest.raises(MissingExtraError, match=r"^running text needs nltk; run: pip install 'keepgate\[tag\]'$"):
        cut_texts([TEXT])

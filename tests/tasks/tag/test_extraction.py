"""What is marked in texts: its place, its text, its score; sentences do not run into each other."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate import Tagger
from keepgate.errors import InputError
from keepgate.tasks.tag.extraction import extracts, joined
from tasks.tag.data import SMALL


def test_a_span_has_its_place_in_the_text():
    text, places = " in  New\tYork now", [(1, 3), (5, 8), (9, 13), (14, 17)]
    (found,) = extracts(text, places, ["O", "B-place", "I-place", "O"], [1, 0.75, 0.5, 1], first=10)
    assert found == ("place", 11, 13, "New\tYork", 5, 13, 0.5)


def test_tokens_alone_stand_apart_by_spaces():
    text, places = joined(["a", "bcd", "e"])
    assert (text, [text[a:b] for a, b in places]) == ("a bcd e", ["a", "bcd", "e"])


def test_running_text_is_read_as_its_sentences_are(spans_of_words):
    pytest.importorskip("nltk")
    chained = Tagger(**{**SMALL, "epochs": 15, "learning_rate": 0.01}).fit(*spans_of_words)
    text = "walks great wall walks. North walks."
    found = chained.extract(["walks", text])
    tokens = [["walks", "great", "wall", "walks", "."], ["North", "walks", "."]]
    assert len(found) == 2
    assert all(text[one.begin : one.end] == one.text for one in found[1])
    chances = chained.predict_proba(tokens)
    tags = chained.predict(tokens)
    places = [[(0, 5), (6, 11), (12, 16), (17, 22), (22, 23)], [(24, 29), (30, 35), (35, 36)]]
    wanted = []
    for row, p, where, first in zip(tags, chances, places, (0, 5), strict=True):
        sure = p[np.arange(len(row)), [chained.tags_.index(tag) for tag in row]]
        wanted += extracts(text, where, row, sure, first)
    assert [one[:6] for one in found[1]] == [one[:6] for one in wanted]
    np.testing.assert_allclose([one.score for one in found[1]], [one.score for one in wanted], atol=1e-6)
    assert "great wall" in [one.text for one in found[1]]


def test_tags_that_mark_no_spans_are_told(fitted):
    with pytest.raises(InputError, match=r"^the tags \(.*\) mark no spans: `predict` has a tag for each word$"):
        fitted.extract(["a text"])
    with pytest.raises(InputError, match=r"^texts is 'a text': give a list of texts, at least one$"):
        Tagger(**SMALL).fit([["a", "b"]] * 4, [["B-x", "O"]] * 4).extract("a text")

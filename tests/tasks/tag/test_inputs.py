from __future__ import annotations

import numpy as np
import pytest

from keepgate.data.text.sentences import Sentences
from keepgate.errors import InputError
from keepgate.tasks.tag.inputs import are_sentences, as_tagged, as_untagged, sessions_of

FRAMES = np.arange(12.0).reshape(2, 3, 2)


@pytest.mark.parametrize(
    "X",
    [[["a", "b"], ["c"]], (("a", "b"), ("c",)), Sentences([["a", "b"], ["c"]], None)],
    ids=["lists", "tuples", "file"],
)
def test_sentences_stay_what_they_are(X):
    found = as_untagged(X)
    assert [list(sentence) for sentence in found] == [["a", "b"], ["c"]]
    assert are_sentences(found)


@pytest.mark.parametrize(
    "X", [FRAMES, list(FRAMES), [FRAMES[0].tolist(), FRAMES[1].tolist()]], ids=["block", "arrays", "lists"]
)
def test_frames_are_arrays(X):
    found = as_untagged(X)
    np.testing.assert_array_equal(np.stack(found), FRAMES)
    assert not are_sentences(found)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([], "^X is .*: give a list of sentences, each a list of tokens, or of arrays of frames, at least one$"),
        ("a b", "^X is 'a b': give a list of sentences"),
        ({"a": 1}, "^X is .*: give a list of sentences"),
        ([["a"], []], r"^X\[1\] is no list of tokens, each a text that is not empty$"),
        ([["a"], ["b", ""]], r"^X\[1\] is no list of tokens"),
        ([["a"], ["b", 1]], r"^X\[1\] is no list of tokens"),
        ([["a"], "b"], r"^X\[1\] is no list of tokens"),
        ([np.array([[np.nan]])], r"^X\[0\] has NaN"),
        ([np.zeros((2, 1)), np.zeros((2, 2))], r"^X\[1\] has 2 channels where 1 are expected"),
    ],
)
def test_what_is_neither_is_refused(X, words):
    with pytest.raises(InputError, match=words):
        as_untagged(X)


def test_tags_are_texts_in_step_with_their_tokens():
    values, tags = as_tagged([["a", "b"], ["c"]], [[1, 2], np.array(["X"])])
    assert values == [["a", "b"], ["c"]]
    assert tags == [["1", "2"], ["X"]]
    own = Sentences([["a"]], [["N"]])
    assert as_tagged(own, None)[1] == [["N"]]
    assert as_tagged(own, [["V"]])[1] == [["V"]]


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ([["a"]], None, "^there are no tags: give y, a list of tags for each sequence$"),
        (Sentences([["a"]], None), None, "^there are no tags"),
        ([["a"]], [["X"], ["Y"]], "^inconsistent numbers of samples: 1 sequences in X, 2 in y$"),
        ([["a", "b"]], [["X"]], r"^X\[0\] has 2 tokens or frames, y\[0\] 1 tags$"),
        ([["a"]], ["X"], r"^y\[0\] is 'X': give a list of tags, at least one$"),
        ([["a"]], "X", "^y is 'X': give a list of lists of tags, at least one$"),
        (FRAMES, [["X"] * 3, ["X"] * 2], r"^X\[1\] has 3 tokens or frames, y\[1\] 2 tags$"),
    ],
)
def test_tags_that_do_not_fit_are_refused(X, y, words):
    with pytest.raises(InputError, match=words):
        as_tagged(X, y)


def test_only_what_was_read_from_a_file_has_sessions():
    assert sessions_of([["a"]]) is None
    assert sessions_of(Sentences([["a"]], None)) is None

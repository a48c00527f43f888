"""Scores of tags and spans against scikit-learn and a walk over the tags."""

import warnings
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from keepgate.tasks.tag.scores import Span, breaks_span, marks_spans, span_scores, spans, token_scores

TAGS = st.sampled_from(["O", "B-x", "I-x", "B-y", "I-y"])


PAIRS = st.lists(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=8), min_size=1, max_size=4)


@given(PAIRS)
def test_token_scores_are_scikit_learns(pairs):
    truth = [[a for a, _ in row] for row in pairs]
    guess = [[b for _, b in row] for row in pairs]
    flat = list(chain(*truth)), list(chain(*guess))
    found = token_scores(truth, guess)
    assert found[""]["F1"] == pytest.approx(accuracy_score(*flat))
    names = [name for name in found if name]
    expected = np.transpose(precision_recall_fscore_support(*flat, labels=names, zero_division=0))
    np.testing.assert_allclose([list(found[name].values()) for name in names], expected)


@given(PAIRS)
def test_span_scores_are_those_of_sets_found_by_a_walk(pairs):
    def walk(tags):
        """Spans by the definition: where one begins, and the first token after it that does not continue it."""
        begins = [
            i for i, tag in enumerate(tags) if tag != "O" and (tag[0] == "B" or i == 0 or tags[i - 1][1:] != tag[1:])
        ]
        ends = {
            i: next((k for k in range(i + 1, len(tags)) if tags[k] != "I" + tags[i][1:]), len(tags)) for i in begins
        }
        return {(tags[i][2:], i, ends[i]) for i in begins}

    truth = [[a for a, _ in row] for row in pairs]
    guess = [[b for _, b in row] for row in pairs]
    for row in truth:
        assert set(spans(row)) == walk(row)
    wanted = {(i, *span) for i, row in enumerate(truth) for span in walk(row)}
    given_ = {(i, *span) for i, row in enumerate(guess) for span in walk(row)}
    right = len(wanted & given_)
    found = span_scores(truth, guess)[""]
    assert found["precision"] == pytest.approx(right / len(given_) if given_ else 0)
    assert found["recall"] == pytest.approx(right / len(wanted) if wanted else 0)
    assert found["F1"] == pytest.approx(2 * right / (len(wanted) + len(given_)) if wanted or given_ else 0)


MARKED = st.sampled_from(["O", *(f"{mark}-{kind}" for mark in "BIES" for kind in "xy")])


@given(st.lists(st.lists(st.tuples(MARKED, MARKED), min_size=1, max_size=8), min_size=1, max_size=4))
def test_span_scores_are_seqevals(pairs):
    metrics = pytest.importorskip("seqeval.metrics", reason="seqeval is not installed")
    truth = [[a for a, _ in row] for row in pairs]
    guess = [[b for _, b in row] for row in pairs]
    found = span_scores(truth, guess)[""]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of seqeval, where there is no span
        for name, theirs in (("precision", "precision_score"), ("recall", "recall_score"), ("F1", "f1_score")):
            assert found[name] == pytest.approx(getattr(metrics, theirs)(truth, guess, zero_division=0))


def test_spans_of_a_sentence():
    assert spans(["B-x", "I-x", "O", "I-y", "B-y", "I-x"]) == [
        Span("x", 0, 2),
        Span("y", 3, 4),
        Span("y", 4, 5),
        Span("x", 5, 6),
    ]
    assert marks_spans([["O", "B-x"]])
    assert not marks_spans([["O", "O"]])
    assert not marks_spans([["O", "NOUN"]])


@given(st.lists(st.tuples(st.sampled_from("Oxy"), st.integers(1, 3)), min_size=1, max_size=6))
def test_both_ways_to_mark_spans_mean_the_same(runs):
    """Runs of tokens, each a span or outside, marked by B-, I-, O and by B-, I-, E-, S-, O."""
    two, five, expected, place = [], [], [], 0
    for kind, count in runs:
        if kind == "O":
            two += ["O"] * count
            five += ["O"] * count
        else:
            two += [f"B-{kind}", *[f"I-{kind}"] * (count - 1)]
            five += [f"S-{kind}"] if count == 1 else [f"B-{kind}", *[f"I-{kind}"] * (count - 2), f"E-{kind}"]
            expected.append(Span(kind, place, place + count))
        place += count
    assert spans(two) == spans(five) == expected
    for tags in (two, five):
        assert not any(breaks_span(before, tag) for before, tag in zip([None, *tags], tags, strict=False))
        assert marks_spans([tags]) == (set(tags) != {"O"} and "O" in tags)


@pytest.mark.parametrize(
    ("before", "tag", "breaks"),
    [("E-x", "I-x", True), ("S-x", "E-x", True), ("B-x", "E-x", False), ("I-x", "E-y", True), (None, "E-x", True)],
)
def test_what_follows_an_end_begins_anew(before, tag, breaks):
    assert breaks_span(before, tag) == breaks


def test_an_end_alone_is_a_span():
    assert spans(["E-x", "I-x", "E-x"]) == [Span("x", 0, 1), Span("x", 1, 3)]

"""Texts as symbols, and which utterances cannot be used."""

import pytest

from keepgate.tasks.transcribe.examples import join, split, too_long, unknown


@pytest.mark.parametrize(
    ("text", "symbols", "parts"), [("ab c", "characters", [*"ab c"]), ("a b", "words", ["a", "b"])]
)
def test_texts_are_put_together_again(text, symbols, parts):
    assert split(text, symbols) == parts
    assert join(parts, symbols) == text


def test_a_text_needs_a_step_for_each_symbol_and_one_between_two_that_are_equal():
    targets = [[*"abc"], [*"abc"], [*"aab"], [*"aab"]]
    reasons = too_long(targets, [3, 2, 4, 3])
    assert reasons == {
        1: "its text takes 3 steps, but it has 2; leave it out",
        3: "its text takes 4 steps, but it has 3; leave it out",
    }


def test_the_first_unknown_symbol_is_named():
    assert unknown([[*"ab"], [*"axy"]], ["a", "b"]) == {1: "the symbol 'x' was never seen in the training data"}

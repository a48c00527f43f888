"""Suggester: its models' probabilities, what it suggests, how keystrokes are counted, what it keeps and refuses."""

import math

import numpy as np
import pytest

from keepgate import Suggester
from keepgate.errors import InputError
from keepgate.tasks import face
from keepgate.tasks.suggest.words import TOKEN, Recent, plain
from tasks.suggest.data import SMALL, TEXT


def test_suggestions_begin_with_what_was_typed(fitted):
    keyboard = fitted.keyboard()
    for character in plain(TEXT)[:120]:
        keyboard.type(character)
        words = keyboard.suggestions()
        assert len(words) == len(set(words)) <= 3
        assert all(word.startswith(keyboard.prefix) and word != keyboard.prefix for word in words)


def test_a_deletion_leads_to_where_one_was(fitted):
    keyboard = fitted.keyboard()
    keyboard.type("the cow sa")
    before = keyboard.suggestions(), keyboard.prefix
    keyboard.type("t on")
    keyboard.become("the cow sa")
    assert (keyboard.suggestions(), keyboard.prefix) == before
    keyboard.become("the c")
    assert keyboard.suggestions() == fitted.suggest("the c")


def test_a_word_is_known_once_it_was_typed(fitted):
    assert "zebra" not in fitted.suggest("a ze")
    assert "zebra" in fitted.suggest("a zebra and a ze")


def test_probabilities_are_those_of_the_three_models(fitted):
    """At one place, from the parts by hand."""
    keyboard = fitted.keyboard()
    keyboard.become("the cat sat ")
    tokens = ["the", "cat", "sat"]
    model, recent = fitted.ngram_, Recent()
    for token in tokens:
        recent.add(model.vocabulary.index(token))
    by_recent = recent.probabilities(len(model.vocabulary))
    network = np.exp(keyboard._sampler.log_probs)
    network_, counted, late = fitted.weights_
    for word in ("on", "The", "cat"):
        so_far, whole = model.log_prob(tokens, end=False), model.log_prob([*tokens, word], end=False)
        number = model.vocabulary.index(word)
        expected = network_ * network[fitted.names_.index(word)] + counted * math.exp(whole - so_far)
        assert keyboard._probabilities()[number] == pytest.approx(expected + late * by_recent[number], rel=1e-5)


def test_it_saves_more_keystrokes_on_what_it_has_learned(fitted):
    rows = {row["model"]: row["keystrokes saved"] for row in face(fitted).evaluate(TEXT[:170])}
    assert list(rows) == ["lstm, 2-gram and recent words", "2-gram and recent words", "2-gram"]
    assert rows["lstm, 2-gram and recent words"] > 0.5
    assert face(fitted).evaluate("qxz wvk pqj")[0]["keystrokes saved"] == 0


def test_a_model_file_suggests_the_same(fitted, tmp_path):
    fitted.save(tmp_path)
    again = Suggester.load(tmp_path)
    for text in ("", "the c", "The cat sat on ", "zebra z"):
        assert again.suggest(text, 5) == fitted.suggest(text, 5)


def test_several_texts_are_learned_and_the_end_of_the_last_is_held_out():
    last = "one two three four five six seven eight nine ten " * 4
    suggester = Suggester(**{**SMALL, "epochs": 1}).fit(["red green blue " * 20, last])
    cut = int(0.9 * len(last))
    begin, end = TOKEN.findall(last[:cut]), TOKEN.findall(last[cut:])
    assert set(suggester.ngram_.vocabulary) == {"red", "green", "blue", *begin, *end}
    assert suggester.counts_.sum() == 60 + len(begin)


def test_rare_words_are_one_to_the_network():
    suggester = Suggester(**{**SMALL, "epochs": 1}, vocabulary_size=4).fit(TEXT)
    assert len(suggester.names_) == 3
    assert suggester.network_.embedding.weight.shape[0] == 4
    assert suggester.suggest("the lo") == ["log"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the text is empty"),
        ("a few words", "more than a window of 8"),
        (b"caf\xe9 " * 20, "is not UTF-8 at byte 3"),
        (["a " * 50, ""], "the text is empty"),
    ],
)
def test_what_cannot_be_fitted_is_refused(text, words):
    with pytest.raises(InputError, match=words):
        Suggester(**SMALL).fit(text)

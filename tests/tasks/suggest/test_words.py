"""Words as they are typed, and their probabilities by counting."""

from collections import Counter

import numpy as np
import pytest

from keepgate.objectives import NGram
from keepgate.tasks.suggest.words import TOKEN, Following, Lexicon, Recent, mixture, plain
from tasks.suggest.data import TEXT


def test_words_have_inner_hyphens_and_apostrophes():
    text = "It's a well-known «fact»: don't, `quote' 3.5"
    assert " ".join(TOKEN.findall(text)) == "It's a well-known « fact » : don't , ` quote ' 3 . 5"
    assert plain(" a\n\n  b\tc ") == "a b c"


def test_a_prefix_finds_the_words_that_go_on():
    lexicon = Lexicon(["the", "then", "a", ",", "them", "The"])
    words = ["the", "then", "a", "them", "The"]
    for prefix in ("", "t", "the", "them", "T", "x", "the-"):
        found = {lexicon.tokens[number] for number in lexicon.beginning(prefix)}
        assert found == {word for word in words if word.startswith(prefix) and word != prefix}
    assert lexicon.add("theme") == 6 == lexicon.add("theme")
    assert lexicon.add(";") == 7
    assert {lexicon.tokens[number] for number in lexicon.beginning("the")} == {"then", "them", "theme"}


def test_ngrams_as_an_array_are_the_ngrams():
    model = NGram.train([TOKEN.findall(TEXT)], order=3)
    following, state = Following(model), model.automaton.start
    for token in [*TOKEN.findall(TEXT)[:20], "unheard", "cat"]:
        found = following.probabilities(state)
        expected = [model.automaton.follow(state, number)[0] for number in range(2, len(found) + 2)]
        np.testing.assert_allclose(np.log(found), expected)
        number = model.vocabulary.index(token) if token in model.vocabulary else len(model.vocabulary)
        state = following.step(state, number)


def test_recent_tokens_are_counted_by_their_contexts():
    recent, typed = Recent(), [0, 1, 2, 0, 1, 3, 0, 1]
    assert recent.probabilities(3).tolist() == [0, 0, 0]
    for number in typed:
        recent.add(number)
    fading = np.zeros(5)
    for i, number in enumerate(typed):
        fading[number] += Recent.FADE ** (len(typed) - 1 - i)
    expected = fading / fading.sum()
    for context in ([1], [0, 1]):
        places = [i for i in range(len(typed)) if typed[max(0, i - len(context)) : i] == context]
        counts = Counter(typed[i] for i in places)
        total = sum(counts.values())
        after = np.array([counts[number] / total for number in range(5)])
        expected = (expected * Recent.DOUBT + after * total) / (total + Recent.DOUBT)
    np.testing.assert_allclose(recent.probabilities(5), expected)
    assert recent.probabilities(5).sum() == pytest.approx(1)


def test_the_weights_of_a_mixture_are_the_best():
    rng = np.random.default_rng(0)
    models = rng.dirichlet(np.ones(6), 3)
    text = rng.choice(6, 4000, p=np.array([0.6, 0.3, 0.1]) @ models)
    probabilities = models[:, text].T
    found = mixture(probabilities, rounds=400)
    assert found.sum() == pytest.approx(1)
    best = np.log(probabilities @ found).sum()
    for _ in range(200):
        assert np.log(probabilities @ rng.dirichlet(np.ones(3))).sum() <= best + 1e-6

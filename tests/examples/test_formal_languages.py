"""The strings are those of the languages, read back by other means; and the counting language is learnt."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
import torch
from formal_languages import LANGUAGES, PAIRS, Network, batch_of, counted, generalize, nested, not_the_set, weight_noise


@pytest.mark.parametrize("letters", ["ab", "abc"])
def test_counted_strings_and_what_can_follow(letters: str):
    """Any beginning of a string of the language can go on as some string of it does."""
    texts = ["S" + "".join(letter * n for letter in letters) + "T" for n in range(1, 13)]
    can_follow = defaultdict(set)
    for text in texts:
        for end in range(1, len(text)):
            can_follow[text[:end]].add(text[end])
    for n, expected in enumerate(texts[:10], start=1):
        text, nexts = counted(letters, n)
        assert text == expected
        assert [set(legal) for legal in nexts] == [can_follow[text[:end]] for end in range(1, len(text))]


def test_nested_strings_and_what_can_follow():
    random = np.random.default_rng(0)
    deepest = 0
    for _ in range(300):
        text, nexts = nested(random, symbols=20, depth=3)
        assert len(text) >= 22
        assert len(nexts) == len(text) - 1
        for end, legal in enumerate(nexts, start=1):
            left = text[1:end]
            while "()" in left or "[]" in left:
                left = left.replace("()", "").replace("[]", "")
            deepest = max(deepest, len(left))
            assert set(legal) == {PAIRS[left[-1]] if left else "T"} | (set("([") if len(left) < 3 else set())
            assert text[end] in legal
        assert left == ""
    assert deepest == 3


@pytest.mark.parametrize("name", LANGUAGES)
def test_training_strings_are_shorter_than_test_strings(name: str):
    language, random = LANGUAGES[name], np.random.default_rng(0)
    train, test = (batch_of(part(random), language.alphabet) for part in (language.train, language.test))
    assert train.lengths.max() < test.lengths.min()
    np.testing.assert_array_equal(train.target, train.truth)
    assert (train.truth.any(-1).sum(0) == train.lengths).all()


def test_a_string_is_right_if_all_that_is_said_of_it_is():
    truth = np.array([[[1, 1, 0]], [[0, 0, 1]], [[0, 0, 0]]])  # the last is past the end
    right = np.array([[[0.6, 0.9, 0.4]], [[0.1, 0.2, 0.7]], [[0.9, 0.9, 0.9]]])
    assert not_the_set(right, truth).tolist() == [False]
    for wrong in ((0, 0), (0, 2), (1, 2)):
        changed = right.copy()
        changed[wrong[0], 0, wrong[1]] = 1 - changed[wrong[0], 0, wrong[1]]
        assert not_the_set(changed, truth).tolist() == [True]


def test_weight_noise_leaves_the_weights_as_they_were():
    language = LANGUAGES["anbn"]
    network = Network("lstm", {}, batch_of(language.train(np.random.default_rng(0)), language.alphabet), 8)
    before = [weight.detach().clone() for weight in network.parameters()]
    with weight_noise(network, 0.3):
        noise = torch.cat([(w.detach() - b).flatten() for w, b in zip(network.parameters(), before, strict=True)])
        assert noise.std() == pytest.approx(0.3, rel=0.2)
    assert all(torch.equal(w, b) for w, b in zip(network.parameters(), before, strict=True))


@pytest.mark.slow
def test_counting_goes_on_far_beyond_the_training_strings():
    assert generalize("anbncn", "peephole_lstm", seed=0) == (0, 0)  # n from 11 to 100, trained on n to 10

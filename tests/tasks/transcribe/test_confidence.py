"""How sure words and symbols are: by hand on scores of a few steps, and by counting what is right."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from keepgate.tasks.transcribe.confidence import TEMPERATURES, right_words, sureness, temperature

LETTERS = ["", "a", "b", "c", " "]


def scores(*steps: dict[str, float]) -> np.ndarray:
    """Log-probabilities [T, 5] of steps that name their probabilities; what is not named has none."""
    with np.errstate(divide="ignore"):
        return np.log(np.array([[step.get(letter, 0.0) for letter in LETTERS] for step in steps]) + 1e-30)


def read(path: str) -> list[int]:
    return [LETTERS.index(letter) for letter in path]


def by_counting(values: np.ndarray, right) -> float:
    """The probability of all alignments whose reading is `right`."""
    total = 0.0
    for alignment in itertools.product(range(values.shape[1]), repeat=len(values)):
        text = "".join(LETTERS[k] for k, _ in itertools.groupby(alignment))
        total += right(text) * np.exp(sum(values[t, k] for t, k in enumerate(alignment)))
    return total


def test_a_symbol_is_as_sure_as_its_step_where_nothing_else_is_open():
    values = scores({"a": 0.9, "b": 0.1}, {"": 1}, {"c": 0.6, "": 0.4})
    sure = sureness(values, read("ac"), [(0, 2)], 1.0)
    assert sure.symbols == pytest.approx([0.9, 0.6], abs=1e-6)
    assert sure.words == pytest.approx([0.9 * 0.6], abs=1e-6)


def test_words_are_as_sure_as_the_alignments_that_spell_them():
    random = np.random.default_rng(0)
    values = np.log(random.dirichlet(np.full(5, 0.4), size=5))
    path = read("a b")
    sure = sureness(values, path, [(0, 1), (2, 3)], 1.0)
    # Few readings are kept, and their probabilities are those among the kept.
    exact = by_counting(values, lambda text: text.startswith("a "))
    assert sure.words[0] == pytest.approx(exact, abs=0.12)


def test_another_space_changes_both_words_beside_it():
    values = scores({"a": 1}, {" ": 0.7, "": 0.3}, {"b": 1})
    assert sureness(values, read("a b"), [(0, 1), (2, 3)], 1.0).words == pytest.approx([0.7, 0.7], abs=1e-6)


def test_a_further_letter_changes_its_word_alone():
    values = scores({"a": 1}, {"": 1}, {"b": 0.2, "": 0.8}, {" ": 1}, {"c": 1})
    assert sureness(values, read("a c"), [(0, 1), (2, 3)], 1.0).words == pytest.approx([0.8, 1.0], abs=1e-6)


def test_where_symbols_are_words_they_do_not_touch():
    values = scores({"a": 1}, {"b": 0.2, "": 0.8}, {"c": 0.9, "a": 0.1})
    assert sureness(values, read("ac"), None, 1.0).words == pytest.approx([1.0, 0.9], abs=1e-6)


def test_a_higher_temperature_doubts_more():
    values = scores({"a": 0.9, "b": 0.1})
    sure = [sureness(values, read("a"), [(0, 1)], one).words[0] for one in (0.5, 1.0, 4.0)]
    expected = [0.9**p / (0.9**p + 0.1**p) for p in (2, 1, 0.25)]
    assert sure[:2] == pytest.approx(expected[:2], abs=1e-6)
    assert sure[2] < 0.65


def test_an_empty_text_has_no_words():
    sure = sureness(scores({"": 1}), [], [], 1.0)
    assert (len(sure.symbols), len(sure.words)) == (0, 0)


def test_right_words_are_those_that_edits_leave():
    assert right_words(["the", "cat", "sat"], ["the", "dog", "sat", "down"]).tolist() == [True, False, True]
    assert right_words([], ["a"]).tolist() == []


def test_the_temperature_is_the_one_whose_sureness_is_the_share_right():
    """Of words that are said with 0.99 nine of ten are right; at one temperature they are said with 0.9."""
    right = np.arange(100) % 10 != 0
    said = {2.0: 0.9}
    answers = [[(np.full(100, said.get(one, 0.99)), right)] for one in TEMPERATURES]
    assert temperature(answers) == 2.0

"""N-gram models beside the formulas of Chen & Goodman 1998, typed again with dictionaries."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.objectives import NGram
from keepgate.store import read_model, write_model


class Textbook:
    """Equations 24 to 27: discounts by the counts of counts, lower orders of how many tokens come before."""

    def __init__(self, sequences: list[list[str]], order: int) -> None:
        self.vocabulary = {token for sequence in sequences for token in sequence} | {"</s>", "<unknown>"}
        self.counts: list[Counter[tuple[str, ...]]] = []
        raw = [Counter[tuple[str, ...]]() for _ in range(order + 1)]
        for sequence in sequences:
            padded = ("<s>", *sequence, "</s>")
            for n in range(1, order + 1):
                raw[n].update(padded[i : i + n] for i in range(len(padded) - n + 1))
        for n in range(order + 1):
            if n < order:
                counts = Counter(gram[1:] for gram in raw[n + 1])
                counts.update({gram: times for gram, times in raw[n].items() if gram[0] == "<s>"} if n else {})
            else:
                counts = raw[n]
            if n == 1:
                del counts["<s>",]
            self.counts.append(counts)

    def discount(self, n: int, count: int) -> float:
        many = [sum(c == k for c in self.counts[n].values()) for k in range(5)]
        if all(many[1:]):
            y = many[1] / (many[1] + 2 * many[2])
            found = [1 - 2 * y * many[2] / many[1], 2 - 3 * y * many[3] / many[2], 3 - 4 * y * many[4] / many[3]]
            if all(0 < d < k for k, d in enumerate(found, 1)):
                return found[min(count, 3) - 1]
        return (0.5, 1.0, 1.5)[min(count, 3) - 1]

    def probability(self, history: tuple[str, ...], token: str) -> float:
        n = len(history) + 1
        below = self.probability(history[1:], token) if history else 1 / len(self.vocabulary)
        after = {gram: count for gram, count in self.counts[n].items() if gram[:-1] == history}
        if not after:
            return below
        total = sum(after.values())
        gamma = sum(self.discount(n, count) for count in after.values()) / total
        count = after.get((*history, token), 0)
        return (count - self.discount(n, count)) / total + gamma * below if count else gamma * below


def sequences(seed: int, many: int) -> list[list[str]]:
    """Sequences of a small Markov chain; some are empty."""
    generator = random.Random(seed)
    return [
        [generator.choice("aaabbcd"[generator.randrange(4) :]) for _ in range(generator.randrange(9))]
        for _ in range(many)
    ]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("many", [3, 200])
def test_probabilities_are_those_of_the_paper(order, many):
    text = sequences(order, many)
    model, wanted = NGram.train(text, order), Textbook(text, order)
    for tried in [*text[:20], ["a", "x", "b"], ["d", "d", "d", "d", "a"], []]:
        padded = ["<s>", *tried, "</s>"]
        log = 0.0
        for i in range(1, len(padded)):
            log += math.log(wanted.probability(tuple(padded[max(0, i - order + 1) : i]), padded[i]))
        assert model.log_prob(tried) == pytest.approx(log, abs=1e-10)


def test_probabilities_of_each_state_add_up_to_one():
    model = NGram.train(sequences(1, 100), 4)
    automaton = model.automaton
    for state in range(len(automaton.backoff)):
        every = [automaton.follow(state, number)[0] for number in range(1, len(model.vocabulary) + 2)]
        assert sum(map(math.exp, [*every, automaton.follow(state, -1)[0]])) == pytest.approx(1, abs=1e-12)


def test_more_context_reads_better():
    text = sequences(2, 400)
    alternating = [["a", "b"] * (len(sequence) // 2) for sequence in text]
    perplexities = [NGram.train(alternating[:300], order).perplexity(alternating[300:]) for order in (1, 2)]
    assert perplexities[1] < 0.6 * perplexities[0]


def test_words_and_characters():
    assert NGram.train(["the cat", "the dog"], 2).vocabulary == ("cat", "dog", "the")
    assert NGram.train(map(list, ["ab", "b c"]), 2).vocabulary == (" ", "a", "b", "c")


def test_it_is_kept_in_a_model_file(tmp_path):
    model = NGram.train(sequences(3, 50), 3)
    config, arrays = model.to_arrays()
    write_model(tmp_path / "lm", config, arrays)
    again = NGram.from_arrays(*read_model(tmp_path / "lm"))
    assert again.vocabulary == model.vocabulary
    for sequence in sequences(4, 10):
        assert again.log_prob(sequence) == model.log_prob(sequence)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("order", lambda value: 0, "order=0 is not at least 1"),
        ("start", lambda value: 10**6, "start=1000000 is none of"),
        ("unknown", lambda value: "x", "unknown='x' is not of type float"),
        ("vocabulary", lambda value: value[:-1], "symbols has a number that is not from 0 to"),
        ("vocabulary", lambda value: value[:-1] + value[:1], "vocabulary has a value twice"),
        ("more", lambda value: 1, "has 'more', which is nothing known"),
        ("arcs", lambda array: array[:-1], "arcs is"),
        ("arcs", lambda array: array[::-1].copy(), "arcs does not share the arcs out"),
        ("arcs", lambda array: array.astype(np.int32), "arcs is .* of int32, not .* of int64"),
        ("symbols", lambda array: array + 10**6, "symbols has a number that is not from 0 to"),
        ("symbols", lambda array: array[::-1].copy(), "symbols do not rise within each state"),
        ("targets", lambda array: array - 1, "targets has a number that is not from 0 to"),
        ("targets", lambda array: array.reshape(1, -1), "targets is"),
        ("backoff", lambda array: np.arange(len(array), dtype=np.int32), "backoff leads a state to none before it"),
        ("weights", lambda array: array * np.nan, "weights has numbers that are no logarithms"),
        ("backoff_weights", lambda array: array + np.inf, "backoff_weights has numbers that are no logarithms"),
        ("none", lambda array: np.zeros(3), "has the arrays"),
    ],
)
def test_what_a_file_cannot_say_is_refused(name, change, message):
    """Else a walk would not end, or the core would read what is not there."""
    config, arrays = NGram.train(sequences(3, 50), 3).to_arrays()
    part = config if name in config or name == "more" else arrays
    part[name] = change(part.get(name))
    with pytest.raises(InputError, match=message):
        NGram.from_arrays(config, arrays)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NGram.train(["a"], 0), "order of an n-gram model is from 1 to 100, got 0"),
        (lambda: NGram.train(["", "  "], 2), "the text for a language model is empty"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()

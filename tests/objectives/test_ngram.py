"""N-gram models beside the formulas of Chen & Goodman 1998, typed again with dictionaries."""

from __future__ import annotations

import math
import random
from collections import Counter

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
    ("call", "message"),
    [
        (lambda: NGram.train(["a"], 0), "order of an n-gram model is from 1 to 100, got 0"),
        (lambda: NGram.train(["", "  "], 2), "the text for a language model is empty"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()

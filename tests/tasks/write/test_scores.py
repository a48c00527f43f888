"""Scores of language models, by hand and beside baselines that count."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keepgate.objectives import NGram
from keepgate.tasks import face
from keepgate.tasks.write.scores import bits_row, unigram_log_probs
from keepgate.tasks.write.text import split
from tasks.write.data import TEXT


def test_baselines_are_counted_from_the_training_text(fitted):
    train, _ = split(TEXT, None, fitted.units)
    numbers = fitted.tokens_.encode(train)
    other = fitted.tokens_.encode("a cat; the log")
    rows = {row["model"]: row for row in face(fitted).evaluate("a cat; the log")}
    counts = np.array([np.sum(numbers == number) + 1 for number in other])
    expected = np.log(counts / (len(numbers) + fitted.tokens_.size)).sum()
    assert rows["unigram"]["nats per character"] == pytest.approx(-expected / 14)
    order = 3 if fitted.units == "subwords" else 6
    ngram = NGram.train([[*map(str, numbers)]], order)
    score = ngram.log_prob([*map(str, other)], end=False)
    assert rows[f"{order}-gram"]["nats per character"] == pytest.approx(-score / 14)


def test_bits_are_of_characters_and_perplexity_is_of_units():
    """Four units of probability 1/2 for a text of two characters."""
    row = bits_row("m", np.log(np.full(4, 0.5)), "ab")
    assert row["perplexity"] == pytest.approx(2.0)
    assert row["bits per character"] == pytest.approx(2.0)
    assert row["nats per character"] == pytest.approx(2.0 * math.log(2))


@pytest.mark.parametrize(("data", "characters"), [("é".encode(), 1), (b"\xff\xfe", 2), (b"ab", 2)])
def test_bytes_are_scored_by_characters_if_they_are_text(data, characters):
    row = bits_row("m", np.log(np.full(len(data), 0.5)), data)
    assert row["bits per character"] == pytest.approx(len(data) / characters)


def test_what_cannot_be_is_infinitely_surprising():
    row = bits_row("m", np.array([-1e6]), "a")
    assert row["perplexity"] == math.inf


def test_a_unit_that_was_never_read_is_counted_once():
    log_probs = unigram_log_probs(np.array([3, 0, 1]), np.array([0, 1, 1]))
    np.testing.assert_allclose(np.exp(log_probs), [4 / 7, 1 / 7, 1 / 7])
    assert np.exp(unigram_log_probs(np.array([3, 0, 1]), np.arange(3))).sum() == pytest.approx(1.0)

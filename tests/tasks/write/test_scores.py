"""Scores of language models, by hand and beside baselines that count."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate.objectives import NGram
from keepgate.tasks import face
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

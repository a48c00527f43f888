"""Scores of translations and replies, by hand."""

import numpy as np
import pytest

from keepgate.tasks.translate.scores import bleu_counts, bleu_of, reply_scores, translation_scores


def test_reply_scores():
    found = reply_scores([["Yes", "no"], ["a", "b"], ["c", "d"]], ["yes", "B", "x"])
    assert found == {"first is right": pytest.approx(1 / 3), "one is right": pytest.approx(2 / 3)}


def test_bleu_by_hand():
    """Papineni et al. 2002: four of five words, two of four pairs and so on, and a brevity penalty of exp(1 - 6/5)."""
    found = translation_scores(["the cat sat on mats"], ["The cat sat on the mats"], lowercase=True)
    precisions = [5 / 5, 3 / 4, 2 / 3, 1 / 2]
    assert found["BLEU"] == pytest.approx(100 * np.exp(1 - 6 / 5) * np.prod(precisions) ** 0.25)
    assert translation_scores(["A dog"], ["a dog"], lowercase=True)["chrF"] == pytest.approx(100)
    assert translation_scores(["A dog"], ["a dog"], lowercase=False)["chrF"] < 90


def test_counts_of_parts_add_to_the_bleu_of_all():
    texts = ["a cat sits on the mat today", "the dog", "", "Two birds fly over the old house"]
    truth = ["a cat sat on the mat today", "the dog barks loudly", "nothing", "two birds fly over the old mill"]
    parts = bleu_counts(texts[:1], truth[:1], True) + bleu_counts(texts[1:], truth[1:], True)
    assert bleu_of(parts) == pytest.approx(translation_scores(texts, truth, True)["BLEU"])
    assert bleu_of(bleu_counts(["x"], ["y z"], True)) == 0

"""The score that chooses a tagger's epoch is the one that `span_scores` and `token_scores` give of the whole."""

import numpy as np
import pytest
import torch

from keepgate.tasks.common.counts import f1
from keepgate.tasks.tag.estimator import Tagger
from keepgate.tasks.tag.scores import span_scores, token_scores
from keepgate.tasks.tag.selection import span_counts, tag_score

TAGS = ["B-PER", "I-PER", "O"]


def test_spans_of_batches_add_up_to_the_scores_of_the_whole():
    random = np.random.default_rng(0)
    pairs = [tuple(random.integers(0, 3, (2, length)).tolist()) for length in random.integers(1, 9, 20)]
    sums = sum(span_counts(pairs[i : i + 6], TAGS) for i in range(0, 20, 6)).double().numpy()
    truth, guess = ([[TAGS[k] for k in row] for row in rows] for rows in zip(*pairs, strict=True))
    assert f1(sums) == pytest.approx(span_scores(truth, guess)[""]["F1"])


def test_a_span_of_an_unknown_kind_is_none():
    assert span_counts([([-1, 0, 2], [0, 0, 2])], TAGS).flatten().tolist() == [1, 1, 2]


def test_what_is_chosen_by_follows_from_the_tags():
    assert tag_score(None, TAGS, spanned=True).name == "f1"
    assert tag_score(None, TAGS, spanned=False).name == "accuracy"
    assert tag_score("loss", TAGS, spanned=True) is None


WORDS = {"Ann": "B-PER", "Lee": "I-PER", "Bob": "B-PER", "sings": "O", "and": "O", "Mae": "B-PER"}


def sentences(count, seed):
    random = np.random.default_rng(seed)
    X = [random.choice([*WORDS], random.integers(1, 6)).tolist() for _ in range(count)]
    return X, [[WORDS[word] for word in row] for row in X]


@pytest.mark.parametrize(("crf", "select"), [(True, None), (False, "accuracy"), (False, None)])
def test_the_history_has_the_score_of_the_held_out_part(crf, select):
    torch.manual_seed(0)
    valid = sentences(11, 1)
    tagger = Tagger(epochs=2, hidden_size=4, word_size=4, character_size=3, batch_size=4, crf=crf, select=select)
    tagger.set_params(progress=False).fit(*sentences(24, 0), valid=valid)
    scores = [row["valid_score"] for row in tagger.history_]
    found = tagger.predict(valid[0])
    whole = (token_scores if select else span_scores)(valid[1], found)[""]["F1"]
    if not crf:  # after training, the field forbids what breaks spans
        assert max(scores) == pytest.approx(whole)
    assert all(0 <= score <= 1 for score in scores)
    tagger.set_params(select="loss").fit(*sentences(24, 0), valid=valid)
    assert "valid_score" not in tagger.history_[0]

"""The temperature of tags: against a random field's definition over all paths, and what it does to probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate import Tagger
from keepgate.data.text.sentences import Sentences
from keepgate.objectives import LinearChainCRF
from keepgate.tasks.common.calibration import calibration_error
from keepgate.tasks.tag.confidence import tag_temperature
from tasks.tag.data import SMALL, after_a_switch


def overconfident(heat, crf, count=300, seed=0):
    """Sequences drawn from a random field, with scores that are `heat` times too large."""
    torch.manual_seed(seed)
    rows = []
    for _ in range(count):
        scores = torch.randn(4, 2)
        paths = torch.cartesian_prod(*[torch.arange(2)] * 4)
        totals = crf.start[paths[:, 0]] + crf.end[paths[:, -1]] + scores[torch.arange(4), paths].sum(1)
        totals = totals + crf.transitions[paths[:, :-1], paths[:, 1:]].sum(1)
        rows.append((heat * scores, paths[torch.multinomial(totals.softmax(0), 1)[0]]))
    return rows


@pytest.mark.parametrize("heat", [0.5, 3.0])
def test_a_random_field_is_cooled_by_as_much_as_it_was_heated(heat):
    torch.manual_seed(1)
    crf = LinearChainCRF(2, batch_first=True)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.normal_()
        rows = overconfident(heat, crf)
        for parameter in crf.parameters():
            parameter *= heat
    assert tag_temperature(crf, rows) == pytest.approx(heat, rel=0.2)


def test_tags_that_are_not_known_do_not_count():
    rows = [(torch.randn(3, 2), torch.tensor([-1, -1, -1]))]
    assert tag_temperature(None, rows) is None
    crf = LinearChainCRF(2, batch_first=True)
    assert tag_temperature(crf, [*rows, (torch.randn(1, 2), torch.tensor([-1]))]) is None


@pytest.mark.parametrize("crf", [False, True])
def test_probabilities_say_how_often_a_tag_is_right(crf):
    X, y = after_a_switch(150)
    rng = np.random.default_rng(0)
    kinds = sorted({tag for row in y for tag in row})
    noisy = [[str(rng.choice(kinds)) if rng.random() < 0.3 else tag for tag in row] for row in y]
    tagger = Tagger(
        **{**SMALL, "hidden_size": 48, "epochs": 25}, dropout=0.0, learning_rate=0.01, crf=crf, select="loss"
    )
    tagger.fit(X[:100], noisy[:100], valid=(X[100:125], noisy[100:125]))
    assert tagger.temperature_ is not None
    chances, right = [], []
    for row, tags in zip(tagger.predict_proba(X[125:]), noisy[125:], strict=True):
        chances += row.max(1).tolist()
        right += [tagger.tags_[k] == tag for k, tag in zip(row.argmax(1), tags, strict=True)]
    assert calibration_error(np.array(chances), np.array(right), bins=3) < 0.12


def test_the_path_stays_and_sessions_are_calibrated_too(spans_of_words, tmp_path):
    X, y = spans_of_words
    data = Sentences(X, y, [f"{i // 4}" for i in range(len(X))])
    half = Sentences(X[:20], y[:20], data.groups[:20])
    tagger = Tagger(**SMALL, crf=True).fit(data, valid=half)
    assert tagger.temperature_ != 1.0
    before = tagger.predict(data)
    tagger.network_.cool(2.0)
    assert tagger.predict(data) == before
    tagger.save(tmp_path)
    assert Tagger.load(tmp_path).temperature_ == tagger.temperature_

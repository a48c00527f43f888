"""The tagger's network against torch's LSTMs, and its CRF against all paths."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from keepgate import Tagger
from keepgate.tasks.tag.examples import SentenceExamples
from keepgate.tasks.tag.network import TaggerNetwork
from keepgate.tasks.tag.scores import breaks_span
from tasks.tag.data import SMALL


def test_the_network_is_torch_lstms_over_characters_and_words(data, fitted):
    X, _ = data
    network, vocabulary = fitted.network_, fitted.vocabulary_
    characters = torch.nn.LSTM(8, 8, bidirectional=True)
    characters.load_state_dict(network.encoder.recurrent.state_dict())
    words = torch.nn.LSTM(24, 8, bidirectional=True)
    words.load_state_dict(network.recurrent.state_dict())
    known = {word: 2 + i for i, word in enumerate(vocabulary.words)}
    letters = {letter: 2 + i for i, letter in enumerate(vocabulary.characters)}
    with torch.no_grad():
        for sentence, probabilities in zip(X, fitted.predict_proba(X), strict=True):
            vectors = []
            for word in sentence:
                spelled = network.encoder.characters(torch.tensor([letters[c] for c in word]))
                _, (h, _) = characters(spelled)
                vectors.append(torch.cat([network.encoder.words.weight[known.get(word, 1)], h[0], h[1]]))
            output, _ = words(torch.stack(vectors))
            np.testing.assert_allclose(probabilities, network.output(output).softmax(-1).numpy(), atol=1e-5)


def every_path(crf, scores):
    """All paths of tags over scores [T, K] as rows, and the probability of each by the definition."""
    paths = np.array(list(product(range(scores.shape[1]), repeat=len(scores))))
    start, end, moves = (value.detach().double().numpy() for value in (crf.start, crf.end, crf.transitions))
    total = start[paths[:, 0]] + end[paths[:, -1]] + scores[np.arange(len(scores)), paths].sum(1)
    total += moves[paths[:, :-1], paths[:, 1:]].sum(1)
    return paths, np.exp(total) / np.exp(total).sum()


def test_with_crf_tags_and_probabilities_are_those_of_all_paths(chained, spans_of_words):
    X = [words[:5] for words in spans_of_words[0][:3]]
    network = chained.network_
    tokens, lengths, _ = SentenceExamples(X, chained.vocabulary_).batch(np.arange(3))
    with torch.no_grad():
        scores = network(tokens, lengths).double().numpy()
    for words, row, probabilities, tags in zip(X, scores, chained.predict_proba(X), chained.predict(X), strict=True):
        paths, chance = every_path(network.crf, row[: len(words)])
        expected = np.array([[chance[paths[:, t] == k].sum() for k in range(row.shape[1])] for t in range(len(words))])
        np.testing.assert_allclose(probabilities, expected, atol=1e-5)
        assert tags == [chained.tags_[k] for k in paths[chance.argmax()]]


def test_with_crf_the_loss_is_that_of_the_tags_path(spans_of_words):
    X, y = (part[:4] for part in spans_of_words)
    tagger = Tagger(**{**SMALL, "epochs": 1}, crf=True).fit(*spans_of_words)
    examples = tagger._examples(X, {"tag": [[*y[0][:-1], "never seen"], *y[1:]]})
    batch = examples.batch(np.arange(4))
    with torch.no_grad():
        scores = tagger.network_(*batch[:2]).double().numpy()
        loss = TaggerNetwork.loss(tagger.network_, batch)
    logs = []
    for row, tags in list(zip(scores, y, strict=True))[1:]:
        paths, chance = every_path(tagger.network_.crf, row[: len(tags)])
        logs.append(np.log(chance[(paths == [tagger.tags_.index(tag) for tag in tags]).all(1)].item()))
    assert float(loss) == pytest.approx(-sum(logs) / sum(map(len, y[1:])), rel=1e-4)


def test_with_crf_no_span_is_broken_unless_the_training_data_have_it(spans_of_words):
    X, y = spans_of_words
    untrained = Tagger(**{**SMALL, "epochs": 1}, learning_rate=1e-9, crf=True)
    legal = untrained.fit(X, y)
    broken = [breaks_span(before, tag) for row in legal.predict(X) for before, tag in pairwise([None, *row])]
    assert not any(broken)
    assert np.isneginf(legal.network_.crf.start.detach().numpy()).tolist() == [tag[0] == "I" for tag in legal.tags_]
    odd = untrained.fit(X, [["I-2", *row[1:]] for row in y])
    barred = np.isneginf(odd.network_.crf.start.detach().numpy())
    assert [tag for tag, no in zip(odd.tags_, barred, strict=True) if no] == ["I-3"]

"""The loss of weighted examples is that of as many copies."""

from __future__ import annotations

import numpy as np
import torch

from keepgate.tasks.classify.estimator import SequenceClassifier
from keepgate.tasks.classify.examples import ClassifiedExamples
from tasks.classify.data import SMALL


def test_a_weight_is_a_number_of_copies(data, fitted):
    values, targets = data[0][:6], np.array([0, 1, 1, 0, 1, 0])
    counts = np.array([1, 3, 2, 1, 1, 4])
    places = np.repeat(np.arange(6), counts)
    ones = np.ones(12)
    weighted = ClassifiedExamples(values, targets, counts)
    copies = ClassifiedExamples([values[i] for i in places], targets[places], ones)
    assert len(weighted.batch(np.arange(6))) == 4
    assert len(copies.batch(np.arange(12))) == 3
    network = fitted.network_
    for train in (False, True):
        model = SequenceClassifier(**SMALL, dropout=0.0, noise=0.0, convolutions=False).fit(*data).network_.train(train)
        one, other = (model.loss(part.batch(np.arange(len(part)))) for part in (weighted, copies))
        torch.testing.assert_close(one, other)
    assert network.assess(weighted.batch(np.arange(6)))[1][1].sum() == 6


def test_other_weights_are_other_data(data):
    targets = np.zeros(6, np.int64)
    marks = {ClassifiedExamples(data[0][:6], targets, np.full(6, w)).fingerprint() for w in (1.0, 2.0)}
    assert len(marks) == 2

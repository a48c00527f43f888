"""The classifier's network against torch's LSTM between scikit-learn's scaler and pooling by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from keepgate import networks as blocks
from keepgate.cells import get
from keepgate.tasks.classify.estimator import SequenceClassifier
from keepgate.tasks.classify.network import MOST_CONVOLUTIONS, ClassifierNetwork, classifier, pools_for, series
from tasks.classify.data import SMALL


def test_the_network_is_a_torch_lstm_between_scaler_and_pooling(data):
    X, _ = data
    fitted = SequenceClassifier(**SMALL, convolutions=False).fit(*data)
    network = fitted.network_
    oracle = torch.nn.LSTM(2, 8, batch_first=True, bidirectional=True).double()
    oracle.load_state_dict(network.recurrent.state_dict())
    scaler = StandardScaler().fit(np.concatenate(X))
    logits = []
    for x in X:
        output, _ = oracle(torch.from_numpy(scaler.transform(x)))
        pooled = torch.cat([output.mean(0), output.max(0).values, output[-1, :8], output[0, 8:]])
        logits.append(pooled @ network.output.weight.double().T + network.output.bias.double())
    expected = torch.stack(logits).softmax(1).detach().numpy()
    np.testing.assert_allclose(fitted.predict_proba(X), expected, atol=1e-6)


def test_convolutions_and_an_lstm_each_decide(data):
    rng = np.random.default_rng(3)
    X = [x for x, _ in zip(data[0], range(20), strict=False)] + [rng.normal(size=(70, 2)) for _ in range(40)]
    fitted = SequenceClassifier(**SMALL).fit(X, data[1])
    assert fitted.pools_ == (2, 2, 1)
    network = fitted.network_.double()
    lstm = torch.nn.LSTM(16, 8, batch_first=True, bidirectional=True).double()
    lstm.load_state_dict(network.recurrent.state_dict())
    scaler, probabilities = StandardScaler().fit(np.concatenate(X)), []
    for x in X:
        found = torch.from_numpy(scaler.transform(x)).T
        for part, pool, padding in zip(network.front, fitted.pools_, ((3, 4), (2, 2), (1, 1)), strict=True):
            found = torch.nn.functional.conv1d(torch.nn.functional.pad(found, padding), part.convolution.weight)
            found = (found - part.norm.mean[:, None]) / (part.norm.variance[:, None] + 1e-5).sqrt()
            found = torch.relu(found * part.norm.weight[:, None] + part.norm.bias[:, None])
            found = torch.nn.functional.max_pool1d(found[None], pool, ceil_mode=True)[0]
        output, _ = lstm(found.T)
        pooled = torch.cat([output.mean(0), output.max(0).values, output[-1, :8], output[0, 8:]])
        logits = network.output(pooled), network.front_output(found.mean(1))
        probabilities.append(torch.stack([part.log_softmax(0) for part in logits]).mean(0).softmax(0))
    expected = torch.stack(probabilities).detach().numpy()
    fitted.network_.float()
    np.testing.assert_allclose(fitted.predict_proba(X), expected, atol=1e-5)


@pytest.mark.parametrize(("steps", "left"), [(1, 1), (31, 31), (32, 8), (150, 38), (784, 49), (20_000, 157)])
def test_the_front_end_follows_the_length(steps, left):
    pools = pools_for(steps)
    assert len(pools) <= MOST_CONVOLUTIONS
    for pool in pools:
        steps = -(-steps // pool)
    assert steps == left


def network(**options):
    torch.manual_seed(0)
    recurrent = blocks.Recurrent(get("lstm").equations, 2, 4, bidirectional=True)
    description = classifier(recurrent, series(2, 0.5), 3, dropout=0.5)
    return ClassifierNetwork(description, **{"label_smoothing": 0.0, **options})


BATCH = (
    torch.randn(2, 5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)),
    torch.tensor([5, 2]),
    torch.tensor([2, 0]),
)


def test_the_loss_is_the_mean_of_minus_log_p():
    made = network(label_smoothing=0.3).eval()
    log_p = made(*BATCH[:2]).log_softmax(-1).detach()
    assert float(made.loss(BATCH).detach()) == pytest.approx(-float(log_p[0, 2] + log_p[1, 0]) / 2)


def test_smoothed_targets_are_a_mixture_with_all_classes_while_training():
    """Szegedy et al. 2016, section 7: (1 - e) of the class, e / K of every class."""
    made = network(label_smoothing=0.3).train()
    seen = []
    made.register_forward_hook(lambda module, given, output: seen.append(output.detach()))
    loss = float(made.loss(BATCH).detach())
    log_p = seen[0].log_softmax(-1)
    targets = torch.full((2, 3), 0.1)
    targets[0, 2] = targets[1, 0] = 0.8
    assert loss == pytest.approx(-float((targets * log_p).sum()) / 2, rel=1e-5)


def test_what_lies_past_a_length_does_not_count():
    made, (x, lengths, _) = network().eval(), BATCH
    other = x.clone()
    other[1, 2:] = 1e3
    torch.testing.assert_close(made(other, lengths), made(x, lengths))
    torch.testing.assert_close(made(x[1:, :2], lengths[1:]), made(x, lengths)[1:])


def test_noise_and_dropout_are_for_training_alone():
    made = network()
    torch.testing.assert_close(made.eval()(*BATCH[:2]), made(*BATCH[:2]), rtol=0, atol=0)
    made.train()
    assert not torch.equal(made(*BATCH[:2]), made(*BATCH[:2]))


def test_a_run_is_told_by_its_smoothing_too():
    assert str(network()) != str(network(label_smoothing=0.1))

"""Windows, network and scores of the forecaster, each by itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, mean_squared_error
from torch.nn import functional as F

from keepgate import cells
from keepgate.data.tables.panel import Panel, panel
from keepgate.networks import Recurrent
from keepgate.runtime.blocks import window_norm
from keepgate.tasks.forecast.examples import Windows, deviations, rows_from, window_starts
from keepgate.tasks.forecast.network import ForecastNetwork, forecaster
from keepgate.tasks.forecast.scores import Scores, last_value, seasonal_naive


def two_series() -> Panel:
    y = [0.0, 1, 4, 9, 16, 25, 100, 104, 96, 100, 112]
    return panel(pd.DataFrame({"unique_id": list("aaaaaabbbbb"), "ds": [*range(6), *range(5)], "y": y}))


def test_windows_stay_within_their_series() -> None:
    starts, series = window_starts(two_series(), 4)
    assert starts.tolist() == [0, 1, 2, 6, 7]
    assert series.tolist() == [0, 0, 0, 1, 1]
    assert window_starts(two_series(), 6)[0].tolist() == [0]
    assert rows_from(np.arange(10), np.array([2, 5]), 3).tolist() == [[2, 3, 4], [5, 6, 7]]


def test_examples_are_what_the_formulas_say() -> None:
    data = two_series()
    examples = Windows(data, 3, 1, deviations(data), batch_size=1, updates=(0, 100))
    z, weight, target = examples.batch([1, 3])
    for row, (past, future, series) in enumerate(
        [([1, 4, 9], 16, data.values[:6]), ([100, 104, 96], 100, data.values[6:])]
    ):
        mean, spread, deviation = np.mean(past), np.std(past), np.std(series)
        np.testing.assert_allclose(z[row, :, 0], (np.array(past) - mean) / spread, rtol=1e-6)
        np.testing.assert_allclose(weight[row, 0], spread / deviation, rtol=1e-6)
        np.testing.assert_allclose(target[row, 0], (future - mean) / deviation, rtol=1e-6, atol=1e-7)


def test_constant_windows_and_series() -> None:
    z, mean, spread = window_norm(np.full((1, 5, 1), 0.1))
    assert not z.any()
    assert (mean[0, 0, 0], spread[0, 0, 0]) == (pytest.approx(0.1), 0)
    flat = panel(pd.DataFrame({"unique_id": "a", "ds": range(5), "y": 0.1}))
    assert deviations(flat).tolist() == [1]


@pytest.mark.parametrize(("updates", "size"), [((0, 1000), 5), ((4, 1000), 8), ((0, 2), 4)])
def test_an_epoch_has_neither_too_few_updates_nor_too_many(updates: tuple[int, int], size: int) -> None:
    """Of 5 windows and batches of 2: all; all and again; some, evenly spread."""
    examples = Windows(two_series(), 3, 1, np.ones(2), batch_size=2, updates=updates)
    assert len(examples) == size
    first = examples.batch(np.arange(size))[0][:, 0, 0]
    assert len(set(first.tolist())) == min(size, 5)


def test_fingerprints_differ_with_the_data() -> None:
    data = two_series()
    same = [Windows(data, 3, 1, np.ones(2), 2).fingerprint() for _ in range(2)]
    others = [
        Windows(data, 2, 1, np.ones(2), 2),
        Windows(data, 3, 2, np.ones(2), 2),
        Windows(data, 3, 1, np.full(2, 2.0), 2),
    ]
    assert len({*same, *(other.fingerprint() for other in others)}) == 4


def network(**changes) -> ForecastNetwork:
    options = {"window": 7, "patch": 3, "channels": 2, "horizon": 4, "quantiles": (0.2, 0.9), "dropout": 0.0}
    torch.manual_seed(0)
    layers = Recurrent(cells.get("lstm").equations, 5, 5, bidirectional=changes.pop("bidirectional", False))
    options |= changes
    quantiles = options.pop("quantiles")
    return ForecastNetwork(forecaster(layers, quantiles=len(quantiles), **options), quantiles=quantiles)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_network_against_torch_lstm(bidirectional: bool) -> None:
    """The same by hand: 7 rows are a first row for the linear map only and two patches of three."""
    ours = network(bidirectional=bidirectional).double()
    lstm = torch.nn.LSTM(5, 5, batch_first=True, bidirectional=bidirectional).double()
    lstm.load_state_dict(ours.recurrent.state_dict())
    z = torch.randn(6, 7, 2, dtype=torch.float64)
    patches = torch.stack([z[:, 1:4].flatten(1), z[:, 4:7].flatten(1)], dim=1)
    _, (h, _) = lstm(ours.embed(patches))
    straight = z[:, :, 0] @ ours.linear.weight.T + ours.linear.bias
    expected = ours.head(torch.cat(list(h), dim=1)).reshape(6, 4, 3) + straight[:, :, None]
    torch.testing.assert_close(ours(z), expected, rtol=1e-12, atol=1e-12)


def test_loss_against_scikit_learn() -> None:
    ours = network().eval()
    z, weight, target = torch.randn(6, 7, 2), torch.rand(6, 1), torch.randn(6, 4)
    with torch.no_grad():
        loss = ours.loss((z, weight, target)).item()
        scaled = (ours(z) * weight[:, :, None]).double().numpy()
    truth = target.numpy().ravel()
    expected = mean_squared_error(truth, scaled[:, :, 0].ravel())
    expected += np.mean([mean_pinball_loss(truth, scaled[:, :, k].ravel(), alpha=q) for k, q in ((1, 0.2), (2, 0.9))])
    assert loss == pytest.approx(expected, rel=1e-5)
    bare = network(quantiles=()).eval()
    assert bare.loss((z, weight, target)).item() == pytest.approx(F.mse_loss(bare(z)[:, :, 0] * weight, target).item())


def test_dropout_is_for_training_only() -> None:
    ours, z = network(dropout=0.5), torch.randn(3, 7, 2)
    assert not torch.equal(ours.train()(z), ours(z))
    assert torch.equal(ours.eval()(z), ours(z))


def test_scores_against_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth, point = random.normal(size=(2, 10, 3))
    quantiles = np.sort(random.normal(size=(10, 3, 3)), axis=2)
    own, other = Scores("own", (0.1, 0.5, 0.9)), Scores("other", (0.1, 0.5, 0.9))
    for part in (slice(0, 7), slice(7, 10)):  # batches of unequal size
        own.add(truth[part], point[part], quantiles[part])
        other.add(truth[part], point[part])
    pairs = [(q, quantiles[:, :, k]) for k, q in enumerate((0.1, 0.5, 0.9))]
    inside = (quantiles[..., 0] <= truth) & (truth <= quantiles[..., 2])
    assert own.row() == {
        "model": "own",
        "mse": pytest.approx(mean_squared_error(truth, point)),
        "mae": pytest.approx(mean_absolute_error(truth, point)),
        "pinball": pytest.approx(np.mean([mean_pinball_loss(truth.ravel(), x.ravel(), alpha=q) for q, x in pairs])),
        "coverage 10-90": pytest.approx(inside.mean()),
    }
    same = [mean_pinball_loss(truth.ravel(), point.ravel(), alpha=q) for q in (0.1, 0.5, 0.9)]
    assert other.row()["pinball"] == pytest.approx(np.mean(same))
    assert other.row()["coverage 10-90"] == ""


def test_baselines() -> None:
    past = np.array([[1.0, 2, 3, 4, 5]])
    assert last_value(past, 3).tolist() == [[5, 5, 5]]
    assert seasonal_naive(past, 7, 3).tolist() == [[3, 4, 5, 3, 4, 5, 3]]
    assert seasonal_naive(past, 2, 4).tolist() == [[2, 3]]
    assert seasonal_naive(past, 2, 1).tolist() == last_value(past, 2).tolist()


def test_last_value_on_etth1_as_published(shared_data) -> None:
    """Zeng et al. 2023, table 9, "Repeat": MSE 1.295, MAE 0.713 at horizon 96."""
    values = pd.read_csv(shared_data("ett/ETTh1.csv")).iloc[:, 1:].to_numpy()
    month = 30 * 24
    values = (values - values[: 12 * month].mean(axis=0)) / values[: 12 * month].std(axis=0)
    scores, starts = Scores("last value", ()), np.arange(16 * month - 1, 20 * month - 96)
    for channel in values.T:
        windows = rows_from(channel, starts, 97)
        scores.add(windows[:, 1:], last_value(windows[:, :1], 96))
    assert scores.count == 7 * 2785
    assert scores.row()["mse"] == pytest.approx(1.295, abs=1e-3)
    assert scores.row()["mae"] == pytest.approx(0.713, abs=1e-3)

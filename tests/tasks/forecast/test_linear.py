"""The solved linear part, against the normal equations of scikit-learn's regressions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LinearRegression

from keepgate import cells
from keepgate.data.tables.reading import panel
from keepgate.networks import Recurrent
from keepgate.tasks.forecast.examples import Prepared, Windows
from keepgate.tasks.forecast.linear import absolute_errors, block_losses, solve
from keepgate.tasks.forecast.network import ForecastNetwork, forecaster
from keepgate.tasks.forecast.reads import Reads, Term, deviations


def parts(rows: int = 300, known: bool = True) -> tuple[ForecastNetwork, Windows]:
    random = np.random.default_rng(0)
    plan = random.normal(size=rows)
    y = np.convolve(random.normal(size=rows), [1, 0.8, 0.5], "same") + 3 * plan
    table = pd.DataFrame({"unique_id": "a", "ds": range(rows), "y": y, "plan": plan})
    data = panel(table, known_columns=["plan"]) if known else panel(table[["unique_id", "ds", "y"]])
    reads = Reads(2, 5, 1, 4, data.frequency, known=data.known, scales={"a": [2.0]} if known else {})
    layers = Recurrent(cells.get("lstm").equations, 4, 4)
    network = ForecastNetwork(forecaster(layers, reads.sizes(3), 0.0), quantiles=(0.1, 0.5, 0.9))
    network.begin()
    if known:
        for name in ("plan", "known"):
            network.get_submodule(name).fit([data.plan])
    return network, Windows(Prepared(data, reads), np.array([5]), deviations(data, reads)[:, 0], 16, (0, 1000))


@pytest.mark.parametrize("season", [0, 1, 4])
def test_without_a_penalty_it_is_weighted_least_squares(season: int) -> None:
    network, data = parts(known=False)
    found = solve(network, data, [Term(season, 1e-7)])
    given, weight, target, _ = data.numbers(np.arange(len(data.cuts)))
    z = given["normalized"][:, :, 0].astype(float)
    for step in range(2):
        known = LinearRegression().fit(z, (target / weight)[:, step], weight[:, 0] ** 2)
        np.testing.assert_allclose(
            z @ found.weight[step].numpy() + float(found.bias[step]), known.predict(z), atol=1e-4
        )


def test_what_is_known_ahead_has_one_effect_at_all_steps() -> None:
    """The same by one large regression of both steps at once, each with a window of its own."""
    network, data = parts()
    found = solve(network, data, [Term(1, 1e-7)])
    given, weight, target, _ = data.numbers(np.arange(len(data.cuts)))
    z, plan = given["normalized"][:, :, 0].astype(float), network.get_submodule("plan")
    before = plan(torch.from_numpy(given["before"]), torch.float64).numpy()[:, :, 0]
    ahead = network.get_submodule("known")(torch.from_numpy(given["ahead"]), torch.float64).numpy()
    past, nothing = np.column_stack([z, before, np.ones(len(z))]), np.zeros((len(z), 11))
    both = np.vstack([np.column_stack([past, nothing, ahead[:, 0]]), np.column_stack([nothing, past, ahead[:, 1]])])
    y = (target / weight).T.ravel()
    assert np.ptp(weight) < 1e-12  # the spread is given: all windows weigh the same
    expected = both @ np.linalg.lstsq(both, y, rcond=1e-5)[0]  # z sums to zero, but for rounding
    rows = np.column_stack([z, before])
    own = rows @ found.weight.T.numpy() + found.bias.numpy() + ahead @ found.effect.numpy()
    np.testing.assert_allclose(own.T.ravel(), expected, atol=1e-5)
    assert float(found.effect[0]) == pytest.approx(3 * data.data.plan.std() / 2, rel=0.1)


def test_a_large_penalty_leaves_the_naive_forecast() -> None:
    network, data = parts(known=False)
    for season, row in ((1, [0, 0, 0, 0, 1]), (4, [0, 1, 0, 0, 0])):
        found = solve(network, data, [Term(season, 1e9)])
        np.testing.assert_allclose(found.weight[0], row, atol=1e-6)
    np.testing.assert_allclose(solve(network, data, [Term(0, 1e9)]).weight, 0, atol=1e-6)


def test_the_quantiles_of_errors_are_put() -> None:
    network, data = parts()
    found = solve(network, data, [Term(1, 1e-6)])
    found.put(network, data, data)
    assert found.excess == 1.0
    outputs = network(data.batch(np.arange(len(data.cuts)))[0]).detach().numpy()
    errors = found.errors(network, data).numpy()
    quantiles = np.quantile(errors, (0.1, 0.5, 0.9), axis=0).T
    np.testing.assert_allclose(
        outputs[:, :, 1:] - outputs[:, :, :1], np.broadcast_to(quantiles, (295 - 1, 2, 3)), atol=1e-5
    )
    whole = network.loss(data.batch(np.arange(len(data)))).item()
    assert block_losses(network, data).mean() == pytest.approx(whole, rel=0.01)
    y = data.data.panel.values[:, 0]
    given, spread = data.batch(np.arange(len(data.cuts)))[0], 2.0
    mean = np.array([y[cut - 5 : cut].mean() for cut in data.cuts])
    said = network(given).detach().numpy()[:, :, 0] * spread + mean[:, None]
    truth = np.stack([y[cut : cut + 2] for cut in data.cuts])
    total = absolute_errors(network, data, np.arange(len(data.cuts)), found)
    assert total == pytest.approx(np.abs(said - truth).sum() / y.std(), rel=1e-4)


def test_terms_are_averaged_by_their_shares() -> None:
    network, data = parts(known=False)
    one, other = Term(1, 0.1), Term(4, 10.0)
    both = solve(network, data, [replace(one, share=0.25), replace(other, share=0.75)])
    weights = [solve(network, data, [term]).weight for term in (one, other)]
    np.testing.assert_allclose(both.weight, 0.25 * weights[0] + 0.75 * weights[1])


def test_an_autoregression_is_rolled_out() -> None:
    """The map of each step, applied, is what the map of one step gives again and again."""
    network, data = parts(known=False)
    found = solve(network, data, [Term(1, 0.01, order=3)])
    assert (found.weight[0, :2] == 0).all()
    z = np.random.default_rng(1).normal(size=5)
    rows, one, bias = [*z], found.weight[0].numpy(), float(found.bias[0])
    for _ in range(2):
        rows.append(float(one @ rows[-5:]) + bias)
    np.testing.assert_allclose(found.weight.numpy() @ z + found.bias.numpy(), rows[-2:], rtol=1e-9)


def test_an_autoregression_finds_its_coefficients() -> None:
    """y(t) = 1.3 y(t - 1) - 0.6 y(t - 2) + noise, whose second step is known in closed form."""
    random, y = np.random.default_rng(0), [0.0, 0.0]
    for noise in random.normal(size=3000):
        y.append(1.3 * y[-1] - 0.6 * y[-2] + noise)
    data = panel(pd.DataFrame({"unique_id": "a", "ds": range(len(y)), "y": y}))
    reads = Reads(2, 200, 1, 1, data.frequency)
    network = ForecastNetwork(
        forecaster(Recurrent(cells.get("lstm").equations, 4, 4), reads.sizes(3), 0.0), quantiles=(0.1, 0.5, 0.9)
    )
    windows = Windows(Prepared(data, reads), np.array([200]), deviations(data, reads)[:, 0], 16, (0, 1000))
    found = solve(network, windows, [Term(0, 1e-9, order=2)])
    np.testing.assert_allclose(found.weight[0, -2:], [-0.6, 1.3], atol=0.05)
    np.testing.assert_allclose(found.weight[1, -2:], [-0.6 * 1.3, 1.3**2 - 0.6], atol=0.1)

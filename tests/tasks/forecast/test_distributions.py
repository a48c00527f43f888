"""Likelihoods and quantiles against scipy.stats, gradients against difference quotients, and models of such data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import optimize, stats

from keepgate import Forecaster
from keepgate.errors import InputError
from keepgate.runtime import Runner
from keepgate.runtime.blocks import distribution
from keepgate.tasks.forecast import distributions
from keepgate.tasks.forecast.distributions import FAMILIES
from tasks.forecast.data import SMALL, values

NAMES = sorted(FAMILIES)
RANDOM = np.random.default_rng(0)


def frozen(name: str, parameters: np.ndarray):
    """Return the distributions of scipy that parameters [..., P] mean."""
    if name == "student-t":
        return stats.t(parameters[..., 2], parameters[..., 0], parameters[..., 1])
    mean, dispersion = parameters[..., 0], parameters[..., 1]
    return stats.nbinom(1 / dispersion, 1 / (1 + mean * dispersion))


def batch(name: str, rows: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return what a network says, and weights, targets and levels of windows."""
    scaled = torch.from_numpy(RANDOM.normal(size=(rows, 3, len(FAMILIES[name].parameters))))
    weight, level = torch.rand(rows, 1).double() + 0.5, torch.rand(rows, 2).double() + 2
    y = torch.from_numpy(RANDOM.poisson(3, (rows, 3)).astype(float))
    target = (y - level[:, :1]) / level[:, 1:]
    target[0, 1] = torch.nan
    return scaled, weight, target, level


def parameters(name: str, scaled: torch.Tensor, weight: torch.Tensor, level: torch.Tensor) -> np.ndarray:
    """Return the parameters of the values themselves."""
    mean, unit = level.split(1, 1)
    return distribution(name, scaled.numpy(), mean[:, None].numpy(), (weight * unit)[:, None].numpy())


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_is_the_likelihood_of_scipy(name: str) -> None:
    scaled, weight, target, level = batch(name)
    mean, unit = level.split(1, 1)
    y, of = (target * unit + mean).numpy(), frozen(name, parameters(name, scaled, weight, level))
    in_units = np.log(unit.numpy())  # as which values without a unit of their own are learned
    expected = of.logpdf(y) + in_units if name == "student-t" else of.logpmf(np.rint(y))
    found = distributions.loss(name, scaled, weight, target, level).item()
    assert found == pytest.approx(-np.nanmean(expected), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_against_difference_quotients(name: str) -> None:
    scaled, *others = batch(name)
    scaled.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: distributions.loss(name, x, *others), (scaled,))


@pytest.mark.parametrize("name", NAMES)
def test_quantiles_and_the_mean_are_those_of_scipy(name: str) -> None:
    scaled, weight, _, level = batch(name, 50)
    said = parameters(name, scaled, weight, level)
    found, of = FAMILIES[name].forecasts(said, (0.1, 0.5, 0.9)), frozen(name, said)
    np.testing.assert_allclose(found[..., 0], of.mean(), rtol=1e-9)
    for k, q in enumerate((0.1, 0.5, 0.9), 1):
        np.testing.assert_allclose(found[..., k], of.ppf(q), rtol=1e-9)
        if FAMILIES[name].counts:
            assert (of.cdf(found[..., k]) >= q - 1e-9).all()
            assert (of.cdf(found[..., k] - 1) < q).all()
            assert (found[..., k] == np.rint(found[..., k])).all()


def test_a_window_that_never_changes_teaches_no_scale() -> None:
    scaled, weight, target, level = batch("student-t")
    weight[1] = 0
    scaled.requires_grad_()
    distributions.loss("student-t", scaled, weight, target, level).backward()
    assert scaled.grad is not None
    assert (scaled.grad[1] == 0).all()
    assert scaled.grad.isfinite().all()


class Said:
    """Windows and a network that says the same of all of them."""

    def __init__(self, name: str, weight, target, level) -> None:
        self.loss_name, self.batch_of = name, (weight, target, level)
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def parameters(self):
        return iter([self.weight])

    def eval(self):
        return self

    def __len__(self) -> int:
        return len(self.batch_of[0])

    def batch(self, rows):
        return {"rows": torch.from_numpy(rows)}, *(values[rows] for values in self.batch_of)

    def __call__(self, given):
        return torch.zeros(len(given["rows"]), self.batch_of[1].shape[1], len(FAMILIES[self.loss_name].parameters))


def test_spreads_are_those_of_the_greatest_likelihood() -> None:
    y = stats.t.rvs(5, scale=[2.0, 0.5], size=(3000, 2), random_state=0)
    ones = torch.ones(len(y), 1).double()
    said = Said("student-t", ones, torch.from_numpy(y), torch.cat([0 * ones, ones], 1))
    found = distributions.spreads(said, said).numpy()
    for step in range(2):
        degrees, _, scale = stats.t.fit(y[:, step], floc=0)
        assert np.exp(found[step, 0]) == pytest.approx(scale, rel=1e-3)
        assert 2 + 48 / (1 + np.exp(-found[step, 1])) == pytest.approx(degrees, rel=1e-2)


def test_a_dispersion_that_was_halved_is_doubled() -> None:
    mean, dispersion = 8.0, 0.5
    y = frozen("negative-binomial", np.array([mean, dispersion])).rvs((4000, 3), random_state=0)
    ones = torch.ones(len(y), 1).double()
    level = torch.cat([mean * ones, ones], 1)
    said = Said("negative-binomial", ones, torch.from_numpy(y) - mean, level)  # which says a dispersion of 1

    def likelihood(dispersion: float) -> float:
        return -frozen("negative-binomial", np.array([mean, dispersion])).logpmf(y).sum()

    best = optimize.minimize_scalar(likelihood, bounds=(0.1, 2), method="bounded").x
    assert distributions.excess(said, said) == pytest.approx(best, rel=0.05)


def sales(rows: int = 300) -> pd.DataFrame:
    """Counts of two goods, of which one is seldom sold."""
    random, ds = np.random.default_rng(1), pd.date_range("2024-01-01", periods=rows)
    week = 1 + 0.5 * np.sin(2 * np.pi * np.arange(rows) / 7)
    parts = [
        pd.DataFrame({"unique_id": name, "ds": ds, "y": random.negative_binomial(3, 3 / (3 + mean * week))})
        for name, mean in (("often", 30.0), ("seldom", 0.4))
    ]
    return pd.concat(parts, ignore_index=True)


def test_counts_are_forecast_as_counts(tmp_path: Path) -> None:
    table = sales()
    past = table.groupby("unique_id").head(286)
    model = Forecaster(horizon=7, loss="negative-binomial", **SMALL).fit(past)
    found = model.predict(past, horizon=14)
    quantiles = found.filter(like="_q").to_numpy()
    assert (quantiles == np.rint(quantiles)).all()
    assert (values(found) >= 0).all()
    assert found.groupby("unique_id")["y_hat"].mean()["often"] == pytest.approx(30, rel=0.3)
    scores = model.backtest(table, windows=2).scores[0]
    assert scores["coverage 10-90"] >= 0.6
    model.save(tmp_path)
    loaded = Forecaster.load(tmp_path)
    assert (values(loaded.predict(past)) == values(model.predict(past))).all()
    assert loaded.update(table, epochs=1).reads_.until > model.reads_.until


def test_heavy_tails_are_learned() -> None:
    """Of noise with three degrees of freedom the 1 % and 99 % quantiles are much further out than a normal one's."""
    random = np.random.default_rng(0)
    y = 100 + stats.t.rvs(3, size=1500, random_state=random)
    table = pd.DataFrame({"ds": np.arange(1500), "y": y})
    options = {**SMALL, "horizon": 4, "loss": "student-t", "quantiles": (0.01, 0.25, 0.5, 0.75, 0.99), "window": 30}
    found = Forecaster(**options).fit(table).predict(table)
    wide = (found["y_hat_q99"] - found["y_hat_q1"]) / (found["y_hat_q75"] - found["y_hat_q25"])
    expected = stats.t.ppf(0.99, 3) / stats.t.ppf(0.75, 3)
    np.testing.assert_allclose(wide, expected, rtol=0.25)  # 5.9; of a normal distribution 3.4


def test_what_is_known_ahead_moves_the_mean_alone(tmp_path: Path) -> None:
    table = sales().assign(promotion=lambda t: (t.index % 5 == 0) * 1.0)
    table["y"] += (20 * table["promotion"]).astype(int)
    model = Forecaster(horizon=7, loss="negative-binomial", **SMALL).fit(table, known_columns=["promotion"])
    model.save(tmp_path)
    data = model.to_panel(table)
    from keepgate.tasks.forecast.examples import Prepared

    given = Prepared(data, model.reads_).given(data.starts[1:] - 7, np.arange(2))
    found = FAMILIES[model.loss].forecasts(Runner.load(tmp_path).run(given, "forecast"), sorted(model.quantiles))
    wanted = model.forecast(Prepared(data, model.reads_), data.starts[1:] - 7, np.arange(2))
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_what_cannot_be_counted_is_refused() -> None:
    table = sales()
    table["y"] = table["y"].astype(float)
    table.loc[3, "y"] = 1.5
    with pytest.raises(InputError, match=r"series 'often' has the value 1.5, which is no count: the loss"):
        Forecaster(horizon=7, loss="negative-binomial", **SMALL).fit(table)
    with pytest.raises(InputError, match="loss='negative-binomial' learns counts as they are: leave transform out"):
        Forecaster(loss="negative-binomial", transform="sqrt").fit(table)

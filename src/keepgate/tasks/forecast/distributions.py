"""Distributions that a forecaster can learn in place of quantiles, by their likelihood: for heavy tails, for counts.

The network says the parameters of each step ahead (as DeepAR does, Salinas et al. 2020); mean and quantiles follow.
- Student's t (Lange, Little & Taylor 1989): location, scale and degrees of freedom, from 2 to 50.
- The negative binomial distribution of counts: mean m and dispersion a, so that the variance is m + a m^2 (Hilbe 2011).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch import distributions as torch_distributions

from keepgate.nn.blocks import distribution

if TYPE_CHECKING:
    from keepgate.tasks.forecast.examples import Windows
    from keepgate.tasks.forecast.network import ForecastNetwork

__all__ = ["FAMILIES", "Family", "excess", "is_count", "loss", "spreads"]

MOST = 4_000  # windows that spreads are taken from, spread over all
AT_ONCE = 1024
FEWEST = 30  # held-out values, below which nothing is stretched
FACTORS = np.geomspace(0.2, 5.0, 65)
ITERATIONS = 60


@dataclass(frozen=True)
class Family:
    """A family of distributions.

    Attributes:
        parameters: their names, the mean first, then what calibration multiplies.
        log_prob: of values [...] by parameters [..., P], in torch.
        ppf: the quantile at one level of parameters [..., P], in NumPy.
        counts: whether values are whole numbers from 0 on.
    """

    parameters: tuple[str, ...]
    log_prob: Callable[[Tensor, Tensor], Tensor]
    ppf: Callable[[np.ndarray, float], np.ndarray]
    counts: bool = False

    def forecasts(self, parameters: np.ndarray, quantiles: Sequence[float]) -> np.ndarray:
        """Return the mean and ascending quantiles [..., 1 + Q] of parameters [..., P]."""
        return np.stack([parameters[..., 0], *(self.ppf(parameters, q) for q in quantiles)], -1)


def _student_t(parameters: Tensor, y: Tensor) -> Tensor:
    location, scale, degrees = parameters.unbind(-1)
    return torch_distributions.StudentT(degrees, location, scale, validate_args=False).log_prob(y)


def _negative_binomial(parameters: Tensor, y: Tensor) -> Tensor:
    mean, dispersion = parameters.unbind(-1)
    odds = mean.log() + dispersion.log()
    return torch_distributions.NegativeBinomial(1 / dispersion, logits=odds, validate_args=False).log_prob(y)


def _quantile_of_counts(parameters: np.ndarray, q: float) -> np.ndarray:
    mean, dispersion = parameters[..., 0], parameters[..., 1]
    return stats.nbinom.ppf(q, 1 / dispersion, 1 / (1 + mean * dispersion))


FAMILIES = {
    "student-t": Family(
        ("location", "scale", "degrees of freedom"),
        _student_t,
        lambda p, q: p[..., 0] + p[..., 1] * stats.t.ppf(q, p[..., 2]),
    ),
    "negative-binomial": Family(("mean", "dispersion"), _negative_binomial, _quantile_of_counts, counts=True),
}


def is_count(name: str) -> bool:
    """Return whether a loss is that of whole numbers from 0 on."""
    return name in FAMILIES and FAMILIES[name].counts


def loss(name: str, scaled: Tensor, weight: Tensor, target: Tensor, level: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of what was there, where it can be known.

    Args:
        name: of the family.
        scaled: what the network says, [B, H, P].
        weight: of `Windows`, [B, 1], as the others.
        target: [B, H]; NaN where a value is missing.
        level: the window's mean and its unit, [B, 2].
    """
    family, y, mean, spread = FAMILIES[name], target.double(), torch.zeros_like(level[:, :1]), weight.double()
    seen = ~y.isnan()
    if family.counts:
        mean, unit = level.split(1, 1)
        y, spread = (y * unit + mean).round(), spread * unit
    else:
        seen = seen & (spread > 0)  # a constant window has no scale to learn
        spread = torch.where(spread > 0, spread, 1.0)
    parameters = distribution(name, scaled, mean[:, None], spread[:, None])
    each = family.log_prob(parameters, torch.where(seen, y, 0.0))
    return -torch.where(seen, each, 0.0).sum() / seen.sum().clamp(min=1)


def spreads(network: ForecastNetwork, data: Windows) -> Tensor:
    """Return what the head's bias has to be besides that of the mean, [H, P - 1], for the likelihood of some windows.

    Args:
        network: whose recurrent part says nothing yet.
        data: the windows.
    """
    scaled, *others = _gathered(network, data)
    found = torch.zeros(scaled.shape[1], scaled.shape[2] - 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([found], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(network.loss_name, torch.cat([scaled[..., :1], found.expand(len(scaled), -1, -1)], -1), *others)
        value.backward()
        return value

    if len(scaled):
        with torch.enable_grad():
            optimizer.step(closure)
    return found.detach()


def excess(network: ForecastNetwork, held_out: Windows) -> float:
    """Return how much wider distributions have to be (scale or dispersion) for the likelihood of held-out windows."""
    scaled, *others = _gathered(network, held_out)
    if not len(scaled) or int((~others[1].isnan()).sum()) < FEWEST:
        return 1.0
    losses = []
    for factor in FACTORS:
        wider = scaled.clone()
        wider[..., 1] += math.log(factor)
        losses.append(float(loss(network.loss_name, wider, *others)))
    return float(FACTORS[int(np.argmin(losses))])


def _gathered(network: ForecastNetwork, data: Windows) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return what the network says of many windows, their weights, targets and levels, in float64."""
    device, found = next(network.parameters()).device, []
    count = min(len(data), MOST)
    network.eval()
    with torch.no_grad():
        for rows in np.array_split(np.arange(count) * len(data) // max(count, 1), max(-(-count // AT_ONCE), 1)):
            given, *others = data.batch(rows)
            scaled = network({name: x.to(device) for name, x in given.items()}).cpu()
            found.append((scaled.double(), *others))
    weight, target, level = (torch.cat([part[k] for part in found]) for k in (1, 2, 3))
    return torch.cat([part[0] for part in found]), weight, target, level

"""The linear part of a forecaster: solved at once, by ridge regression from naive forecasts.

Every step ahead is a naive forecast plus a linear map of the window (with what was known of its rows) plus a linear map
of what is known of the step, the same for all steps. Of few windows the map is solved in a second way too: for the
first step alone and from the last rows alone, and rolled out to the others (an autoregression). From each naive
forecast (the mean, the last value, or the value a season before) departs a term, with the way and the penalty that have
the least error on the held-out windows (of few windows, on blocks of the others too). The linear part is the mean of
the terms, weighted by how small their errors are (Bates & Granger 1969).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from keepgate.runtime.blocks import window_norm
from keepgate.tasks.forecast import distributions
from keepgate.tasks.forecast.examples import Windows
from keepgate.tasks.forecast.network import QUANTILE, ForecastNetwork
from keepgate.tasks.forecast.reads import Term
from keepgate.tasks.forecast.transforms import TRANSFORMS
from keepgate.training.tree import to_device

__all__ = ["Linear", "Sums", "absolute_errors", "block_losses", "errors_of", "solve", "spread"]

MOST = 20_000  # windows that are solved for, spread over all
AGE = 1  # the power with which the penalty grows with the age of a row in horizons: what is long ago counts for less
AT_ONCE = 1024
MOST_BLOCKS = 64
WIDEST = 5.0  # that errors may be elsewhere, in those of the windows solved for


@dataclass(frozen=True)
class Linear:
    """A solution.

    Attributes:
        weight: of the window, [horizon, P].
        bias: [horizon].
        effect: of what is known of a step, [F].
        terms: how it was solved.
        excess: how much wider errors are on windows that were not solved for.
    """

    weight: Tensor
    bias: Tensor
    effect: Tensor
    terms: tuple[Term, ...]
    excess: float = 1.0

    def put(self, network: ForecastNetwork, data: Windows, held_out: Windows | None) -> None:
        """Put the solution into a network, and how its errors are spread into the bias of the network's head.

        Args:
            network: whose recurrent part says nothing yet.
            data: windows whose errors are taken, at each step ahead.
            held_out: windows whose errors say how much wider they are elsewhere; None: `excess` is known.
        """
        self.put_maps(network)
        outputs = network.get_parameter("head.bias").unflatten(0, (len(self.bias), -1))
        if network.loss_name != QUANTILE:
            self._put_distribution(network, outputs, data, held_out)
            return
        quantiles = network.quantiles.double()
        with torch.no_grad():
            errors = self.errors(network, data)
            if held_out is not None:
                excess = self.errors(network, held_out).square().nanmean().sqrt() / errors.square().nanmean().sqrt()
                object.__setattr__(self, "excess", float(excess.nan_to_num(1.0, 1.0, 1.0).clamp(1.0, WIDEST)))
            widths = torch.nanquantile(errors, quantiles, 0).nan_to_num(0.0).T * self.excess
            outputs[:, 1:] = widths.float()

    def _put_distribution(
        self, network: ForecastNetwork, outputs: Tensor, data: Windows, held_out: Windows | None
    ) -> None:
        with torch.no_grad():
            outputs[:, 1:] = distributions.spreads(network, data).float()
            if held_out is not None:
                object.__setattr__(self, "excess", distributions.excess(network, held_out))
            outputs[:, 1] += math.log(self.excess)

    def put_maps(self, network: ForecastNetwork) -> None:
        """Put the solution alone into a network, whose recurrent part stays as it is."""
        with torch.no_grad():
            network.get_parameter("linear.weight").copy_(self.weight)
            network.get_parameter("linear.bias").copy_(self.bias)
            if len(self.effect):
                network.get_parameter("effect.weight").copy_(self.effect[None])

    def errors(self, network: ForecastNetwork, data: Windows) -> Tensor:
        """Return the errors of windows, [N, horizon], in units of their spread."""
        found = []
        for past, ahead, target in _parts(network, data, spread(len(data.cuts)), complete=False):
            error = target - past[:, :-1] @ self.weight.T - past[:, -1:] * self.bias - ahead @ self.effect
            found.append(torch.where(past[:, -1:] > 0, error / past[:, -1:], torch.nan))
        return torch.cat(found)


def absolute_errors(network: ForecastNetwork, data: Windows, rows: np.ndarray, linear: Linear) -> float:
    """Return the sum of absolute errors of some windows, in units of the values over the spread of all of them."""
    back, total = TRANSFORMS[data.data.reads.transform].back, 0.0
    scale = data.data.original.std() or 1.0
    for part in np.array_split(rows, -(-len(rows) // AT_ONCE)) if len(rows) else ():
        ((past, ahead, _),) = _parts(network, data, part, complete=False)
        said = past[:, :-1] @ linear.weight.T + past[:, -1:] * linear.bias + ahead @ linear.effect
        given = data.data.given(data.cuts[part], data.series[part])
        _, mean, spread = window_norm(given["window"], given.get("spread"))
        said = torch.where(past[:, -1:] > 0, said / past[:, -1:], 0.0).numpy()
        error = back(said * spread[:, :, 0] + mean[:, :, 0]) - data.data.truth(data.cuts[part])
        total += float(np.nansum(np.abs(error))) / scale
    return total


def block_losses(network: ForecastNetwork, data: Windows) -> np.ndarray:
    """Return the mean loss of blocks of windows, each about a horizon long; float64, at most 64 of nearly one size."""
    network.eval()
    count = int(np.clip(len(data) // data.data.reads.horizon, 2, MOST_BLOCKS))
    with torch.no_grad():
        blocks = [rows for rows in np.array_split(np.arange(len(data)), count) if len(rows)]
        return np.array([_mean_loss(network, data, rows) for rows in blocks])


def _mean_loss(network: ForecastNetwork, data: Windows, rows: np.ndarray) -> float:
    device = next(network.parameters()).device
    total = 0.0
    for part in np.array_split(rows, -(-len(rows) // AT_ONCE)):
        total += float(network.loss(to_device(data.batch(part), device))) * len(part)
    return total / len(rows)


def solve(network: ForecastNetwork, data: Windows, terms: Sequence[Term], rows: np.ndarray | None = None) -> Linear:
    """Return the mean of terms.

    Args:
        network: which standardizes what is known ahead.
        data: to solve for.
        terms: whose shares add up to 1.
        rows: numbers of the windows that count; None: all, or many of them.
    """
    rows, sums = spread(len(data.cuts)) if rows is None else rows, {}
    for term in terms:
        key = term.season, term.order > 0
        if key not in sums:
            sums[key] = Sums(network, data, term.season, rows, term.order > 0)
    parts = [(term.share, sums[term.season, term.order > 0].solved(term)) for term in terms]
    weight, bias, effect = (torch.stack([share * part[k] for share, part in parts]).sum(0) for k in range(3))
    return Linear(weight, bias, effect, tuple(terms))


def spread(count: int) -> np.ndarray:
    """Return the numbers of at most `MOST` of so many windows."""
    return np.arange(count) if count <= MOST else np.arange(MOST) * count // MOST


Solution = tuple[Tensor, Tensor, Tensor]  # weight [horizon, P], bias [horizon], effect [F]


class Sums:
    """The products that the normal equations consist of.

    With P the window (and a one), X what is known ahead and y what is left of the naive forecast, each window times its
    weight: P'P, and for each step ahead P'y and P'X; X'X and X'y over all steps.
    """

    def __init__(
        self, network: ForecastNetwork, data: Windows, season: int, rows: np.ndarray, rolled: bool = False
    ) -> None:
        self.window, self.horizon, self.season = data.data.reads.window, data.data.reads.horizon, season
        self.pp = self.py = self.px = self.xx = self.xy = torch.zeros(())
        for past, ahead, target in _parts(network, data, rows, complete=True):
            y = target - _naive(past, self.window, self.horizon, season)
            self.pp = self.pp + past.T @ past
            self.py = self.py + past.T @ y
            self.px = self.px + torch.einsum("np,nhf->hpf", past, ahead)
            self.xx = self.xx + torch.einsum("nhf,nhg->fg", ahead, ahead)
            self.xy = self.xy + torch.einsum("nhf,nh->f", ahead, y)
        self.first = Sums(network, steps := data.steps(), season, _apart(steps, data, rows)) if rolled else self

    def solved(self, term: Term) -> Solution:
        """Return the solution of a term."""
        if term.order:
            return self._rolled(term)
        inverse = torch.linalg.inv(self.pp + self._ridge(term.penalty).diag())
        effect = self.xy
        if len(effect):
            through = torch.einsum("pq,hqf->hpf", inverse, self.px)
            own = self.xx - torch.einsum("hpf,hpg->fg", self.px, through)
            right = self.xy - torch.einsum("hpf,ph->f", through, self.py)
            ridge = term.penalty * self.xx.diagonal().mean().clamp(min=1e-12)  # what is known ahead may never change
            effect = torch.linalg.solve(own + ridge * torch.eye(len(effect)).double(), right)
        left = self.py - (self.px @ effect).T if len(effect) else self.py
        solution = (inverse @ left).T
        if self.season:
            solution[torch.arange(self.horizon), _places(self.window, self.horizon, self.season)] += 1
        return solution[:, :-1], solution[:, -1], effect

    def _ridge(self, penalty: float) -> Tensor:
        """Return what is added to the diagonal of P'P."""
        inputs = len(self.pp) - 1
        scale = self.pp.diagonal()[:-1].mean().clamp(min=1e-12)
        age = torch.arange(self.window - 1, -1, -1).repeat(inputs // self.window) / self.horizon
        weights = torch.cat([penalty * scale * (1 + age) ** AGE, torch.zeros(1)]).double()
        weights[-1] = 1e-6 * scale
        return weights

    def _rolled(self, term: Term) -> Solution:
        """Return the map of an autoregression of the target alone, rolled out."""
        last = slice(self.window - term.order, self.window + 1)
        first = self.first
        inputs = first.pp[last, last]
        ridge = term.penalty * inputs.diagonal()[:-1].mean().clamp(min=1e-12) * torch.eye(len(inputs)).double()
        ridge[-1, -1] *= 1e-6 / max(term.penalty, 1e-6)
        found = torch.linalg.solve(inputs + ridge, first.py[last, 0])
        step = torch.zeros(self.window).double()
        step[self.window - term.order :] = found[:-1]
        if self.season:
            step[self.window - self.season] += 1
        rows = torch.eye(self.window, self.window + 1).double()  # of the window, each as a map of it, the last a one
        for _ in range(self.horizon):
            ahead = step @ rows[-self.window :]
            ahead[-1] += found[-1]
            rows = torch.cat([rows, ahead[None]])
        solution = rows[-self.horizon :]
        return solution[:, :-1], solution[:, -1], self.xy


def _apart(steps: Windows, data: Windows, rows: np.ndarray) -> np.ndarray:
    """Return the windows before single rows, without those of rows that only other windows than `rows` forecast."""
    ahead = np.arange(data.data.reads.horizon)
    left_out = np.setdiff1d(data.cuts[:, None] + ahead, data.cuts[rows][:, None] + ahead)
    return np.flatnonzero(~np.isin(steps.cuts, left_out))


def _places(window: int, horizon: int, season: int) -> Tensor:
    """Return the rows of the window that a naive forecast repeats, [horizon]."""
    return window - season + torch.arange(horizon) % season


def _naive(past: Tensor, window: int, horizon: int, season: int) -> Tensor:
    return past[:, _places(window, horizon, season)] if season else torch.zeros(len(past), horizon).double()


def errors_of(network: ForecastNetwork, data: Windows, rows: np.ndarray, found: Sequence[Solution]) -> np.ndarray:
    """Return the sum of squared errors of some windows, of each solution."""
    total = np.zeros(len(found))
    for past, ahead, target in _parts(network, data, rows, complete=False):
        for k, (weight, bias, effect) in enumerate(found):
            error = past[:, :-1] @ weight.T + past[:, -1:] * bias + ahead @ effect - target
            total[k] += float(error.square().nansum())
    return total


def _parts(
    network: ForecastNetwork, data: Windows, chosen: np.ndarray, *, complete: bool
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield windows [B, P + 1], what is known ahead [B, horizon, F] and targets [B, horizon], each times its weight."""
    horizon, window = data.data.reads.horizon, data.data.reads.window
    for rows in np.array_split(chosen, -(-len(chosen) // AT_ONCE)) if len(chosen) else ():
        given, weight, target, _ = data.numbers(rows)
        if complete and np.isnan(target).any():
            target = np.where(np.isnan(target), weight * given["normalized"][:, -1:, 0], target)
        weight = torch.from_numpy(weight)
        past = [torch.from_numpy(given["normalized"][:, :, 0]).double()]
        if "before" in given:
            plan = network.get_submodule("plan")(torch.from_numpy(given["before"]), torch.float64)
            past += plan.unbind(-1)
        ahead = torch.zeros(len(rows), horizon, 0, dtype=torch.float64)
        if "ahead" in given:
            ahead = network.get_submodule("known")(torch.from_numpy(given["ahead"]), torch.float64)
        one = torch.ones(len(rows), 1, dtype=torch.float64)
        assert past[0].shape[1] == window
        yield torch.cat([*past, one], 1) * weight, ahead * weight[:, :, None], torch.from_numpy(target)

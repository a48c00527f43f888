"""The linear part of a forecaster: solved at once, by ridge regression from a naive forecast.

Every step ahead is a naive forecast plus a linear map of the window (with what was known of its rows) plus a linear map
of what is known of the step, the same for all steps. The naive forecast (the mean, the last value, or the
value a season before) and the strength of the penalty are those with the least error on the held-out windows
(of few windows, on blocks of the others too).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from keepgate.tasks.forecast.examples import Windows
from keepgate.tasks.forecast.network import ForecastNetwork

__all__ = ["Linear", "mean_loss", "solve"]

FEW = 2_000  # windows, up to which they are chosen by too, each block of them by the others
BLOCKS = 5
MOST = 20_000  # windows that are solved for, spread over all
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)  # times the mean square of what they weigh
AGE = 1  # the power with which the penalty grows with the age of a row in horizons: what is long ago counts for less
AT_ONCE = 1024
WIDEST = 5.0  # that errors may be elsewhere, in those of the windows solved for


@dataclass(frozen=True)
class Linear:
    """A solution.

    Attributes:
        weight: of the window, [horizon, P].
        bias: [horizon].
        effect: of what is known of a step, [F].
        season: of the naive forecast that it departs from; 0 for the mean of the window.
        penalty: that was chosen.
        excess: how much wider errors are on windows that were not solved for.
    """

    weight: Tensor
    bias: Tensor
    effect: Tensor
    season: int
    penalty: float
    excess: float = 1.0

    def put(self, network: ForecastNetwork, data: Windows, held_out: Windows | None) -> None:
        """Put the solution into a network, and the quantiles of its errors into the bias of the network's head.

        Args:
            network: whose recurrent part says nothing yet.
            data: windows whose errors are taken, at each step ahead.
            held_out: windows whose errors say how much wider they are elsewhere; None: `excess` is known.
        """
        quantiles = network.quantiles.double()
        self.put_maps(network)
        with torch.no_grad():
            errors = self.errors(network, data)
            if held_out is not None:
                excess = self.errors(network, held_out).square().nanmean().sqrt() / errors.square().nanmean().sqrt()
                object.__setattr__(self, "excess", float(excess.nan_to_num(1.0, 1.0, 1.0).clamp(1.0, WIDEST)))
            widths = torch.nanquantile(errors, quantiles, 0).nan_to_num(0.0).T * self.excess
            network.get_parameter("head.bias").unflatten(0, (-1, 1 + len(quantiles)))[:, 1:] = widths.float()

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
        for past, ahead, target in _parts(network, data, _spread(len(data.cuts)), complete=False):
            error = target - past[:, :-1] @ self.weight.T - past[:, -1:] * self.bias - ahead @ self.effect
            found.append(torch.where(past[:, -1:] > 0, error / past[:, -1:], torch.nan))
        return torch.cat(found)


def mean_loss(network: ForecastNetwork, data: Windows) -> float:
    """Return the mean loss over windows."""
    network.eval()
    with torch.no_grad():
        parts = np.array_split(np.arange(len(data)), -(-len(data) // AT_ONCE))
        return float(sum(network.loss(data.batch(part)).double() * len(part) for part in parts)) / len(data)


def solve(
    network: ForecastNetwork,
    data: Windows,
    held_out: Windows | None,
    seasons: list[int],
    penalties: Sequence[float] = PENALTIES,
) -> Linear:
    """Return the best solution.

    Args:
        network: which standardizes what is known ahead.
        data: to solve for.
        held_out: to choose by; None: the first season and penalty are taken.
        seasons: of naive forecasts, in rows, none longer than the window; 0 for the mean.
        penalties: to choose from.
    """
    if held_out is None:
        return _Sums(network, data, seasons[0], _spread(len(data.cuts))).solved(penalties[0])
    best, least = None, np.inf
    whole = _spread(len(data.cuts))
    for season in seasons:
        sums = _Sums(network, data, season, whole)
        folds = [(_Sums(network, data, season, rest), block) for block, rest in _folds(data)]
        for penalty in penalties:
            found = sums.solved(penalty)
            error = _error(network, found, held_out, _spread(len(held_out.cuts)))
            error += sum(_error(network, part.solved(penalty), data, block) for part, block in folds)
            if best is None or error < least:
                best, least = found, error
    assert best is not None
    return best


def _spread(count: int) -> np.ndarray:
    """Return the numbers of at most `MOST` of so many windows."""
    return np.arange(count) if count <= MOST else np.arange(MOST) * count // MOST


def _folds(data: Windows) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the windows of a block to choose by, too, and those to solve for that share no value with it.

    Only of few windows, where the held-out ones alone say little.
    """
    count, apart = len(data.cuts), data.data.reads.horizon
    if count <= FEW:
        for block in np.array_split(np.arange(count), BLOCKS):
            rest = np.r_[
                np.arange(max(block.min(initial=0) - apart, 0)), np.arange(block.max(initial=0) + apart, count)
            ]
            if len(block) and len(rest) >= BLOCKS:
                yield block, rest


class _Sums:
    """The products that the normal equations consist of.

    With P the window (and a one), X what is known ahead and y what is left of the naive forecast, each window times its
    weight: P'P, and for each step ahead P'y and P'X; X'X and X'y over all steps.
    """

    def __init__(self, network: ForecastNetwork, data: Windows, season: int, rows: np.ndarray) -> None:
        self.window, self.horizon, self.season = data.data.reads.window, data.data.reads.horizon, season
        self.pp = self.py = self.px = self.xx = self.xy = torch.zeros(())
        for past, ahead, target in _parts(network, data, rows, complete=True):
            y = target - _naive(past, self.window, self.horizon, season)
            self.pp = self.pp + past.T @ past
            self.py = self.py + past.T @ y
            self.px = self.px + torch.einsum("np,nhf->hpf", past, ahead)
            self.xx = self.xx + torch.einsum("nhf,nhg->fg", ahead, ahead)
            self.xy = self.xy + torch.einsum("nhf,nh->f", ahead, y)

    def solved(self, penalty: float) -> Linear:
        """Return the solution under a penalty."""
        inputs, count = len(self.pp) - 1, len(self.xy)
        scale = self.pp.diagonal()[:-1].mean().clamp(min=1e-12)
        age = torch.arange(self.window - 1, -1, -1).repeat(inputs // self.window) / self.horizon
        weights = torch.cat([penalty * scale * (1 + age) ** AGE, torch.zeros(1)]).double()
        weights[-1] = 1e-6 * scale
        inverse = torch.linalg.inv(self.pp + weights.diag())
        effect = self.xy
        if count:
            through = torch.einsum("pq,hqf->hpf", inverse, self.px)
            own = self.xx - torch.einsum("hpf,hpg->fg", self.px, through)
            right = self.xy - torch.einsum("hpf,ph->f", through, self.py)
            ridge = penalty * self.xx.diagonal().mean().clamp(min=1e-12)  # what is known ahead may never change
            effect = torch.linalg.solve(own + ridge * torch.eye(count).double(), right)
        left = self.py - (self.px @ effect).T if count else self.py
        solution = (inverse @ left).T
        if self.season:
            solution[torch.arange(self.horizon), _places(self.window, self.horizon, self.season)] += 1
        return Linear(solution[:, :-1], solution[:, -1], effect, self.season, penalty)


def _places(window: int, horizon: int, season: int) -> Tensor:
    """Return the rows of the window that a naive forecast repeats, [horizon]."""
    return window - season + torch.arange(horizon) % season


def _naive(past: Tensor, window: int, horizon: int, season: int) -> Tensor:
    return past[:, _places(window, horizon, season)] if season else torch.zeros(len(past), horizon).double()


def _error(network: ForecastNetwork, found: Linear, data: Windows, rows: np.ndarray) -> float:
    """Return the sum of squared errors of some windows."""
    total = 0.0
    for past, ahead, target in _parts(network, data, rows, complete=False):
        error = past[:, :-1] @ found.weight.T + past[:, -1:] * found.bias + ahead @ found.effect - target
        total += float(error.square().nansum())
    return total


def _parts(
    network: ForecastNetwork, data: Windows, chosen: np.ndarray, *, complete: bool
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield windows [B, P + 1], what is known ahead [B, horizon, F] and targets [B, horizon], each times its weight."""
    horizon, window = data.data.reads.horizon, data.data.reads.window
    for rows in np.array_split(chosen, -(-len(chosen) // AT_ONCE)) if len(chosen) else ():
        given, weight, target = data.numbers(rows)
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

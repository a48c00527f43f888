"""How a forecaster learns: the linear part is solved, the recurrent layers are trained, then both on all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np
import torch
from scipy import stats

from keepgate.data.tables.panel import Panel
from keepgate.tasks.common.ensembles import Members, assemble, members_of, tensors
from keepgate.tasks.common.fitting import Fitting, by_member
from keepgate.tasks.common.running import limited_threads
from keepgate.tasks.forecast.distributions import is_count
from keepgate.tasks.forecast.examples import HELD_OUT_UPDATES, UPDATES, Prepared, Windows
from keepgate.tasks.forecast.linear import Linear, block_losses, solve
from keepgate.tasks.forecast.network import ForecastNetwork
from keepgate.tasks.forecast.parts import early_leads, leads
from keepgate.tasks.forecast.reads import Reads, deviations, infer
from keepgate.tasks.forecast.terms import chosen, judged
from keepgate.tasks.forecast.widths import calibration
from keepgate.training import History, Settings
from keepgate.training.callbacks import Callback

__all__ = ["Start", "fit", "learn", "learn_again", "started"]


NEAR = (-1, 1)  # rows, by which a season that was found in values may be wrong
SURE = 0.84  # that the recurrent part is a gain on held-out blocks: one standard error, where they are many
CLEARLY = 0.98  # of the error of the first scale has another one that is taken in its place


@dataclass(frozen=True)
class Start:
    """What learning begins with, on one scale of the target.

    Attributes:
        reads: what is read.
        network: whose linear part is solved.
        linear: that part.
        examples: to learn from.
        tests: held-out windows; series that are also learned keep the scale that they have there.
    """

    reads: Reads
    network: ForecastNetwork
    linear: Linear
    examples: Windows
    tests: Windows


def fit(model: Any, data: Panel, valid: Any, run: str | Path | None, callbacks: Sequence[Callback]) -> None:
    """Fit a forecaster.

    Args:
        model: the forecaster, whose parameters are checked.
        data: the series.
        valid: the table that is held out, or None.
        run: folder of the training, or None.
        callbacks: see `keepgate.training.train`.
    """
    names = ("horizon", "season", "window", "patch", "calendar", "holidays")
    options = {name: getattr(model, name) for name in names}
    kinds = {kind: infer(data, **options, transform=kind) for kind in _transforms(model, data)}
    model.reads_ = next(iter(kinds.values()))
    part, held_out = model.split(data, valid)
    start = started(model, kinds, data, part, held_out)
    model.linear_ = start.linear
    model.best_ = learn(model, start, run, callbacks)
    wide = calibration(model.network_, start.tests, sorted(model.quantiles))
    if model.refit and valid is None:
        learn_again(model, data, run)
    with torch.no_grad():
        for name, values in wide.items():
            model.network_.get_parameter(name).copy_(values)
    model.reads_ = replace(model.reads_, terms=model.linear_.terms)


def _transforms(model: Any, data: Panel) -> list[str]:
    """Return the scales that the target may be learned on; by default roots only of what is never negative."""
    if model.transform is not None:
        return [model.transform]
    roots = np.nanmin(data.values[:, 0]) >= 0 and not is_count(model.loss)
    return ["identity", "sqrt"] if roots else ["identity"]


def started(model: Any, kinds: Mapping[str, Reads], data: Panel, part: Panel, held_out: Panel) -> Start:
    """Return the start on the scale whose linear part has the least error, the first one unless another is clearly so.

    Args:
        model: the forecaster, whose network is not set.
        kinds: what is read on each scale.
        data: all rows.
        part: those to learn from.
        held_out: those to choose by.
    """
    starts, errors = [], []
    for reads in kinds.values():
        model.reads_ = reads
        starts.append(_start(model, data, part, held_out))
        if len(kinds) > 1:
            errors.append(judged(starts[-1].network, starts[-1].examples, starts[-1].tests, starts[-1].linear))
    best = int(np.argmin(errors)) if errors else 0
    chosen = starts[best if best and errors[best] < CLEARLY * errors[0] else 0]
    model.reads_ = chosen.reads
    return chosen


def _start(model: Any, data: Panel, part: Panel, held_out: Panel) -> Start:
    scale = dict(zip(data.keys, deviations(data, model.reads_)[:, 0].tolist(), strict=True))
    own = [scale.get(key, d[0]) for key, d in zip(held_out.keys, deviations(held_out, model.reads_), strict=True)]
    tests = _windows(model, held_out, leads(held_out, model.reads_), np.array(own), HELD_OUT_UPDATES)
    examples = _windows(model, part, early_leads(part, model.reads_), np.array([scale[key] for key in part.keys]))
    network = _begun(model, part)
    with limited_threads(model.threads):
        seasons = [m for m in departures(model) if m <= model.window_]
        linear = solve(network, examples, chosen(network, examples, tests, seasons))
    return Start(model.reads_, network, linear, examples, tests)


def learn(model: Any, start: Start, run: str | Path | None, callbacks: Sequence[Callback]) -> int:
    """Train from a start; return the epoch that is best for held-out windows, 0 if none is surely a gain.

    Args:
        model: the forecaster, whose network is set.
        start: what it begins with.
        run: folder of the training, or None.
        callbacks: see `keepgate.training.train`.
    """
    model.network_, tests = start.network, start.tests
    with limited_threads(model.threads):
        start.linear.put(model.network_, start.examples, tests)
        before, least = tensors(model.network_), block_losses(model.network_, tests)
    model.train_network(ForecastNetwork.loss, start.examples, tests, run, callbacks=callbacks)
    with limited_threads(model.threads):
        gain = least - block_losses(model.network_, tests)
    if not _sure(gain):
        assemble(model.network_, [before] * members_of(model))
        return 0
    return median_low(History(rows).best_epoch for rows in by_member(model.history_).values())


def learn_again(model: Any, data: Panel, run: str | Path | None) -> None:
    """Train on all rows, to the epoch that was best, with a linear part that is solved as was best."""
    examples = _windows(model, data, early_leads(data, model.reads_), deviations(data, model.reads_)[:, 0])
    network, count = _begun(model, data), members_of(model)
    with limited_threads(model.threads):
        linear = solve(network, examples, model.linear_.terms)
        replace(linear, excess=model.linear_.excess).put(network, examples, None)
        if not model.best_:
            assemble(model.network_, [tensors(network)] * count)
            return
        settings: Settings = replace(model.settings(), epochs=model.best_, patience=None)
        folder = None if run is None else Path(run) / "refit"
        network = network.to(next(model.network_.parameters()).device)
        fit, members = Fitting(network, ForecastNetwork.loss, None, settings, folder, model.progress), Members()
        members.train(network, model.new_network, count, fit, lambda fit, _: fit.once(examples, None, ()))
    assemble(model.network_, members.last)


def _sure(gain: np.ndarray) -> bool:
    """Return whether a mean is above zero by as much as says so with `SURE` (Student's t of one sample, [N])."""
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return bool(gain.mean() > stats.t.ppf(SURE, len(gain) - 1) * error)


def departures(model: Any) -> list[int]:
    """Return the seasons of the naive forecasts that the linear part may depart from: one found in values is rough."""
    found = model.season is None and model.frequency_.season == 1 and model.season_ > 2
    near = [model.season_ + k for k in NEAR] if found else []
    return sorted({0, 1, *model.seasons(), *near})


def _begun(model: Any, data: Panel) -> ForecastNetwork:
    """Return a network that knows the scale of what is known ahead, and is zero else."""
    network = model.new_network()
    prepared = Prepared(data, model.reads_)
    for name, values in (("plan", prepared.plan), ("known", prepared.known_rows())):
        if values.shape[1]:
            network.get_submodule(name).fit([values])
    network.begin()
    return network


def _windows(
    model: Any, data: Panel, lead: np.ndarray, scale: np.ndarray, updates: tuple[int, int] = UPDATES
) -> Windows:
    return Windows(Prepared(data, model.reads_), lead, scale, int(model.batch_size), updates)

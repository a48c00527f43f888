"""How a forecaster learns: the linear part is solved, the recurrent layers are trained, then both on all rows."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from keepgate.data.tables.panel import Panel
from keepgate.tasks.common.running import limited_threads
from keepgate.tasks.forecast.examples import HELD_OUT_UPDATES, UPDATES, Prepared, Windows
from keepgate.tasks.forecast.linear import Linear, mean_loss, solve
from keepgate.tasks.forecast.network import ForecastNetwork
from keepgate.tasks.forecast.parts import early_leads, leads
from keepgate.tasks.forecast.reads import deviations
from keepgate.training import Settings, train
from keepgate.training.callbacks import Callback

__all__ = ["learn", "learn_again", "tests_of"]


def tests_of(model: Any, data: Panel, held_out: Panel) -> Windows:
    """Return the held-out windows; series that are also learned keep the scale that they have there."""
    scale = _scales(data)
    own = [scale.get(n, d[0]) for n, d in zip(held_out.ids.to_list(), deviations(held_out), strict=True)]
    return _windows(model, held_out, leads(held_out, model.reads_), np.array(own), HELD_OUT_UPDATES)


def learn(
    model: Any, data: Panel, part: Panel, tests: Windows, run: str | Path | None, callbacks: Sequence[Callback]
) -> tuple[Linear, int]:
    """Train on a part of the rows; return the linear part and the epoch that are best for others.

    Args:
        model: the forecaster, whose network is set.
        data: all rows.
        part: those to learn from.
        tests: held-out windows.
        run: folder of the training, or None.
        callbacks: see `keepgate.training.train`.
    """
    scale = _scales(data)
    examples = _windows(model, part, early_leads(part, model.reads_), np.array([scale[n] for n in part.ids.to_list()]))
    model.network_ = _begun(model, part)
    with limited_threads(model.threads):
        seasons = [0, 1, *(m for m in model.seasons() if m <= model.window_)]
        linear = solve(model.network_, examples, tests, seasons)
        linear.put(model.network_, examples, tests)
        start, least = copy.deepcopy(model.network_.state_dict()), mean_loss(model.network_, tests)
    model.train_network(ForecastNetwork.loss, examples, tests, run, callbacks=callbacks)
    losses = [least, *(row["valid_loss"] for row in model.history_)]
    best = min(range(len(losses)), key=lambda k: losses[k])
    if best == 0:
        model.network_.load_state_dict(start)
    return linear, best


def learn_again(model: Any, data: Panel, run: str | Path | None) -> None:
    """Train on all rows, to the epoch that was best, with a linear part that is solved as was best."""
    examples = _windows(model, data, early_leads(data, model.reads_), deviations(data)[:, 0])
    network, device = model.network_, next(model.network_.parameters()).device
    network.load_state_dict(_begun(model, data).state_dict())
    with limited_threads(model.threads):
        network.cpu()
        linear = solve(network, examples, None, [model.linear_.season], [model.linear_.penalty])
        replace(linear, excess=model.linear_.excess).put(network, examples, None)
        network.to(device)
        if model.best_:
            settings: Settings = replace(model.settings(), epochs=model.best_, patience=None)
            folder = None if run is None else Path(run) / "refit"
            train(network, ForecastNetwork.loss, examples, None, settings, folder, model.progress)
    network.eval()


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


def _scales(data: Panel) -> dict[Any, float]:
    return dict(zip(data.ids.to_list(), deviations(data)[:, 0].tolist(), strict=True))

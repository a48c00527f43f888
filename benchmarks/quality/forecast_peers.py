"""What keepgate's forecasts stand beside: naive ones, statistical ones, and a plain LSTM in torch.

A peer gets a set and returns forecasts by series and cut-off; it fits to the rows before each cut-off, or, as keepgate
does, once to those before the first.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from benchmarks.quality.forecast_sets import Set

Forecasts = dict[tuple[str, int], np.ndarray]  # [horizon] of a series at a cut-off


def each(data: Set, forecast: Callable[[np.ndarray], np.ndarray]) -> Forecasts:
    """Return forecasts that a function makes of the rows before each cut-off."""
    return {(name, end): forecast(y[: len(y) - end]) for name, y in data.targets.items() for end in data.ends}


def naive(season: int) -> Callable[[Set], Forecasts]:
    """Return the peer that repeats the last season."""

    def peer(data: Set) -> Forecasts:
        return each(data, lambda y: y[len(y) - season + np.arange(data.horizon) % season])

    return peer


def statistical(kind: str) -> Callable[[Set], Forecasts]:
    """Return a model of statsforecast, by the shortest plausible season of at most 24 rows, above 1 if there is one."""

    def peer(data: Set) -> Forecasts:
        import statsforecast.models

        seasons = [m for m in data.seasons if 1 < m <= (24 if kind == "AutoETS" else 168)]
        model = getattr(statsforecast.models, kind)(season_length=min(seasons, default=1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return each(data, lambda y: model.forecast(y[-data.memory :], data.horizon)["mean"])

    return peer


def torch_lstm(data: Set) -> Forecasts:
    """Return the forecasts of what one writes down first: an LSTM over the standardised last rows, a linear layer."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    window = 2 * max(*data.seasons, data.horizon)
    first = {name: y[: len(y) - max(data.ends)] for name, y in data.targets.items()}
    scale = {name: (y.mean(), y.std() or 1.0) for name, y in first.items()}
    rows = []
    for name, y in first.items():
        z = (y - scale[name][0]) / scale[name][1]
        z = np.pad(z, (max(window + data.horizon - len(z), 0), 0), mode="edge")
        rows.append(np.lib.stride_tricks.sliding_window_view(z, window + data.horizon))
    examples = torch.from_numpy(np.concatenate(rows).astype(np.float32))
    lstm, head = nn.LSTM(1, 64, batch_first=True), nn.Linear(64, data.horizon)
    optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()], 1e-3)
    for _ in range(1000):
        batch = examples[torch.randint(len(examples), (64,))]
        loss = nn.functional.l1_loss(head(lstm(batch[:, :window, None])[1][0][-1]), batch[:, window:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    forecasts = {}
    with torch.no_grad():
        for name, y in data.targets.items():
            mean, deviation = scale[name]
            for end in data.ends:
                z = np.pad((y[: len(y) - end] - mean) / deviation, (window, 0), mode="edge")[-window:]
                x = torch.from_numpy(z.astype(np.float32))[None, :, None]
                forecasts[name, end] = head(lstm(x)[1][0][-1])[0].numpy() * deviation + mean
    return forecasts


def peers(data: Set) -> dict[str, Callable[[Set], Forecasts]]:
    """Return the peers of a set by name."""
    return {
        **{f"seasonal naive {season}": naive(season) for season in data.seasons},
        "AutoETS": statistical("AutoETS"),
        "AutoTheta": statistical("AutoTheta"),
        "torch LSTM": torch_lstm,
    }

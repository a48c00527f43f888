"""Which inputs and which lags moved a forecast: integrated gradients, summed over patches of rows.

Sundararajan, Taly & Yan 2017: the gradient of the forecast is averaged along the straight way from inputs that say
nothing to those that were read, and multiplied by their distance. What says nothing is a window that is flat at its
mean, and plans and a calendar at their averages in the training data; attributes stay as they are. So effects add up:
to the distance of the forecast from that of inputs that say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keepgate.data.tables.panel import TARGET, Panel
from keepgate.errors import InputError
from keepgate.runtime.blocks import window_norm
from keepgate.tasks.common.running import limited_threads
from keepgate.tasks.forecast.examples import Prepared
from keepgate.tasks.forecast.network import ForecastNetwork

__all__ = ["ITSELF", "Effect", "effects", "explained", "tabled"]

ITSELF = "(the target itself)"  # of several, which are inputs besides
POINTS = 32  # of the way, at which gradients are taken
READ_AHEAD = ("known", "ahead")  # the step that standardizes what is known ahead, and its input
READ_BEFORE = ("plan", "before")


@dataclass(frozen=True)
class Effect:
    """What an input did to forecasts, in a stretch of rows.

    Attributes:
        input: its name.
        first: the first row: -1 is the last one of a series, 1 the first one ahead.
        last: the last row.
        values: of each series, in units of the target, [B].
    """

    input: str
    first: int
    last: int
    values: np.ndarray


def effects(model: Any, given: Mapping[str, np.ndarray], target: str, step: int | None = None) -> list[Effect]:
    """Return the effects on the mean of forecasts, by input and by patch of rows.

    Args:
        model: a fitted forecaster.
        given: the inputs of its network, of which `window` is [B, window, C].
        target: its name.
        step: the step ahead, from 1; None: the mean of all steps.

    Raises:
        InputError: there is no such step.
    """
    reads, network = model.reads_, model.network_
    if step is not None and not 1 <= step <= reads.horizon:
        raise InputError(f"step={step} is none of the steps ahead, 1 to {reads.horizon}")
    z, _, spread = window_norm(given["window"], given.get("spread"))
    inputs = {name: x for name, x in given.items() if name not in ("window", "spread")}
    device = next(network.parameters()).device
    tensors = {name: torch.from_numpy(x).to(device) for name, x in inputs.items()}
    tensors["normalized"] = torch.from_numpy(z.astype(np.float32)).to(device)
    with limited_threads(model.threads):
        found = {name: x * spread[:, :, :1] for name, x in _integrated(network, tensors, step).items()}
    channels = [target, *reads.covariates, *(["whether it was there"] if reads.gaps else [])]
    rows = _patches(reads.window, reads.patch)
    listed = _by_patch(found["normalized"], channels, rows)
    if "before" in found:
        listed += _by_patch(found["before"], reads.known, rows)
    if "ahead" in found:
        plans, calendar = np.split(found["ahead"], [len(reads.known)], axis=2)
        whole = [(0, reads.horizon)]
        listed += _by_patch(plans, reads.known, whole, 1)
        if reads.calendar:
            listed += _by_patch(calendar.sum(2, keepdims=True), ["calendar"], whole, 1)
    return listed


def explained(model: Any, data: Panel, step: int | None) -> Any:
    """Return the table of the effects on the forecasts after the end of each series; see `Forecaster.explain`."""
    series = np.arange(len(data.ids))
    given = Prepared(data, model.reads_, ahead=True).given(data.starts[1:], series)
    rows = effects(model, given, ITSELF if data.targets else data.names[2], step)
    columns = tabled(rows, len(series))
    if data.targets:
        columns = {"target": np.repeat(data.statics[TARGET], len(rows)), **columns}
    return data.listed(np.repeat(series, len(rows)), columns)


def tabled(rows: Sequence[Effect], count: int) -> dict[str, np.ndarray]:
    """Return the columns of a table that lists all effects of each of `count` series."""
    columns = {name: np.tile([getattr(row, name) for row in rows], count) for name in ("input", "first", "last")}
    return {**columns, "effect": np.stack([row.values for row in rows], 1).ravel()}


def _integrated(network: ForecastNetwork, inputs: Mapping[str, Tensor], step: int | None) -> dict[str, np.ndarray]:
    """Return the integrated gradients of the normalized mean, by input, each shaped as it."""
    silent = {"normalized": torch.zeros(())}
    for module, name in (READ_AHEAD, READ_BEFORE):
        if name in inputs:
            silent[name] = network.get_submodule(module).get_buffer("mean")
    total = {name: torch.zeros_like(inputs[name]) for name in silent}
    network.eval()
    for point in range(POINTS):
        share = (point + 0.5) / POINTS
        moved = {name: base + share * (inputs[name] - base) for name, base in silent.items()}
        moved = {name: x.detach().to(inputs[name].dtype).requires_grad_() for name, x in moved.items()}
        mean = network.run({**inputs, **moved}, "scaled")[:, :, 0]
        said = (mean.mean(1) if step is None else mean[:, step - 1]).sum()
        for name, gradient in zip(moved, torch.autograd.grad(said, list(moved.values())), strict=True):
            total[name] += gradient / POINTS
    return {name: ((inputs[name] - base) * total[name]).cpu().double().numpy() for name, base in silent.items()}


def _patches(window: int, patch: int) -> list[tuple[int, int]]:
    """Return first row and end of each patch of the window; the oldest rows, which fill none, are one too."""
    rest = window % patch
    edges = [*([0] if rest else []), *range(rest, window + 1, patch)]
    return list(pairwise(edges))


def _by_patch(
    found: np.ndarray, names: Sequence[str], rows: Sequence[tuple[int, int]], first: int | None = None
) -> list[Effect]:
    """Return the effects of channels [B, rows, channels], summed over stretches of rows.

    Args:
        found: of each row.
        names: of the channels.
        rows: first row and end of each stretch.
        first: how the first row is called; None: the last one is -1.
    """
    start = -found.shape[1] if first is None else first
    return [
        Effect(name, start + begin, start + end - 1, found[:, begin:end, k].sum(1))
        for k, name in enumerate(names)
        for begin, end in rows
    ]

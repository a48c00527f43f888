"""A `Forecaster` as an ONNX graph: raw windows in, forecasts in the target's units out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from keepgate.export.graph import DOUBLE, FLOAT, Graph
from keepgate.export.layers import Given, draw_layers
from keepgate.tasks.forecast_network import ForecastNetwork

if TYPE_CHECKING:
    from keepgate.tasks.forecast import Forecaster

__all__ = ["draw"]


def draw(graph: Graph, estimator: Forecaster) -> None:
    """Draw what `Forecaster.predict` computes of each series' last rows."""
    window, horizon, covariates = estimator.window_, estimator.horizon, estimator.covariates_
    network = estimator.network_
    assert isinstance(network, ForecastNetwork)
    quantiles = sorted(estimator.quantiles)
    graph.metadata |= {
        "task": estimator.task,
        "columns": json.dumps(["target", *covariates]),
        "forecasts": json.dumps(["mean", *quantiles]),
    }
    text = f"the last rows of each series, the target and then the covariates, [B, {window}, {1 + len(covariates)}]"
    raw = graph.input("input", DOUBLE, ["batch", window, 1 + len(covariates)], text)
    z, mean, spread = _normalised(graph, raw)
    forecasts = graph.cast(_network(graph, network, graph.cast(z, FLOAT), horizon), DOUBLE)
    if quantiles:
        parts = [graph.part(forecasts, 0, 1, 2), _ascending(graph, graph.part(forecasts, 1, 1 + len(quantiles), 2))]
        forecasts = graph.joined(parts, 2)
    target = [graph.part(value, 0, 1, 2) for value in (spread, mean)]
    forecasts = graph.node("Add", graph.node("Mul", forecasts, target[0]), target[1])
    shape = ["batch", horizon, 1 + len(quantiles)]
    text = f"the mean, then each quantile, of the {horizon} steps that follow, {shape}".replace("'batch'", "B")
    graph.output("forecast", forecasts, DOUBLE, shape, text)


def _normalised(graph: Graph, raw: str) -> tuple[str, str, str]:
    """Draw `forecast_windows.normalise`."""
    rows, zero, one = graph.constant(np.array([1])), graph.constant(np.array(0.0)), graph.constant(np.array(1.0))
    mean = graph.node("ReduceMean", raw, rows)
    centred = graph.node("Sub", raw, mean)
    variance = graph.node("ReduceMean", graph.node("Mul", centred, centred), rows)
    extremes = graph.node("ReduceMax", raw, rows), graph.node("ReduceMin", raw, rows)
    spread = graph.node("Where", graph.node("Greater", *extremes), graph.node("Sqrt", variance), zero)
    divisor = graph.node("Where", graph.node("Greater", spread, zero), spread, one)
    return graph.node("Div", centred, divisor), mean, spread


def _network(graph: Graph, network: ForecastNetwork, z: str, horizon: int) -> str:
    """Draw `ForecastNetwork.forward`."""
    recurrent, window, patch = network.recurrent, network.linear.in_features, network.patch
    steps, directions = window // patch, recurrent.directions
    whole = graph.part(z, window % patch, window, 1)
    patches = graph.node("Reshape", whole, graph.constant(np.array([-1, steps, network.embed.in_features])))
    embedded = graph.swap(_linear(graph, network.embed, patches), 1, 0, 2)
    output, _ = draw_layers(graph, recurrent, embedded, Given())
    width = recurrent.output_size // directions
    ends = [(steps - 1, 0), (0, 1)][:directions]
    last = [graph.part(graph.part(output, t, t + 1, 0), d * width, (d + 1) * width, 2) for t, d in ends]
    head = _linear(graph, network.head, graph.squeeze(graph.joined(last, 2), 0))
    head = graph.node("Reshape", head, graph.constant(np.array([-1, horizon, network.head.out_features // horizon])))
    target = graph.squeeze(graph.part(z, 0, 1, 2), 2)
    return graph.node("Add", head, graph.unsqueeze(_linear(graph, network.linear, target), 2))


def _linear(graph: Graph, layer: nn.Linear, x: str) -> str:
    weight, bias = (graph.constant(p.detach().cpu().numpy()) for p in (layer.weight.T, layer.bias))
    return graph.node("Add", graph.node("MatMul", x, weight), bias)


def _ascending(graph: Graph, quantiles: str) -> str:
    """Sort along the last axis."""
    count = graph.size(quantiles, 2)
    return graph.nodes(2, "TopK", quantiles, count, largest=0)[0]

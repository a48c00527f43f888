"""How a forecaster says in ONNX what it reads and gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from keepgate.errors import listed

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

__all__ = ["emit"]


def emit(model: Any, graph: Graph) -> None:
    """Emit what `predict` computes of each series' last rows; see `keepgate.export.onnx`."""
    quantiles, reads = sorted(model.quantiles), model.reads_
    channels = ["target", *reads.covariates, *(["whether the target was there"] if reads.gaps else [])]
    graph.metadata |= {
        "columns": json.dumps(channels),
        "forecasts": json.dumps(["mean", *quantiles]),
        "transform": reads.transform,
    }
    roots = ", the target and its forecasts as square roots" if reads.transform == "sqrt" else ""
    texts = {
        "window": f"the last rows of each series, {' and '.join(channels[:2])}, gaps filled{roots}",
        "spread": "the deviation of each series' channels",
        "before": f"{listed(reads.known)} in these rows",
        "ahead": f"what is known of the rows ahead: {listed([*reads.known, *reads.calendar])}",
        **{f"attribute{k}": f"the number of {name}" for k, name in enumerate(reads.attributes)},
    }
    inputs = {
        i.name: ("input" if i.name == "window" else i.name, f"{texts[i.name]}, {i.value}")
        for i in model.network_.description.inputs
    }
    shape = f"[B, {model.horizon}, {1 + len(quantiles)}]"
    text = f"the mean, then each quantile, of the {model.horizon} steps that follow, {shape}"
    model.emit_network(graph, inputs, {"forecast": ("forecast", text)})

"""How a forecaster says in ONNX what it reads and gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from keepgate.errors import listed
from keepgate.tasks.forecast.distributions import FAMILIES
from keepgate.tasks.forecast.network import QUANTILE

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

__all__ = ["emit"]


def emit(model: Any, graph: Graph) -> None:
    """Emit what `predict` computes of each series' last rows; see `keepgate.export.onnx`."""
    quantiles, reads = sorted(model.quantiles), model.reads_
    channels = ["target", *reads.covariates, *(["whether the target was there"] if reads.gaps else [])]
    numbers = ["mean", *quantiles] if model.loss == QUANTILE else list(FAMILIES[model.loss].parameters)
    graph.metadata |= {
        "columns": json.dumps(channels),
        "loss": model.loss,
        "forecasts": json.dumps(numbers),
        "transform": reads.transform,
        "attributes": json.dumps(
            {name: {text: k for k, text in enumerate(values, 1)} for name, values in reads.attributes.items()}
        ),
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
    shape = f"[B, {model.horizon}, {len(numbers)}]"
    said = "the mean, then each quantile," if model.loss == QUANTILE else f"{listed(numbers)} of a {model.loss} each"
    text = f"{said} of the {model.horizon} steps that follow, {shape}"
    model.emit_network(graph, inputs, {"forecast": ("forecast", text)})

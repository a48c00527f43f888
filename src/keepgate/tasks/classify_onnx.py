"""A `SequenceClassifier` as an ONNX graph: raw sequences in, probabilities out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from keepgate.export.graph import DOUBLE, FLOAT, INT64, Graph
from keepgate.export.layers import Given, draw_layers
from keepgate.tasks.classify_network import ClassifierNetwork

if TYPE_CHECKING:
    from keepgate.tasks.classify import SequenceClassifier

__all__ = ["draw"]


def draw(graph: Graph, estimator: SequenceClassifier) -> None:
    """Draw what `ClassifierNetwork.forward` computes, and the softmax."""
    network = estimator.network_
    assert isinstance(network, ClassifierNetwork)
    recurrent, classes, channels = network.recurrent, len(estimator.classes_), estimator.n_features_in_
    graph.metadata |= {
        "task": estimator.task,
        "classes": json.dumps(estimator.classes_.tolist(), default=str),
        "channels": json.dumps(estimator.channels_),
    }
    text = f"sequences as they are in the data, padded at the end, [B, T, {channels}]"
    raw = graph.input("input", DOUBLE, ["batch", "time", channels], text)
    lengths = graph.input("lengths", INT64, ["batch"], "steps of each sequence, 1 to T, [B]")
    mean, scale = (
        graph.constant(buffer.cpu().numpy()) for buffer in (network.standardise.mean, network.standardise.scale)
    )
    standard = graph.cast(graph.node("Div", graph.node("Sub", raw, mean), scale), FLOAT)
    output, final = draw_layers(graph, recurrent, graph.swap(standard, 1, 0, 2), Given(lengths=lengths))
    pooled = [
        *_over_time(graph, output, lengths),
        _last(graph, final[recurrent.equations.states[0]], recurrent.directions, recurrent.output_size),
    ]
    weight, bias = (graph.constant(p.detach().cpu().numpy()) for p in (network.output.weight, network.output.bias))
    logits = graph.node("Gemm", graph.joined(pooled, 1), weight, bias, transB=1)
    text = f"of the classes in the metadata's order, [B, {classes}]"
    graph.output("probabilities", graph.node("Softmax", logits, axis=1), FLOAT, ["batch", classes], text)


def _over_time(graph: Graph, output: str, lengths: str) -> tuple[str, str]:
    """Return mean and greatest value over the valid steps of [T, B, W]; outputs past the length are zero."""
    first = graph.constant(np.array([0]))
    mean = graph.node("ReduceSum", output, first, keepdims=0)
    mean = graph.node("Div", mean, graph.unsqueeze(graph.cast(lengths, FLOAT), 1))
    valid = graph.unsqueeze(graph.node("Less", graph.unsqueeze(graph.steps(output), 1), lengths), 2)
    least = graph.constant(np.array(-np.inf, np.float32))
    return mean, graph.node("ReduceMax", graph.node("Where", valid, output, least), first, keepdims=0)


def _last(graph: Graph, final: str, directions: int, width: int) -> str:
    """Return the last layer's final output of every direction side by side, [B, D * W]."""
    top = graph.part(final, -directions, np.iinfo(np.int64).max, 0)
    return graph.node("Reshape", graph.swap(top, 1, 0, 2), graph.constant(np.array([0, width])))

"""A network as an ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keepgate import networks
from keepgate.export.blocks import FUNCTIONS, At
from keepgate.export.graph import DOUBLE, INT64, Graph
from keepgate.export.layers import kind_of
from keepgate.networks import Linear, Network

__all__ = ["emit_network"]


def emit_network(
    graph: Graph,
    network: Network,
    tensors: Mapping[str, np.ndarray],
    inputs: Mapping[str, tuple[str, str]],
    outputs: Mapping[str, tuple[str, str]],
) -> None:
    """Emit what a network makes of some of its values.

    Args:
        graph: to emit to.
        network: the network.
        tensors: of the network, by name.
        inputs: by the name of the network's value, its name in the graph, and a text that describes it.
        outputs: likewise.

    Raises:
        InputError: the tensors are not the network's, or what is wanted needs a value that is not given.
    """
    network.check(tensors)
    values, kind = network.values(), _kind(network, tensors)
    kinds = {networks.FLOAT: kind, networks.FLOAT64: DOUBLE, networks.INT64: INT64}
    emitted: dict[str, str] = {"": ""}
    for name, (title, text) in inputs.items():
        emitted[name] = graph.input(title, kinds[values[name].dtype], values[name].shape, text)
    initializers = _Held(graph, tensors)
    for step in network.between(inputs, outputs):
        place, block = step.places[0], step.block
        full = {name: f"{place}.{name}" if place else name for name in block.parameters()}
        recurrent = isinstance(block, networks.Recurrent)  # whose weights are stored as its operator wants them
        at = At(
            graph,
            block,
            {name: tensors[key] for name, key in full.items()},
            {} if recurrent else {name: initializers.name(key) for name, key in full.items()},
            initializers.name(block.tied) if isinstance(block, Linear) and block.tied else None,
            kind,
            len(values[step.sources[0]].shape),
        )
        results = FUNCTIONS[type(block)](at, *(emitted.get(name, "") for name in step.sources))
        emitted.update(zip(network.results(step), results if isinstance(results, list) else [results], strict=True))
    for name, (title, text) in outputs.items():
        graph.output(title, emitted[name], kinds[values[name].dtype], values[name].shape, text)


def _kind(network: Network, tensors: Mapping[str, np.ndarray]) -> int:
    weights = (tensors[n].dtype for n, parameter in network.parameters().items() if parameter.dtype == networks.FLOAT)
    return kind_of(next(weights, np.dtype(np.float32)))


class _Held:
    """The tensors that a graph holds, each once."""

    def __init__(self, graph: Graph, tensors: Mapping[str, np.ndarray]) -> None:
        self._graph, self._tensors = graph, tensors
        self._names: dict[str, str] = {}

    def name(self, tensor: str) -> str:
        """Return the name in the graph of a tensor."""
        if tensor not in self._names:
            self._names[tensor] = self._graph.constant(self._tensors[tensor], tensor)
        return self._names[tensor]

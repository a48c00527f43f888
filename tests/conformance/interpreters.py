"""The interpreters of networks, each as a function from a `Problem`'s parts to arrays; torch in float64 comes first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from export.running import run as run_onnx
from keepgate.export.graph import Graph
from keepgate.export.network import emit_network
from keepgate.networks import FLOAT, Network
from keepgate.nn.network import NetworkModule
from keepgate.runtime import Runner

__all__ = ["INTERPRETERS", "reference"]

Arrays = Mapping[str, np.ndarray]
Run = Callable[[Network, Arrays, Arrays, Sequence[str]], list[np.ndarray]]


def converted(network: Network, tensors: Arrays, given: Arrays, dtype: type) -> tuple[Arrays, Arrays]:
    """Tensors and inputs as an interpreter of this dtype takes them."""
    parameters, values = network.parameters(), network.values()
    held = {n: t.astype(dtype) if parameters[n].dtype == FLOAT else t for n, t in tensors.items()}
    return held, {n: a.astype(dtype) if values[n].dtype == FLOAT else a for n, a in given.items()}


def reference(network: Network, tensors: Arrays, given: Arrays, wanted: Sequence[str]) -> list[np.ndarray]:
    module = NetworkModule(network).double().eval()
    module.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    with torch.no_grad():
        found = module.run({name: torch.from_numpy(value) for name, value in given.items()}, *wanted)
    return [value.numpy() for value in (found if isinstance(found, tuple) else (found,))]


def by_numpy(network: Network, tensors: Arrays, given: Arrays, wanted: Sequence[str]) -> list[np.ndarray]:
    found = Runner(network, tensors).run(given, *wanted)
    return list(found) if isinstance(found, tuple) else [found]


def by_onnx(network: Network, tensors: Arrays, given: Arrays, wanted: Sequence[str]) -> list[np.ndarray]:
    graph = Graph("network")
    outputs = {name: (f"result {name}", "") for name in wanted}
    emit_network(graph, network, tensors, {name: (name, "") for name in given}, outputs)
    return run_onnx(graph.model(), given)


def _in(dtype: type, run: Run) -> Run:
    return lambda network, tensors, given, wanted: run(network, *converted(network, tensors, given, dtype), wanted)


INTERPRETERS: dict[str, tuple[Run, torch.dtype]] = {  # each with the dtype whose tolerance holds
    "numpy float64": (_in(np.float64, by_numpy), torch.float64),
    "numpy float32": (_in(np.float32, by_numpy), torch.float32),
    "onnxruntime float32": (_in(np.float32, by_onnx), torch.float32),
}

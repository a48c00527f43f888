"""Inputs for any network, small enough for tests."""

from __future__ import annotations

import numpy as np

from keepgate.networks import FLOAT, FLOAT64, INT64, Network

__all__ = ["SIZES", "inputs_of"]

SIZES = {"batch": 3, "time": 5, "places": 4, "forms": 3, "letters": 4}
LONGEST = {"lengths": "time", "form_lengths": "letters", "source_lengths": "places"}
DTYPES = {FLOAT: np.float32, FLOAT64: np.float64}


def inputs_of(network: Network) -> dict[str, np.ndarray]:
    """Numbers for every input: lengths from the longest down, symbols 0 and 1, and normal ones."""
    random, inputs = np.random.default_rng(0), {}
    for entry in network.inputs:
        shape = [axis if isinstance(axis, int) else SIZES.get(axis, 2) for axis in entry.value.shape]
        if entry.name in LONGEST:
            inputs[entry.name] = np.arange(SIZES[LONGEST[entry.name]], 0, -1)[: shape[0]]
        elif np.prod(shape) > 10**6:
            inputs[entry.name] = np.zeros(10**6)  # a network of somebody's: more than a test needs
        elif entry.value.dtype == INT64:
            inputs[entry.name] = random.integers(0, 2, shape)
        else:
            inputs[entry.name] = random.normal(size=shape).astype(DTYPES[entry.value.dtype])
    return inputs

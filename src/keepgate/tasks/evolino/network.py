"""The network of `Evolino`: cells and a linear output, which says the next row of a series from all before."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from keepgate import networks as blocks
from keepgate.networks import FLOAT64, Input, Network, Step, Value
from keepgate.nn.blocks import Standardize
from keepgate.nn.network import NetworkModule


def evolino(recurrent: blocks.Recurrent) -> Network:
    """Return the network from series [B, T, 1] to the rows that follow each of theirs, [B, T, 1]."""
    steps = (
        Step("standardise", blocks.Standardize(1), ("x",)),
        Step("recurrent", recurrent, ("standardise",)),
        Step("output", blocks.Linear(recurrent.output_size, 1), ("recurrent",)),
        Step("next", blocks.Standardize(1, restore=True), ("output",)),
    )
    return Network((Input("x", Value(FLOAT64, ("batch", "time", 1))),), steps, ("next",))


class EvolinoNetwork(NetworkModule):
    """`evolino`, whose tensors are evolved and solved."""

    standardise: Standardize
    next: Standardize

    def scale(self, values: list[np.ndarray]) -> None:
        """Take mean and deviation of the values [T_i, 1]."""
        for step in (self.standardise, self.next):
            step.fit(values)

    def standardised(self, values: np.ndarray) -> np.ndarray:
        """Return values as the network sees them, in float64."""
        return (values - float(self.standardise.mean)) / float(self.standardise.scale)

    def restored(self, values: np.ndarray) -> np.ndarray:
        """Return values in the units of the table."""
        return values * float(self.standardise.scale) + float(self.standardise.mean)

    def put(self, parameters: Mapping[str, np.ndarray], outputs: np.ndarray) -> None:
        """Take the parameters of the cells by name, and the weights [H + 1] of the output, the bias last."""
        with torch.no_grad():
            for name, tensor in self.named_parameters():
                if name.startswith("recurrent."):
                    value = parameters.get(name.removeprefix("recurrent.").removesuffix("_l0"))
                    tensor.copy_(torch.zeros_like(tensor) if value is None else torch.from_numpy(np.array(value)))
            self.get_parameter("output.weight").copy_(torch.from_numpy(outputs[None, :-1]))
            self.get_parameter("output.bias").copy_(torch.from_numpy(outputs[-1:]))

    def taken(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers [N] of the cells, as `shapes` orders them, and the weights [H + 1] of the output."""
        found = {name: tensor.detach().cpu().numpy() for name, tensor in self.named_parameters()}
        cells = np.concatenate([found[f"recurrent.{name}_l0"].ravel() for name in shapes])
        return cells, np.append(found["output.weight"][0], found["output.bias"]).astype(np.float64)

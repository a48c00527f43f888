"""The network of `Controller`: cells read what is seen; from their states come what to do, and what it is worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keepgate import networks as blocks
from keepgate.networks import FLOAT64, Input, Network, Step, Value
from keepgate.nn.blocks import Standardize
from keepgate.nn.network import NetworkModule
from keepgate.training.policy.streams import States, taken

HEARD = 1.0
START = 0.01  # of the weights of the policy at first, so that all actions are about as likely
FADE = 0.05  # share of a new window in the moments of values
QUIET = np.errstate(all="ignore")  # what does not fit becomes infinite, as in torch


def controller(recurrent: blocks.Recurrent, outputs: int, shared: bool = False) -> Network:
    """Return the network from inputs [B, T, I] to outputs of the policy [B, T, O] and values [B, T, 1].

    Args:
        recurrent: layers.
        outputs: O.
        shared: whether values come from the layers of the policy, or from layers of their own.
    """
    size, width = recurrent.input_size, recurrent.output_size
    steps = (
        Step("standardise", blocks.Standardize(size), ("x",)),
        Step("recurrent", recurrent, ("standardise",)),
        *(() if shared else (Step("judge", recurrent, ("standardise",)),)),
        Step("policy", blocks.Linear(width, outputs), ("recurrent",)),
        Step("critic", blocks.Linear(width, 1), ("recurrent" if shared else "judge",)),
        Step("value", blocks.Standardize(1, restore=True), ("critic",)),
    )
    return Network((Input("x", Value(FLOAT64, ("batch", "time", size))),), steps, ("policy", "value"))


class ControlNetwork(NetworkModule):
    """`controller`, in the parts that acting and learning need; here time comes first."""

    standardise: Standardize
    value: Standardize
    recurrent: Any

    def reset_parameters(self) -> None:
        """Draw all tensors anew; all actions are about as likely, and few inputs are heard as many are."""
        super().reset_parameters()
        with torch.no_grad():
            for layer in self.layers:  # torch's rule knows the hidden size alone: few inputs would hardly be heard
                for name, weight in layer.named_parameters():
                    if name == "weight_ih_l0":
                        weight.mul_(math.sqrt(layer.hidden_size / layer.input_size) * HEARD)
            self.get_parameter("policy.weight").mul_(START)
            self.get_parameter("policy.bias").zero_()
            self.get_parameter("critic.bias").zero_()

    @property
    def layers(self) -> list[Any]:
        """The layers of the policy, and those of its critic, if it has its own."""
        return [self.get_submodule(name) for name in ("recurrent", "judge") if hasattr(self, name)]

    @property
    def width(self) -> int:
        """Of the outputs of layers."""
        return self.get_parameter("critic.weight").shape[1]

    def through(
        self, x: Tensor, states: States, reset: Tensor | None = None, lengths: Tensor | None = None
    ) -> list[Tensor]:
        """Return the outputs [T, N, W] of all layers for standardised inputs [T, N, I].

        Args:
            x: inputs.
            states: before the first step.
            reset: steps that begin in that state again, [T, N].
            lengths: [N]; None: all are T.
        """
        turned, found = None if reset is None else reset.t(), []
        for layer, state in zip(self.layers, states, strict=True):
            begun = tuple(one.transpose(0, 1) for one in state)
            output, _ = layer(x.transpose(0, 1), taken(begun), lengths, reset=turned)
            found.append(output.transpose(0, 1))
        return found

    def outputs(self, told: Sequence[Tensor]) -> Tensor:
        """Return the outputs of the policy, [..., O], from the outputs of all layers."""
        return self.get_submodule("policy")(told[0])

    def scaled_values(self, told: Sequence[Tensor]) -> Tensor:
        """Return the values of states in deviations of values, [...], from the outputs of all layers."""
        return self.get_submodule("critic")(told[-1])[..., 0]

    def values(self, told: Sequence[Tensor]) -> Tensor:
        """Return the values of states, [...] float64, from the outputs of all layers."""
        return self.scaled_values(told).double() * self.value.scale[0] + self.value.mean[0]

    def scaled(self, values: Tensor) -> Tensor:
        """Return values in deviations, as `scaled_values` says them."""
        return (values - self.value.mean[0]) / self.value.scale[0]

    def standardiser(self) -> Callable[[np.ndarray], np.ndarray]:
        """Return a function from inputs [N, I] as they come to what the recurrence reads, by the scales of now."""
        mean, scale = self.standardise.mean.numpy().copy(), self.standardise.scale.numpy().copy()
        return QUIET(lambda rows: ((rows - mean) / scale).astype(np.float32))

    def head(self, name: str) -> Callable[[np.ndarray], np.ndarray]:
        """Return a linear map of outputs of the recurrence [N, W], by the weights of now."""
        weight = np.ascontiguousarray(self.get_parameter(f"{name}.weight").detach().numpy().T)
        bias = self.get_parameter(f"{name}.bias").detach().numpy().copy()
        return QUIET(lambda output: output @ weight + bias)

    def scale_inputs(self, mean: np.ndarray, scale: np.ndarray) -> None:
        """Standardise inputs by these from now on."""
        self.standardise.mean.copy_(torch.from_numpy(mean))
        self.standardise.scale.copy_(torch.from_numpy(scale))

    def scale_values(self, values: np.ndarray, windows: int) -> None:
        """Take values of one more window into their mean and deviation; what the network says stays the same.

        van Hasselt, Guez, Hessel, Mnih & Silver 2016, "Learning values across many orders of magnitude", section 2.2.

        Args:
            values: [M].
            windows: that were taken before.
        """
        if not len(values):
            return
        mean, scale = float(self.value.mean), float(self.value.scale)
        share = max(FADE, 1 / (windows + 1))
        new = mean + share * (values.mean() - mean)
        square = (1 - share) * (scale**2 + mean**2) + share * float(np.square(values).mean())
        deviation = max(np.sqrt(max(square - new**2, 0.0)), 1e-4)
        with torch.no_grad():
            self.get_parameter("critic.weight").mul_(scale / deviation)
            bias = self.get_parameter("critic.bias")
            bias.copy_((scale * bias + mean - new) / deviation)
            self.value.mean.fill_(new)
            self.value.scale.fill_(deviation)

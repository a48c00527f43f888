"""The network of `SequenceRegressor`: read as a classifier reads, in units of the targets' deviation, and restored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from keepgate import networks as blocks
from keepgate.networks import Network, Step
from keepgate.nn.blocks import Standardize
from keepgate.nn.network import NetworkModule
from keepgate.tasks.classify.network import reader, series


def regressor(
    recurrent: blocks.Recurrent,
    channels: int,
    outputs: int,
    *,
    pools: Sequence[int] = (),
    noise: float,
    dropout: float,
) -> Network:
    """Return the network from x [B, T, C] and lengths [B], each at least 1, to numbers [B, outputs] float64.

    Args:
        recurrent: the recurrent layers, over the C channels or those of the last convolution.
        channels: C.
        outputs: the means of all targets, then for each quantile those of all targets.
        pools: of the front end, see `keepgate.tasks.classify.network.front_end`.
        noise: standard deviation of the noise on the standardized input.
        dropout: share of values that are dropped.
    """
    inputs, steps = reader(recurrent, series(channels, noise), outputs, pools=pools, dropout=dropout)
    restored = Step("restored", blocks.Standardize(outputs, restore=True), (steps[-1].name,))
    return Network(inputs, (*steps, restored), ("restored",))


class RegressorNetwork(NetworkModule):
    """`regressor` with its loss, which is in units of the targets' deviation."""

    standardise: Standardize
    restored: Standardize
    quantiles: Tensor

    def __init__(self, description: Network, backend: str = "auto", *, quantiles: Sequence[float]) -> None:
        super().__init__(description, backend)
        values = torch.from_numpy(np.array(quantiles, np.float32))  # no weights: numbers on the device "meta" too
        self.register_buffer("quantiles", values, persistent=False)
        (self.whole,) = description.by_name["restored"].sources
        self.readers = ("output", "front_output") if "front_output" in description.by_name else (self.whole,)

    def fit_targets(self, targets: np.ndarray) -> None:
        """Take mean and deviation of targets [N, K]; one that never changes keeps its scale."""
        self.restored.fit([np.tile(targets, 1 + len(self.quantiles))])

    def move_quantiles(self, shift: np.ndarray) -> None:
        """Add numbers [Q, K] to the quantiles: in the weights, so that every runtime has the same."""
        moved = np.concatenate([np.zeros_like(shift[:1]), shift])
        self.restored.mean += torch.from_numpy(moved.reshape(-1)).to(self.restored.mean.device)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return numbers [B, 1 + Q, K] float64: the mean and the quantiles; steps past a length do not count."""
        return self.run({"x": x, "lengths": lengths}, "restored").unflatten(1, (1 + len(self.quantiles), -1))

    def loss(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Return the squared error plus the mean pinball loss of the quantiles (Koenker & Bassett 1978).

        While training, it is the mean of that of each reader.

        Args:
            batch: of `SequenceExamples`, with targets [B, K] float64.
        """
        x, lengths, targets = batch
        wanted = self.restored(targets.repeat(1, 1 + len(self.quantiles)))
        names = self.readers if self.training else (self.whole,)
        found = self.run({"x": x, "lengths": lengths}, *names)
        readings = found if len(names) > 1 else (found,)
        return torch.stack([self._error(wanted - read) for read in readings]).mean()

    def _error(self, above: Tensor) -> Tensor:
        mean, *others = above.unflatten(1, (1 + len(self.quantiles), -1)).unbind(1)
        loss = mean.square().mean()
        for q, each in zip(self.quantiles, others, strict=True):
            loss = loss + torch.maximum(q * each, (q - 1) * each).mean() / len(others)
        return loss

    def extra_repr(self) -> str:
        """Return what a resumed run has to have in common beyond the shapes."""
        return f"{super().extra_repr()}\nquantiles={self.quantiles.tolist()}"

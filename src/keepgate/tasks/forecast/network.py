"""The network of `Forecaster`: patches of the past through recurrent layers to the whole horizon at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from keepgate import networks as blocks
from keepgate.networks import FLOAT64, Input, Network, Step, Value
from keepgate.nn.network import NetworkModule


def forecaster(
    recurrent: blocks.Recurrent, *, window: int, patch: int, channels: int, horizon: int, quantiles: int, dropout: float
) -> Network:
    """Return the network from windows [B, L, C] to forecasts [B, horizon, 1 + quantiles], the point forecast first.

    The window is normalized and cut into patches, each mapped to one step of the recurrence (as in PatchTST, Nie et al.
    2023, and SegRNN, Lin et al. 2023): few steps, each of which sees a stretch of the series' shape. All steps ahead
    are read from the last outputs at once. In parallel a linear map of the target's window (Zeng et al. 2023) carries
    what is linear, which leaves the recurrent layers the rest.

    The oldest rows that fill no whole patch go into the linear map only.

    Args:
        recurrent: the recurrent layers, over the patches' vectors.
        window: L.
        patch: rows of a patch.
        channels: C, the target and the covariates.
        horizon: steps to forecast.
        quantiles: how many there are.
        dropout: share of values that are dropped.
    """
    state = f"recurrent.{recurrent.equations.states[0]}"
    return Network(
        (Input("window", Value(FLOAT64, ("batch", window, channels))),),
        (
            Step("normalized", blocks.WindowNorm(), ("window",)),
            Step("patches", blocks.Patches(patch), ("normalized",)),
            Step("embed", blocks.Linear(patch * channels, recurrent.input_size), ("patches",)),
            Step("steps", blocks.Dropout(dropout), ("embed",)),
            Step("recurrent", recurrent, ("steps",)),
            Step("last", blocks.Last(recurrent.directions), (state,)),
            Step("kept", blocks.Dropout(dropout), ("last",)),
            Step("head", blocks.Linear(recurrent.output_size, horizon * (1 + quantiles)), ("kept",)),
            Step("ahead", blocks.Reshape((horizon, 1 + quantiles)), ("head",)),
            Step("target", blocks.Select(0), ("normalized",)),
            Step("linear", blocks.Linear(window, horizon), ("target",)),
            Step("straight", blocks.Reshape((horizon, 1)), ("linear",)),
            Step("scaled", blocks.Add(), ("ahead", "straight")),
            Step("forecast", blocks.Restore(), ("scaled", "normalized.mean", "normalized.spread")),
        ),
        ("forecast",),
    )


class ForecastNetwork(NetworkModule):
    """`forecaster` with its loss, between normalized windows [B, L, C] and normalized forecasts."""

    DRAWN = ("recurrent",)
    quantiles: Tensor

    def __init__(self, description: Network, backend: str = "auto", *, quantiles: Sequence[float]) -> None:
        super().__init__(description, backend)
        values = torch.from_numpy(np.array(quantiles, np.float32))  # no weights: numbers on the device "meta" too
        self.register_buffer("quantiles", values, persistent=False)

    def forward(self, z: Tensor) -> Tensor:
        """Return the normalized forecasts of normalized windows z."""
        return self.run({"normalized": z}, "scaled")

    def loss(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Return the squared error of the point forecast plus the mean pinball loss of the quantiles.

        So the point becomes the mean of the future values, and the quantiles their quantiles (Koenker & Bassett 1978);
        both are in units of the series' deviation.

        Args:
            batch: of `Windows`.
        """
        z, weight, target = batch
        scaled = self(z) * weight[:, :, None]
        loss = F.mse_loss(scaled[:, :, 0], target)
        if len(self.quantiles) == 0:
            return loss
        above = target[:, :, None] - scaled[:, :, 1:]
        return loss + torch.maximum(self.quantiles * above, (self.quantiles - 1) * above).mean()

    def extra_repr(self) -> str:
        """Return what a resumed run has to have in common beyond the shapes."""
        return f"{super().extra_repr()}\nquantiles={self.quantiles.tolist()}"

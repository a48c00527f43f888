"""The network of `Forecaster`: patches of the past through recurrent layers to the whole horizon at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keepgate.nn import Recurrent


class ForecastNetwork(nn.Module):
    """Normalised windows [B, L, C] to normalised forecasts [B, horizon, 1 + quantiles], the point forecast first.

    The window is cut into patches, each mapped to one step of the recurrence (as in PatchTST, Nie et al. 2023, and
    SegRNN, Lin et al. 2023): few steps, each of which sees a stretch of the series' shape. All steps ahead are read
    from the last outputs at once. Beside it a linear map of the target's window (Zeng et al. 2023) carries what is
    linear, which leaves the recurrent layers the rest.

    The oldest rows that fill no whole patch go into the linear map only.
    """

    quantiles: Tensor

    def __init__(
        self,
        recurrent: Recurrent,
        *,
        window: int,
        patch: int,
        channels: int,
        horizon: int,
        quantiles: Sequence[float],
        dropout: float,
    ):
        super().__init__()
        self.patch, self.dropout = patch, dropout
        self.embed = nn.Linear(patch * channels, recurrent.input_size)
        self.recurrent = recurrent
        self.head = nn.Linear(recurrent.output_size, horizon * (1 + len(quantiles)))
        self.linear = nn.Linear(window, horizon)
        values = torch.from_numpy(np.array(quantiles, np.float32))  # no weights: numbers on the device "meta" too
        self.register_buffer("quantiles", values, persistent=False)

    def forward(self, z: Tensor) -> Tensor:
        """The forecasts of windows z."""
        whole = z[:, z.shape[1] % self.patch :]
        patches = whole.reshape(len(z), -1, self.patch * z.shape[2])
        steps = F.dropout(self.embed(patches), self.dropout, self.training)
        output, _ = self.recurrent(steps)
        last = F.dropout(self.last(output), self.dropout, self.training)
        straight = self.linear(z[:, :, 0])
        return self.head(last).unflatten(1, (straight.shape[1], -1)) + straight[:, :, None]

    def last(self, output: Tensor) -> Tensor:
        """The output at the end of each direction, [B, T, D * W] to [B, D * W]."""
        width = output.shape[2] // self.recurrent.directions
        return torch.cat([output[:, -1, :width], output[:, 0, width:]], dim=1)

    def loss(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Squared error of the point forecast plus the mean pinball loss of the quantiles, means over the batch.

        batch: see `forecast_windows.Windows`. The point is so the mean of what may come, the quantiles its quantiles
        (Koenker & Bassett 1978); both are in units of the series' deviation.
        """
        z, weight, target = batch
        scaled = self(z) * weight[:, :, None]
        loss = F.mse_loss(scaled[:, :, 0], target)
        if len(self.quantiles) == 0:
            return loss
        above = target[:, :, None] - scaled[:, :, 1:]
        return loss + torch.maximum(self.quantiles * above, (self.quantiles - 1) * above).mean()

    def extra_repr(self) -> str:
        """What a resumed run has to have in common beyond the shapes."""
        return f"patch={self.patch}, dropout={self.dropout}, quantiles={self.quantiles.tolist()}"

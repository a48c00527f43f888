"""Calibrated quantiles cover what they say on the windows that they were calibrated on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate.tasks.forecast.widths import BOUNDS, widths


class Fixed(torch.nn.Module):
    """Gives forecasts that were made before."""

    def __init__(self, outputs: np.ndarray) -> None:
        super().__init__()
        self.outputs = torch.nn.Parameter(torch.from_numpy(outputs.astype(np.float32)))

    def forward(self, given):
        return self.outputs[given["rows"]]


class Known:
    """Held-out windows with known outcomes."""

    def __init__(self, target: np.ndarray) -> None:
        self.target = torch.from_numpy(target.astype(np.float32))

    def __len__(self) -> int:
        return len(self.target)

    def batch(self, rows):
        return {"rows": torch.from_numpy(rows)}, torch.ones(len(rows), 1), self.target[torch.from_numpy(rows)]


@pytest.mark.parametrize("scale", [0.5, 2.0])
@pytest.mark.parametrize("quantiles", [(0.1, 0.5, 0.9), (0.05, 0.95)])
def test_coverage_is_what_the_quantiles_say(scale: float, quantiles: tuple[float, ...]) -> None:
    random = np.random.default_rng(0)
    spread = random.uniform(0.5, 3, size=(500, 4))  # varies, and the forecasts know how
    target = spread * random.normal(size=(500, 4))
    target[random.random((500, 4)) < 0.1] = np.nan
    ends = [-1, 0, 1] if len(quantiles) == 3 else [-1, 1]
    outputs = np.stack([0 * spread, *(scale * end * spread for end in ends)], -1)
    matrix = widths(Fixed(outputs), Known(target), quantiles)
    calibrated = outputs @ matrix.T
    seen = ~np.isnan(target)
    for k, q in enumerate(quantiles, 1):
        assert (target <= calibrated[..., k])[seen].mean() == pytest.approx(q, abs=2e-3)
        assert np.ptp(calibrated[..., k] / np.where(ends[k - 1], ends[k - 1] * spread, 1)) < 1e-5


def test_few_windows_change_nothing_and_factors_have_bounds() -> None:
    outputs = np.tile([0.0, -1, 0, 1], (4, 5, 1))
    assert (widths(Fixed(outputs), Known(np.zeros((4, 5))), (0.1, 0.5, 0.9)) == np.eye(4)).all()
    many = np.tile([0.0, -1, 0, 1], (40, 5, 1))
    assert widths(Fixed(many), Known(np.full((40, 5), 99.0)), (0.1, 0.5, 0.9))[3, 3] == BOUNDS[1]

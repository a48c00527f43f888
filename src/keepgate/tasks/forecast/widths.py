"""How wide quantiles have to be so that they cover what they say: conformal calibration on held-out windows.

Each quantile is stretched from the median (or the point forecast) by one factor, the one that lets its share of the
held-out values lie below it. It is conformalized quantile regression (Romano, Patterson & Candès 2019) with the
distance from the centre as the unit, so that what varies in width goes on to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from keepgate.tasks.forecast import distributions
from keepgate.tasks.forecast.examples import Windows
from keepgate.tasks.forecast.network import QUANTILE, ForecastNetwork
from keepgate.tasks.forecast.recent import centre

__all__ = ["calibration", "widths"]

FEWEST = 30  # held-out values, below which nothing is stretched
BOUNDS = (0.2, 5.0)  # of a factor
AT_ONCE = 1024


def calibration(network: ForecastNetwork, held_out: Windows, quantiles: Sequence[float]) -> dict[str, torch.Tensor]:
    """Return by name the tensor that makes forecasts as wide as they have to be: of a distribution, by its likelihood.

    Args:
        network: trained.
        held_out: windows that it was not trained on.
        quantiles: ascending.
    """
    if network.loss_name == QUANTILE:
        return {"calibrated.weight": torch.from_numpy(widths(network, held_out, quantiles))}
    shift = torch.zeros_like(network.get_parameter("calibrated.bias"))
    shift[1] = math.log(distributions.excess(network, held_out))
    return {"calibrated.bias": shift}


def widths(network: ForecastNetwork, held_out: Windows, quantiles: Sequence[float]) -> np.ndarray:
    """Return the matrix [1 + Q, 1 + Q] that turns forecasts into calibrated ones.

    Args:
        network: trained.
        held_out: windows that it was not trained on.
        quantiles: ascending.
    """
    outputs, target = _forecasts(network, held_out)
    matrix = np.eye(1 + len(quantiles))
    middle = centre(quantiles)
    for k, q in enumerate(quantiles, 1):
        if k != middle and len(target) >= FEWEST:
            factor = _factor(target - outputs[:, middle], outputs[:, k] - outputs[:, middle], q)
            matrix[k, k], matrix[k, middle] = factor, 1 - factor
    return matrix


def _factor(error: np.ndarray, distance: np.ndarray, q: float) -> float:
    """Return the factor of the distances of quantile q, of which share q of the errors is below (all [N])."""
    right = distance > 0 if q > 0.5 else distance < 0  # a quantile on the wrong side of the centre tells nothing
    if right.sum() < FEWEST:
        return 1.0
    share = q if q > 0.5 else 1 - q
    count = int(right.sum())
    level = min(share * (count + 1) / count, 1.0)
    return float(np.clip(np.quantile(error[right] / distance[right], level, method="higher"), *BOUNDS))


def _forecasts(network: ForecastNetwork, data: Windows) -> tuple[np.ndarray, np.ndarray]:
    """Return forecasts [N, 1 + Q] and the values [N] that followed, of all steps of all windows."""
    device = next(network.parameters()).device
    found = []
    with torch.inference_mode():
        for rows in np.array_split(np.arange(len(data)), -(-len(data) // AT_ONCE)):
            given, weight, target, *_ = data.batch(rows)
            outputs = network({name: x.to(device) for name, x in given.items()}).cpu() * weight[:, :, None]
            found.append((outputs.flatten(0, 1).numpy(), target.flatten().numpy()))
    outputs, target = (np.concatenate(parts) for parts in zip(*found, strict=True))
    outputs = np.concatenate([outputs[:, :1], np.sort(outputs[:, 1:], -1)], -1)
    return outputs[~np.isnan(target)], target[~np.isnan(target)]

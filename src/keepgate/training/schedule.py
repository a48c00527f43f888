"""The learning rate over the training.

Everything is a function of `progress`, the part of the training that is done: 0 at the start of the first
epoch, 1 at the end of the last. An update has the progress of its middle: the first of N has 0.5/N. So the
rate needs no count of the updates, which with truncated back-propagation depends on the lengths in each
batch.
"""

from __future__ import annotations

import math

from keepgate.training.settings import Settings

__all__ = ["plateau_scale", "rate"]


def rate(settings: Settings, progress: float) -> float:
    """Return the learning rate of an update, before "plateau" lowers it.

    It rises linearly from zero to `learning_rate` while progress < warmup, then stays ("constant", "plateau") or falls
    as half a cosine to zero at progress 1 ("cosine"; Loshchilov & Hutter 2017, eq. 5 without restarts).

    Args:
        settings: of the run.
        progress: of the update, 0 to 1.
    """
    if progress < settings.warmup:
        return settings.learning_rate * progress / settings.warmup
    if settings.schedule != "cosine" or settings.warmup == 1.0:
        return settings.learning_rate
    after = (progress - settings.warmup) / (1.0 - settings.warmup)
    return settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * after))


def plateau_scale(settings: Settings, losses: list[float]) -> float:
    """Return the factor of "plateau", given the held-out losses of all epochs so far.

    Each time `plateau_epochs` in a row were no better than the best before them, the rate falls by `plateau_factor` and
    the count starts again.
    """
    scale, best, waited = 1.0, math.inf, 0
    for loss in losses if settings.schedule == "plateau" else []:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited == settings.plateau_epochs:
            scale, waited = scale * settings.plateau_factor, 0
    return scale

"""Scores of suggestions."""

from __future__ import annotations

from typing import Any

import numpy as np

from keepgate.tasks.suggest.keyboard import Typed


def typing_scores(typed: Typed) -> dict[str, Any]:
    """Return the share of keystrokes saved, and median and 95th percentile of a keystroke's time in milliseconds."""
    median, most = 1000 * np.quantile(typed.seconds, (0.5, 0.95))
    return {
        "keystrokes saved": typed.saved,
        "characters": typed.characters,
        "keystrokes": typed.keystrokes,
        "median ms": float(median),
        "95 % within ms": float(most),
    }

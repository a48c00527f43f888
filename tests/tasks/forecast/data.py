"""Data that can be learned in a moment, and sizes of networks that learn them."""

from __future__ import annotations

import numpy as np
import pandas as pd

SMALL = {"hidden_size": 8, "batch_size": 16, "epochs": 2, "progress": False}


def waves(rows: int = 120, levels: tuple[float, ...] = (0.0, 1000.0), noise: float = 0.1) -> pd.DataFrame:
    """Daily series with a weekly shape and noise, each at its own level and scale."""
    random = np.random.default_rng(0)
    parts = []
    for k, level in enumerate(levels):
        y = (
            np.sin(2 * np.pi * np.arange(rows) / 7)
            + 0.5 * (np.arange(rows) % 7 == k)
            + noise * random.normal(size=rows)
        )
        ds = pd.date_range("2024-01-01", periods=rows, freq="D")
        parts.append(pd.DataFrame({"unique_id": f"series {k}", "ds": ds, "y": level + (1 + level / 10) * y}))
    return pd.concat(parts, ignore_index=True)


def values(table) -> np.ndarray:
    table = table if isinstance(table, pd.DataFrame) else table.to_pandas()
    return table.filter(like="y_hat").to_numpy()


DAYS = pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d").tolist()


def changed(line: int, text: str) -> list[str]:
    return [*LINES[:line], text, *LINES[line + 1 :]]


LINES = ["unique_id,ds,y", *(f"a,{day},{i}" for i, day in enumerate(DAYS))]

"""The history of a training run, epoch by epoch."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

from keepgate import schema

__all__ = ["ROWS", "History"]

ENTRIES = {
    "epoch": schema.whole(1, 2**53),
    "updates": schema.whole(1, 2**53),
    "train_loss": schema.number(),
    "valid_loss": schema.optional(schema.number()),
    "learning_rate": schema.number(0),
    "gradient_norm": schema.number(0),
    "seconds": schema.number(0),
}
WITHOUT_SCORE = schema.record(**ENTRIES)
WITH_SCORE = schema.record(**ENTRIES, valid_score=schema.number())


def _row(name: str, value: Any) -> None:
    (WITH_SCORE if isinstance(value, dict) and "valid_score" in value else WITHOUT_SCORE)(name, value)


ROWS = schema.several(_row)


@dataclass
class History:
    """The rows of `metrics.jsonl`, one dict an epoch, and whether the run has finished.

    A row has `epoch` (from 1), `updates` (so far), `train_loss` (mean over the epoch, while the weights changed),
    `valid_loss` (None without a held-out part), `valid_score` (only where a score is given), `learning_rate` (of the
    last update), `gradient_norm` (mean, before clipping) and `seconds` (of the epoch; the only entry that differs
    between two runs of the same settings).
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    finished: bool = False

    @property
    def valid_losses(self) -> list[float]:
        """The held-out losses so far; empty without a held-out part."""
        return [row["valid_loss"] for row in self.rows if row["valid_loss"] is not None]

    @property
    def best_epoch(self) -> int:
        """The epoch (from 1) whose weights are kept: the first of the best held-out ones; 0 if there is none.

        The best has the highest score, and of these the lowest loss. Without a held-out part it is the last.
        """
        ranks = [(-row.get("valid_score", 0.0), row["valid_loss"]) for row in self.rows]
        return ranks.index(min(ranks)) + 1 if self.valid_losses else len(self.rows)

    @property
    def best_loss(self) -> float:
        """The held-out loss of `best_epoch` (without a held-out part, its training loss); infinity if there is none."""
        if not self.rows:
            return math.inf
        row = self.rows[self.best_epoch - 1]
        return row["train_loss"] if row["valid_loss"] is None else row["valid_loss"]

    def text(self) -> str:
        """Return the rows as JSON lines."""
        return "".join(json.dumps(row, allow_nan=False) + "\n" for row in self.rows)

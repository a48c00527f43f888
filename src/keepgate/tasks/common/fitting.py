"""How a network is fitted: how often the data are read, what is held out by itself, and what follows the best epoch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from keepgate.training import Examples, History, Part, Score, Settings, train
from keepgate.training.callbacks import Callback

__all__ = ["Fitting", "about", "by_member", "parts", "passes", "share_held_out", "still_improving", "worth_a_second"]

FEWEST, SHARE, MOST = 100, 0.1, 1_000  # from so many examples on this share is held out, but at most so many
WORTH = 0.05  # what is held out is learned in the end, if it is this share or more
AGAIN, RATE = 0.2, 0.3  # of the epochs, and of the highest rate: how all data are then learned
FEWEST_OF_MANY = 3  # passes over data that are many
TAIL, GAIN = 0.2, 0.1  # a fit still improves whose held-out loss fell by this share of it in its last epochs


@dataclass(frozen=True)
class Fitting:
    """A network, and how it is fitted; but for the network all is as `keepgate.training.train` takes it."""

    network: nn.Module
    loss: Callable[..., Any]
    score: Score | None
    settings: Settings
    run: str | Path | None
    progress: bool | str

    def choosing(
        self,
        data: Examples,
        valid: Examples | np.ndarray | None,
        again: bool,
        callbacks: Sequence[Callback],
        calibrate: Callable[[Examples], None] | None,
    ) -> History:
        """Train with the weights that are best for what is held out, and return the history.

        Args:
            data: all that is given.
            valid: what is held out; or the indices of the examples of `data` that are; or None.
            again: whether these are then learned too, see `twice`.
            callbacks: of the training.
            calibrate: called with what was held out, when the network has weights that have not learned it and are
                otherwise as the last ones; None: nothing is to be calibrated.
        """
        if isinstance(valid, np.ndarray):
            if again:
                return self.twice(data, valid, callbacks, calibrate)
            data, valid = parts(data, valid)
        history = self.once(data, valid, callbacks)
        if valid is not None and calibrate is not None:
            calibrate(valid)
        return history

    def once(self, data: Examples, valid: Examples | None, callbacks: Sequence[Callback]) -> History:
        """Train, with the weights that are best for `valid`, if it is given."""
        how = (self.settings, self.run, self.progress, callbacks, self.score)
        return train(self.network, self.loss, data, valid, *how)

    def twice(
        self,
        data: Examples,
        held_out: np.ndarray,
        callbacks: Sequence[Callback],
        calibrate: Callable[[Examples], None] | None,
    ) -> History:
        """Train on a part, then go on from the best weights with all: a fifth as long, at a lower rate.

        That a small part that is held out may be best early by chance does no harm: the second training is at least a
        tenth of the epochs that were planned. It makes a network surer of itself, so what is calibrated is one that
        went on likewise from the best weights, but without the held-out part. The two second trainings are kept in the
        folders `calibration` and `refit` of the run.

        Args:
            data: all that is given.
            held_out: the indices of the examples that choose the best epoch.
            callbacks: of the first training.
            calibrate: see `choosing`.

        Returns:
            The history of the first training.
        """
        minutes = self.settings.minutes
        whole = 1 + AGAIN * (1 if calibrate is None else 2)
        shares = [None if minutes is None else minutes * share / whole for share in (1, AGAIN)]
        first = dataclasses.replace(self.settings, minutes=shares[0])
        part, rest = parts(data, held_out)
        history = dataclasses.replace(self, settings=first).once(part, rest, callbacks)
        planned = first.epochs if minutes is None else len(history.rows)
        second = dataclasses.replace(
            first,
            minutes=shares[1],
            epochs=max(round(AGAIN * max(history.best_epoch, planned / 2)), 1),
            learning_rate=RATE * first.learning_rate,
            patience=None,
            schedule="cosine",  # to its end, whatever the first one's
        )

        def go_on(data: Examples, folder: str) -> None:
            run = None if self.run is None else Path(self.run) / folder
            dataclasses.replace(self, settings=second, run=run, score=None).once(data, None, ())

        if calibrate is not None:
            best = {name: value.clone() for name, value in self.network.state_dict().items()}
            go_on(part, "calibration")
            calibrate(rest)
            self.network.load_state_dict(best)
        go_on(data, "refit")
        return history


def parts(data: Examples, held_out: np.ndarray) -> tuple[Part, Part]:
    """Return what is learned from, and what is held out: the examples with these indices."""
    others = np.setdiff1d(np.arange(len(data)), held_out)
    return Part(data, others), Part(data, held_out)


def passes(
    data: Examples,
    batch_size: int,
    window: int | None,
    updates: int,
    bounds: tuple[int, int],
    enough: int | None = None,
) -> int:
    """Return the passes over data that learning takes: small data are read more often.

    A training of few updates learns little, whatever the number of passes.

    Args:
        data: to learn from.
        batch_size: examples of an update.
        window: steps of an update, or None.
        updates: that learning takes.
        bounds: the fewest and the most passes.
        enough: updates that are enough where the fewest passes are more; there are three passes still.
    """
    windows = 1.0
    if window is not None:
        windows = float(np.mean([-(-data.length(i) // window) for i in range(len(data))]))
    fewest, most = bounds
    each = max(-(-len(data) // batch_size) * windows, 1)
    if enough is not None:
        fewest = min(fewest, max(math.ceil(enough / each), FEWEST_OF_MANY))
    return min(max(math.ceil(updates / each), fewest), most)


def share_held_out(asked: float | None, count: int) -> float:
    """Return the share of so many examples that is held out, if nothing else is said (`asked` is None)."""
    if asked is not None:
        return asked
    return min(SHARE, MOST / count) if count >= FEWEST else 0.0


def worth_a_second(asked: bool | None, share: float) -> bool:
    """Return whether to learn again with the share that was held out; if nothing is said, where it is much."""
    return share >= WORTH if asked is None else asked


def about(rows: Sequence[dict[str, Any]], count: int, held_out: int, again: bool) -> list[str]:
    """Return sentences on how a fit went, for whom it may concern.

    Args:
        rows: of the history, of all members of an ensemble.
        count: of all examples.
        held_out: how many of them were held out by themselves.
        again: whether they were learned in the end.
    """
    said, parts = [], list(by_member(rows).values())
    if held_out:
        best = [f"{History(part).best_epoch} of {len(part)}" for part in parts]
        then = "then all were learned" if again else "they were not learned"
        said.append(f"{held_out:,} of {count:,} examples were held out and chose epoch {', '.join(best)}; {then}")
    return said + [sentence for sentence in [still_improving(parts[0])] if sentence]


def by_member(rows: Sequence[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """Return the rows of a history by the number of the member of an ensemble, 1 if there is none."""
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row.get("member", 1), []).append(row)
    return found


def still_improving(rows: Sequence[dict[str, Any]]) -> str | None:
    """Return a sentence where a fit ended while its held-out loss was falling, else None.

    Args:
        rows: of the history.
    """
    losses = [row["valid_loss"] for row in rows]
    tail = math.ceil(TAIL * len(rows))
    if None in losses or len(rows) < 3:
        return None
    before, after = min(losses[:-tail]), min(losses[-tail:])
    if before - after <= GAIN * abs(before):
        return None
    return (
        f"the held-out loss still fell, from {before:.4g} to {after:.4g} in the last {tail} of {len(rows)} epochs: "
        "more epochs would learn more"
    )

"""The folder of a search: `metrics.jsonl`, and `checkpoint/`, from which a killed search goes on."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keepgate import schema
from keepgate.errors import InputError, MissingExtraError, checkpoint_blamed, quoted
from keepgate.store import has_model, read_model, write_atomic, write_model
from keepgate.training.evolution.peers import Peers

__all__ = ["Record"]

NUMBER = schema.optional(schema.number())
ROW = schema.record(
    generation=schema.whole(1, 2**53),
    evaluations=schema.whole(1, 2**53),
    **dict.fromkeys(("best", "mean", "spread", "center"), NUMBER),
    lost=schema.whole(0, 2**53),
    seconds=schema.number(0),
)
CHECKPOINT = schema.record(rows=schema.several(ROW, least=1), finished=schema.boolean)


class Record:
    """Reads and writes the folder of a search.

    Args:
        run: the folder, or None: nothing is written.
        about: what has to be the same for the search to go on.
        seconds: between two checkpoints, at least.
    """

    def __init__(self, run: str | Path | None, about: Mapping[str, Any], seconds: float):
        self.run = None if run is None else Path(run)
        self.about, self.seconds, self.saved = dict(about), seconds, time.monotonic()

    @contextlib.contextmanager
    def alone(self, peers: Peers) -> Iterator[None]:
        """Keep other searches out of the folder."""
        with contextlib.ExitStack() as stack:
            peers.from_first(lambda: stack.enter_context(self._locked()))
            yield

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if self.run is None:
            yield
            return
        from keepgate.training.lock import locked

        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(self.run))
            except ModuleNotFoundError as error:
                raise MissingExtraError.of("the folder of a search", error) from None
            yield

    def read(self) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """Return the checkpoint, or None.

        Raises:
            InputError: it is another search's, or damaged.
        """
        if self.run is None or not has_model(self.run / "checkpoint"):
            return None
        with self.blamed():
            config, arrays = read_model(self.run / "checkpoint", kind="checkpoint")
            then = config.pop("search", None)
            CHECKPOINT("", config)
            if not isinstance(then, dict):
                raise InputError("it is no search's")
        then = {key: then.get(key) for key in self.about}
        other = [f"{key}={quoted(then[key])} instead of {now!r}" for key, now in self.about.items() if then[key] != now]
        if other:
            raise InputError(
                f"{self.run} holds a search with {', '.join(other)}: go on with what it had, or take another folder"
            )
        return config, arrays

    def blamed(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which whatever is raised is blamed on the checkpoint."""
        return checkpoint_blamed(f"{self.run}/checkpoint", "search")

    def add(self, rows: list[dict[str, Any]], pack: Callable[[], Any], finished: bool) -> None:
        """Write rows and a checkpoint, where it is time or the search has ended."""
        if self.run is None or not (finished or time.monotonic() - self.saved >= self.seconds):
            return
        config, arrays = pack()
        write_model(self.run / "checkpoint", {"search": self.about, **config}, arrays, kind="checkpoint")
        self.write_rows(rows)
        self.saved = time.monotonic()

    def write_rows(self, rows: list[dict[str, Any]]) -> None:
        """Replace `metrics.jsonl`."""
        if self.run is not None:
            text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
            write_atomic(self.run / "metrics.jsonl", text.encode())

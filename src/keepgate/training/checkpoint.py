"""The folder of a run: `metrics.jsonl`, and `checkpoint/`, from which a killed run resumes."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from keepgate import schema
from keepgate.errors import InputError, checkpoint_blamed, quoted
from keepgate.store import has_model, read_model, write_atomic, write_model
from keepgate.training.distributed import Processes
from keepgate.training.examples import Examples
from keepgate.training.score import Score
from keepgate.training.settings import Settings
from keepgate.training.state import TrainingState, anything, pack, pack_own, unpack

__all__ = ["Checkpoints", "signature"]

CONTENTS = ("model", "training data", "held-out data")  # what a signature has only the hash of


def signature(
    model: nn.Module, data: Examples, valid: Examples | None, settings: Settings, processes: int, score: Score | None
) -> dict[str, Any]:
    """Return all that must be the same for a run to be resumed.

    Args:
        model: of which the modules and the shapes count.
        data: of which the content counts.
        valid: likewise.
        settings: all but `checkpoint_seconds`.
        processes: how many train together.
        score: that chooses the weights, if the loss does not.
    """
    chosen = asdict(settings)
    del chosen["checkpoint_seconds"]
    text = re.sub(r"0x[0-9a-f]+", "", repr(model))
    shapes = [(name, str(p.dtype), list(p.shape), p.requires_grad) for name, p in model.named_parameters()]
    contents = (
        hashlib.sha256(f"{text}{shapes}".encode()).hexdigest(),
        data.fingerprint(),
        None if valid is None else valid.fingerprint(),
    )
    if score is not None:
        chosen["select"] = score.name
    return {**chosen, "processes": processes, **dict(zip(CONTENTS, contents, strict=True))}


class Checkpoints:
    """Saves and loads one training state in the folder of a run.

    Args:
        run: the folder.
        about: the signature of the run that it belongs to.
        state: to save, and to load into.
        seconds: between two checkpoints within an epoch, at least.
        processes: that train together.
    """

    def __init__(self, run: Path, about: dict[str, Any], state: TrainingState, seconds: float, processes: Processes):
        self.run, self.about, self.state, self.seconds, self.processes = run, about, state, seconds, processes
        self.folder = run / "checkpoint"
        self.saved = time.monotonic()
        self.rows = 0  # in metrics.jsonl
        self.carried: Any = None  # the recurrent state that was read

    def due(self) -> bool:
        """Return whether it is time for a checkpoint: `seconds` have passed since the last one, or since the start."""
        return time.monotonic() - self.saved >= self.seconds

    def save(self) -> None:
        """Replace the checkpoint by the present state; after a new row, then also `metrics.jsonl`."""
        owns = self.processes.gather(pack_own(self.state))
        if self.processes.first:
            config, arrays = pack(self.state, owns)
            write_model(self.folder, {"run": self.about, **config}, arrays, kind="checkpoint")
            if len(self.state.history.rows) > self.rows:
                self._write_metrics()
        self.saved = time.monotonic()

    def load(self) -> None:
        """Resume the run that the folder holds, if it holds one.

        Raises:
            InputError: the checkpoint is another run's, or damaged.
        """
        checkpoint = self.processes.from_first(self._read)
        if checkpoint is not None:
            with self.blamed():
                unpack(self.state, *checkpoint, self.processes.rank)
            self.carried = self.state.carried
            if self.processes.first:
                self._write_metrics()  # they may lack the last row, or be damaged

    def _read(self) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        if not has_model(self.folder):
            return None
        with self.blamed():
            config, arrays = read_model(self.folder, kind="checkpoint")
            then = config.pop("run")
            schema.record(**dict.fromkeys(self.about, anything))("run", then)
        others = [_difference(key, then.get(key), now) for key, now in self.about.items() if then.get(key) != now]
        if others:
            raise InputError(
                f"{self.run} holds a run with {', '.join(others)}: go on with what it had, or take another folder"
            )
        return config, arrays

    def blamed(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which whatever is raised is blamed on the checkpoint."""
        return checkpoint_blamed(self.folder, "training")

    def _write_metrics(self) -> None:
        write_atomic(self.run / "metrics.jsonl", self.state.history.text().encode())
        self.rows = len(self.state.history.rows)


def _difference(key: str, then: Any, now: Any) -> str:
    return f"another {key}" if key in CONTENTS else f"{key}={quoted(then)} instead of {now!r}"

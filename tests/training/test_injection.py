"""Whichever call fails while a checkpoint is written: the training is told, and goes on from a whole one."""

from __future__ import annotations

from pathlib import Path

from keepgate.errors import InputError
from keepgate.store import has_model, read_model
from keepgate.training.lock import NAME
from store.injection import Interrupted, attempt, every_fault
from training.test_lock import learn


def weights(run: Path) -> bytes:
    _, arrays = read_model(run / "checkpoint", kind="checkpoint")
    return b"".join(array.tobytes() for _, array in sorted(arrays.items()) if array.dtype.kind == "f")


def test_a_checkpoint(tmp_path: Path):
    learn(tmp_path / "whole", epochs=2)
    fired = set()
    for index, faults in enumerate(every_fault(tmp_path)):
        run = tmp_path / str(index)
        error = attempt(lambda run=run: learn(run, epochs=2), faults)
        assert isinstance(error, InputError | Interrupted | None)
        assert faults.fired or error is None
        if has_model(run / "checkpoint"):
            read_model(run / "checkpoint", kind="checkpoint")
        names = [path.name for path in run.rglob("*")] if run.exists() else []
        assert NAME not in names
        assert not [name for name in names if name.endswith(".keepgate")]
        learn(run, epochs=2)
        assert weights(run) == weights(tmp_path / "whole")
        fired.add(faults.fired)
    assert fired >= {"open", "write", "fchmod", "fsync", "replace", ""}

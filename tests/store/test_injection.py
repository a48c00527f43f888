"""Whichever call of the system fails: the old file or the whole new one, success told only of the new, no rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import keepgate
from keepgate.compression import compress_file, decompress_file
from keepgate.errors import InputError
from keepgate.store import read_model, write_atomic, write_model
from store.injection import Faults, Interrupted, attempt, every_fault

TEXT = b"to be or not to be"


def told_rightly(error: BaseException | None, faults: Faults, is_new: bool) -> None:
    """Success is told only of the new file, and without a fault there is success."""
    assert isinstance(error, InputError | Interrupted | None)
    if error is None:
        assert is_new, f"says that it wrote, after {faults.fired} failed"
    assert faults.fired or error is None
    if isinstance(faults.error, Interrupted) and faults.fired:
        assert error is faults.error, "an interruption is lost"


def a_file(folder: Path):
    def job():
        write_atomic(folder / "out", b"new" * 10_000)

    return job, b"new" * 10_000


def an_archive(folder: Path):
    (folder / "in").write_bytes(TEXT)
    return lambda: compress_file(folder / "in", folder / "out"), keepgate.compress(TEXT)


def a_content(folder: Path):
    (folder / "in").write_bytes(keepgate.compress(TEXT))
    return lambda: decompress_file(folder / "in", folder / "out"), TEXT


@pytest.mark.parametrize("make", [a_file, an_archive, a_content])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_file(tmp_path: Path, make, old):
    job, new = make(tmp_path)
    fired = set()
    for faults in every_fault(tmp_path):
        (tmp_path / "out").unlink(missing_ok=True)
        if old is not None:
            (tmp_path / "out").write_bytes(old)
        there = {path.name for path in tmp_path.iterdir()}
        error = attempt(job, faults)
        found = (tmp_path / "out").read_bytes() if (tmp_path / "out").exists() else None
        assert found in (old, new)
        told_rightly(error, faults, found == new)
        assert {path.name for path in tmp_path.iterdir()} <= there | {"out"}
        fired.add(faults.fired)
    assert fired >= {"open", "write", "fchmod", "fsync", "replace", ""}


def test_a_model(tmp_path: Path):
    folder, fired = tmp_path / "model", []
    old, new = ({"old": True}, {"w": np.zeros(3)}), ({"new": True}, {"w": np.ones(5)})
    for faults in every_fault(tmp_path):
        write_model(folder, *old)
        error = attempt(lambda: write_model(folder, *new), faults)
        config, tensors = read_model(folder)
        is_new = config == new[0]
        assert config == (new if is_new else old)[0]
        assert tensors["w"].tobytes() == (new if is_new else old)[1]["w"].tobytes()
        told_rightly(error, faults, is_new)
        assert {path.name for path in folder.iterdir()} <= {"config.json", "config.json.next", "model.safetensors"}
        fired.append(faults.fired)
    assert fired.count("replace") == 9  # three files take their names, with each of three errors

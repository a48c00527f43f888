"""Whichever call of the system fails while `predict --out` writes: the old table or the new one, exit 0 of the new."""

from __future__ import annotations

from cli.files import csv_lines
from store.injection import Interrupted, attempt, every_fault


def test_predict(keepgate, run, file, tmp_path):
    data, out = file("new.csv", csv_lines(count=3)), tmp_path / "out.csv"
    assert keepgate("predict", run, data, "--out", out).code == 0
    new, there = out.read_bytes(), {path.name for path in tmp_path.iterdir()}
    for faults in every_fault(tmp_path):
        out.write_bytes(b"old")
        outcomes = []
        assert attempt(lambda o=outcomes: o.append(keepgate("predict", run, data, "--out", out)), faults) is None
        [outcome] = outcomes
        assert outcome.code in ((0, 130) if isinstance(faults.error, Interrupted) else (0, 2))
        assert outcome.err.count("\n") == (outcome.code != 0)
        assert out.read_bytes() == new or (outcome.code != 0 and out.read_bytes() == b"old")
        assert {path.name for path in tmp_path.iterdir()} == there

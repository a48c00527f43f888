"""Two processes give the result of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keepgate.store import read_model
from keepgate.training.distributed import Processes

EXAMPLE = Path(__file__).parents[2] / "examples" / "train_ddp.py"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def launch(*command: str | Path) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=100, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_same_weights(one: Path, two: Path) -> None:
    (_, expected), (_, got) = read_model(one), read_model(two)
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.slow
def test_the_example_trains_the_same_weights_on_two_processes_as_on_one(tmp_path: Path):
    options = ["--epochs", "3", "--examples", "298", "--hidden-size", "8"]  # the last batch has one example
    alone = launch(sys.executable, EXAMPLE, *options, "--out", tmp_path / "one")
    both = launch(*TORCHRUN, EXAMPLE, *options, "--out", tmp_path / "two")
    assert_same_weights(tmp_path / "one", tmp_path / "two")
    assert both == alone  # and only one process prints


@pytest.mark.slow
def test_windows_of_mixed_lengths_and_a_stop_on_two_processes(tmp_path: Path):
    script = Path(__file__).with_name("parallel.py")
    one = json.loads(launch(sys.executable, script, tmp_path / "one"))
    two = json.loads(launch(*TORCHRUN, script, tmp_path / "two"))
    for name in ("truncated", "full"):
        assert_same_weights(tmp_path / "one" / name, tmp_path / "two" / name)
        for expected, got in zip(one[name], two[name], strict=True):
            del expected["seconds"], got["seconds"]
            assert got == pytest.approx(expected, rel=1e-11)
    for found, processes in ((one, 1), (two, 2)):
        assert found["stopped"] is True
        assert found["same bits"] is True
        assert len(set(found["first draws"])) == processes  # dropout is not the same on each
        assert "another training data, another held-out data" in found["refusal"]


def test_the_parts_of_a_batch_are_all_of_it():
    for size in (1, 2, 3, 5):
        indices = np.arange(10, 10 + 4)
        parts = [Processes(rank, size).part(indices) for rank in range(size)]
        assert sorted(np.concatenate([part[:count] for part, count in parts])) == list(indices)
        assert all(len(part) > 0 for part, _ in parts)

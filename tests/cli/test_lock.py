"""`fit` into a folder that another process trains into, and that a dead one trained into."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.files import csv_lines, refused
from cli.test_main import ENVIRONMENT
from keepgate.training.distributed import Processes
from keepgate.training.lock import NAME, alone


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_a_dead_process_is_in_nobodys_way_and_a_living_one_is_named(keepgate, file, tmp_path: Path):
    run = tmp_path / "run"
    data = str(file("train.csv", csv_lines(count=40)))
    command = ["fit", "classify", data, "--epochs", "1000", "--hidden-size", "4", "--out", str(run), "--no-progress"]
    process = subprocess.Popen([sys.executable, "-m", "keepgate", *command], env=ENVIRONMENT)
    try:
        while process.poll() is None and not (run / "metrics.jsonl").exists():
            time.sleep(0.01)
        outcome = keepgate(*command)
        refused(outcome, f"process {process.pid} trains into it")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (run / NAME).exists()
    with alone(run, Processes()):
        assert (run / NAME).read_text() == str(os.getpid())

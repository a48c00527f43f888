"""Peak memory of one run in a fresh process: `python -m benchmarks.memory ROW SIDE THREADS` prints it in bytes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.cases import Case, cases
from benchmarks.measure import Measurement, agree
from benchmarks.problems import Step

__all__ = ["measure_memory", "peak_in_fresh_process"]

PROCESSES = 3
SIDES = ("ours", "theirs")


def measure_memory(case: Case) -> tuple[Measurement, tuple[float, float]]:
    """Compare the two sides of a row and measure them; return MiB, and the errors as `agree` does.

    Raises:
        Disagreement: their values differ.
    """
    problem = case.problem()
    theirs = case.peer.step(problem)
    errors = agree(problem.ours(), case.peer.check(problem, theirs))
    ours, other = ([peak_in_fresh_process(case, side) for _ in range(PROCESSES)] for side in SIDES)
    return Measurement.of(ours, other, case.peer.work(problem)), errors


def peak_in_fresh_process(case: Case, side: str) -> float:
    """Return the peak of one side of a registered row in MiB; memory that a process has freed would hide a part."""
    row, threads = str(cases().index(case)), str(torch.get_num_threads())
    command = [sys.executable, "-m", "benchmarks.memory", row, side, threads]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout) / 2**20


def peak(case: Case, side: str) -> int:
    """Return by how many bytes the memory of this process grows in one run, at its peak.

    `getrusage` does not serve: a child begins with the peak of the process that made it. Linux keeps one for each
    process, and sets it back to what is in use when asked.
    """
    _run(replace(case, shape=case.shape._replace(steps=1)), side)()  # loads what torch loads in its first run
    step = _run(case, side)
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_so_far()
    values = step()
    after = _peak_so_far()
    del values
    return after - before


def _run(case: Case, side: str) -> Step:
    problem = case.problem()
    return problem.ours() if side == "ours" else case.peer.step(problem)


def _peak_so_far() -> int:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    print(peak(cases()[int(sys.argv[1])], sys.argv[2]))

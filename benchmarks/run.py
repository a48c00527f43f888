"""Measures rows at one number of threads: `python -m benchmarks.run OPTIONS`, started by `python -m benchmarks`."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.cases import SUITES, Case, cases
from benchmarks.measure import Disagreement, time_case
from benchmarks.memory import measure_memory
from benchmarks.results import Row, key_of, read, row_of, write

__all__ = ["chosen", "measure", "run"]


def chosen(suites: Sequence[str], only: str) -> list[Case]:
    """Return the cases of suites whose description contains a text."""
    return [case for case in cases() if case.suite in suites and only in str(case)]


def measure(case: Case, seconds: float) -> Row:
    """Measure one row.

    Raises:
        Disagreement: the values of the two sides differ.
    """
    errors_of = measure_memory(case) if SUITES[case.suite].unit == "MiB" else time_case(case, seconds)
    return row_of(case, torch.get_num_threads(), *errors_of)


def run(wanted: Sequence[Case], seconds: float, path: Path) -> int:
    """Measure rows one after the other into a file; return the number of those whose values disagree."""
    threads, wrong = torch.get_num_threads(), 0
    for number, case in enumerate(wanted, 1):
        begin = time.perf_counter()
        rows = read(path)
        rows.pop(key_of(case, threads), None)
        if reason := case.peer.missing():
            outcome = f"left out: {reason}"
        else:
            try:
                row = measure(case, seconds)
            except Disagreement as error:
                wrong += 1
                outcome = f"WRONG, not recorded: {error}"
            else:
                rows[row.key] = row
                outcome = (
                    f"{row.ours:.4g} {row.unit} beside {row.theirs:.4g}, ratio {row.ratio:.2f}"
                    f" ({row.ratio_lower:.2f} to {row.ratio_upper:.2f}), error {row.max_error:.0e}"
                )
        write(path, rows.values())
        took = time.perf_counter() - begin
        print(f"[{number}/{len(wanted)}, {threads} threads, {took:.0f} s] {case}: {outcome}", flush=True)
    return wrong


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    torch.set_num_threads(int(os.environ["KEEPGATE_THREADS"]))
    failures = run(chosen(options["suites"], options["only"]), options["seconds"], Path(options["path"]))
    sys.exit(1 if failures else 0)

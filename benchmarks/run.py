"""Measures rows one after the other into `results.csv`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cases import Case, cases
from benchmarks.measure import Disagreement, measure
from benchmarks.results import Row, key_of, read, row_of, write
from benchmarks.sides import SideError, Start, held

__all__ = ["chosen", "run"]


def chosen(suites: Sequence[str], only: str = "") -> list[Case]:
    """Return the cases of suites whose description contains a text."""
    return [case for case in cases() if case.suite in suites and only in str(case)]


def run(wanted: Sequence[Case], threads: int, seconds: float, path: Path) -> int:
    """Measure rows at one number of threads; return the number of those that failed or whose values disagree."""
    wrong = 0
    for number, case in enumerate(wanted, 1):
        begin = time.perf_counter()
        rows = read(path)
        rows.pop(key_of(case, threads), None)
        if reason := case.peer.missing():
            outcome = f"left out: {reason}"
        else:
            try:
                row = _row(case, threads, seconds)
            except (Disagreement, SideError) as error:
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


def _row(case: Case, threads: int, seconds: float) -> Row:
    with held(threads):
        measured = measure(Start(case, "ours", threads), Start(case, "theirs", threads), seconds)
    return row_of(case, threads, *measured)

"""`python -m benchmarks`: measure, then write `results.csv`, `README.md` and `results.png`.

Rows already in `results.csv` stay unless they are measured again, so one suite can be brought up to date.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.cases import SUITES
from benchmarks.plot import plot
from benchmarks.results import read
from benchmarks.table import page
from keepgate.store import write_atomic

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Measure each number of threads in a process of its own, whose libraries make their threads at its start."""
    arguments = parser().parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = (arguments.out / "results.csv").resolve()
    options = {"suites": arguments.suite, "only": arguments.only, "seconds": arguments.seconds, "path": str(path)}
    command = [sys.executable, "-m", "benchmarks.run", json.dumps(options)]
    if (load := os.getloadavg()[0]) > 1:
        print(f"this machine is busy with something else (load {load:.1f}): do not keep these rows", file=sys.stderr)
    failures = 0
    for threads in arguments.threads:
        with held(threads) as environment:
            failures += subprocess.run(command, cwd=HERE.parent, env=environment).returncode != 0
    rows = list(read(path).values())
    if rows:
        write_atomic(arguments.out / "README.md", page(rows).encode())
        plot(rows, arguments.out / "results.png")
    return 1 if failures else 0


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    made.add_argument("--suite", nargs="+", choices=SUITES, default=list(SUITES), help="which suites (default: all)")
    made.add_argument("--threads", nargs="+", type=int, default=[2, 1], help="numbers of threads (default: 2 1)")
    made.add_argument("--seconds", type=float, default=2.0, help="time for each row (default: 2)")
    made.add_argument("--only", default="", metavar="TEXT", help='rows with this text, such as "(1, 1, 64, 64)"')
    made.add_argument("--out", type=Path, default=HERE, metavar="FOLDER", help="where the results are")
    return made


@contextmanager
def held(threads: int) -> Iterator[dict[str, str]]:
    """Hold the processes started inside to as many processors as threads; yields their environment.

    Some libraries count the processors and take no number of threads.
    """
    every = os.sched_getaffinity(0)
    if not 1 <= threads <= len(every):
        sys.exit(f"--threads {threads}: this machine has {len(every)} processors")
    os.sched_setaffinity(0, sorted(every)[:threads])
    try:
        yield os.environ | {"KEEPGATE_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    finally:
        os.sched_setaffinity(0, every)


if __name__ == "__main__":
    sys.exit(main())

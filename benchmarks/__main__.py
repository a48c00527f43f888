"""`python -m benchmarks`: measure, then write `results.csv`, `README.md` and `results.png`, and the project's README.

Rows already in `results.csv` stay unless they are measured again, so one suite can be brought up to date.
With `--against`, two builds of keepgate are compared instead, and nothing is written.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks.against import against, selected
from benchmarks.cases import SUITES
from benchmarks.plot import plot
from benchmarks.results import read
from benchmarks.run import chosen, run
from benchmarks.sides import ROOT, Build, SideError
from benchmarks.summary import written
from benchmarks.table import page
from keepgate.store import write_atomic

HERE = Path(__file__).resolve().parent
NOTHING = "no row has such a suite, text and shape"


def main() -> int:
    """Measure what the arguments say."""
    arguments = parser().parse_args()
    if (load := os.getloadavg()[0]) > 1:
        print(f"this machine is busy with something else (load {load:.1f}): do not keep these rows", file=sys.stderr)
    return compare(arguments) if arguments.against else record(arguments)


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    made.add_argument("--suite", nargs="+", choices=SUITES, metavar="SUITE", help=f"of: {', '.join(SUITES)}")
    made.add_argument("--threads", nargs="+", type=int, default=[2, 1], help="numbers of threads (default: 2 1)")
    made.add_argument("--seconds", type=float, default=3.0, help="least time for each row (default: 3)")
    made.add_argument("--only", default="", metavar="TEXT", help='rows with this text, such as "(1, 1, 64, 64)"')
    made.add_argument("--out", type=Path, default=HERE, metavar="FOLDER", help="where the results are")
    made.add_argument(
        "--against", type=Path, metavar="PATH", help="another build: its interpreter, or a checkout with a built core"
    )
    made.add_argument("--short", action="store_true", help="with --against: few shapes")
    return made


def record(arguments: argparse.Namespace) -> int:
    """Measure rows beside their peers; write them down."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "results.csv"
    wanted = [case for case in chosen(arguments.suite or list(SUITES), arguments.only) if case.peer]
    if not wanted:
        sys.exit(NOTHING)
    wrong = sum(run(wanted, threads, arguments.seconds, path) for threads in arguments.threads)
    rows = list(read(path).values())
    if rows:
        write_atomic(arguments.out / "README.md", page(rows).encode())
        plot(rows, arguments.out / "results.png")
        if arguments.out.resolve() == HERE:
            write_atomic(ROOT / "README.md", written(ROOT / "README.md", rows).encode())
    return 1 if wrong else 0


def compare(arguments: argparse.Namespace) -> int:
    """Print this build's times over those of another."""
    wanted = selected(arguments.suite, arguments.only, arguments.short)
    if not wanted:
        sys.exit(NOTHING)
    try:
        return 1 if against(Build.at(arguments.against), wanted, arguments.threads, arguments.seconds) else 0
    except SideError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    sys.exit(main())

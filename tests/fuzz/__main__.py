"""Fuzz from the command line, without an end unless one is given; see `fuzz.harness`.

python -m fuzz                       all fuzzers by turns, until interrupted
python -m fuzz layers --cases 20000  one, for so many cases
python -m fuzz layers --case 7:123   case 123 of seed 7 again, here and not in a child
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import sys
import tempfile
from pathlib import Path

from fuzz import harness
from fuzz.fuzzers import FUZZERS

TURN = 60.0  # seconds, where all fuzzers take turns


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("fuzzers", nargs="*", choices=[[], *FUZZERS], metavar="FUZZER", help=", ".join(FUZZERS))
    parser.add_argument("--cases", type=float, default=float("inf"), help="of each fuzzer (default: no end)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="for each fuzzer (default: no end)")
    parser.add_argument("--seed", type=int, default=today(), help="(default: the date)")
    parser.add_argument("--case", metavar="SEED:NUMBER", help="run this one alone")
    parser.add_argument("--keep", action="store_true", help="add what fails to the regressions")
    given = parser.parse_args()
    names = given.fuzzers or list(FUZZERS)
    if given.case:
        seed, number = map(int, given.case.split(":"))
        return again(names[0], harness.case_of(names[0], seed, number))
    endless = given.cases == given.seconds == float("inf") and len(names) > 1
    streams = {name: harness.cases(name, given.seed) for name in names}
    failed = 0
    for _ in itertools.count() if endless else range(1):
        for name in names:
            seconds = TURN if endless else given.seconds
            done, failures = harness.run(name, streams[name], seconds=seconds, count=given.cases, report=show)
            failed += len(failures)
            for failure in failures if given.keep else ():
                harness.keep(failure)
            print(f"{name}: seed {given.seed}, {done} cases, {len(failures)} failures", flush=True)
    return int(failed > 0)


def today() -> int:
    return int(datetime.date.today().strftime("%Y%m%d"))


def show(done: int, failures: list[harness.Failure]) -> None:
    """Print a failure when it comes, and how far it is now and then."""
    if len(failures) > show.shown:
        print(failures[-1], flush=True)
    show.shown = len(failures)
    if done % 1000 == 0:
        print(f"... {done}", flush=True)


show.shown = 0


def again(name: str, case: object) -> int:
    print(case)
    code = harness.module(name)
    getattr(code, "prepare", lambda: None)()
    with tempfile.TemporaryDirectory() as folder:
        code.check(case, *([Path(folder)] if getattr(code, "FOLDER", False) else []))
    return 0


if __name__ == "__main__":
    sys.exit(main())

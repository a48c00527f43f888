"""What all fuzzers share: cases drawn from a seed, each run in a child that is watched, failures kept as files.

A fuzzer is a module with three names:

    draw(random)       a case as what JSON can say, so that it can be kept; `random` is a `random.Random`
    check(case)        runs it; raises `Wrong` (or anything at all) where keepgate does what it should not
    FOLDER = True      optional: `check(case, folder)` is called with an empty folder of its own

Cases run in a child process, for a case may crash it, hang it or take all its memory: a child that dies, that takes
longer than `SECONDS`, or whose memory grows by more than `GROWTH` is a failure like any other. Numbers of cases are
reproducible: case n of seed s is the same on every machine.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing
import random
import re
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REGRESSIONS = Path(__file__).parent / "regressions"
SECONDS = 10.0  # a case that takes longer hangs
GROWTH = 2**30  # bytes beyond what the process had before the case
START_SECONDS = 300.0  # to import everything, and to make what all cases need


class Wrong(AssertionError):
    """Keepgate did what it should not."""


@dataclass(frozen=True)
class Failure:
    """A case that failed, and why."""

    fuzzer: str
    case: Any
    reason: str
    source: str = ""

    def __str__(self) -> str:
        return f"{self.fuzzer} {self.source}: {self.reason}\n  case: {json.dumps(self.case)[:2000]}"


def case_of(fuzzer: str, seed: int, number: int) -> Any:
    """Return one case, the same whenever it is drawn, as reading its JSON gives it."""
    drawn = module(fuzzer).draw(random.Random(f"{fuzzer} {seed} {number}"))
    return json.loads(json.dumps(drawn))


def module(fuzzer: str) -> Any:
    return importlib.import_module(f"fuzz.{fuzzer}")


def cases(fuzzer: str, seed: int) -> Iterator[tuple[str, Any]]:
    number = 0
    while True:
        yield f"{seed}:{number}", case_of(fuzzer, seed, number)
        number += 1


def regressions(fuzzer: str) -> list[tuple[str, Any]]:
    """Return every case that ever failed: a line of JSON each."""
    path = REGRESSIONS / f"{fuzzer}.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(f"{path.name}:{number}", json.loads(line)) for number, line in enumerate(lines, 1)]


def keep(failure: Failure) -> None:
    """Append a case to the regressions, unless it is there."""
    if failure.case not in [case for _, case in regressions(failure.fuzzer)]:
        REGRESSIONS.mkdir(exist_ok=True)
        with open(REGRESSIONS / f"{failure.fuzzer}.jsonl", "a") as file:
            print(json.dumps(failure.case), file=file)


def run(
    fuzzer: str,
    given: Iterator[tuple[str, Any]],
    *,
    seconds: float = float("inf"),
    count: float = float("inf"),
    report: Callable[[int, list[Failure]], None] = lambda done, failures: None,
    most: float = float("inf"),
) -> tuple[int, list[Failure]]:
    """Run cases until there are none, or the time or the number is up; return how many ran, and what failed."""
    end, done, failures = time.monotonic() + seconds, 0, []
    child = Child(fuzzer)
    try:
        for source, case in given:
            if done >= count or time.monotonic() > end or len(failures) >= most:
                break
            reason = child.run(case)
            if reason is not None:
                failures.append(Failure(fuzzer, case, reason, source))
            done += 1
            report(done, failures)
    finally:
        child.close()
    return done, failures


class Child:
    """A process that runs cases, replaced by another when one of them kills it."""

    def __init__(self, fuzzer: str) -> None:
        self.fuzzer, self.process = fuzzer, None

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(self.fuzzer, theirs), daemon=True)
        self.process.start()
        theirs.close()
        if not self.pipe.poll(START_SECONDS):
            raise RuntimeError(f"the process of {self.fuzzer} does not start")
        self.pipe.recv()

    def run(self, case: Any) -> str | None:
        """Return why a case failed, or None."""
        if self.process is None:
            self.start()
        self.pipe.send(case)
        try:
            if not self.pipe.poll(SECONDS):
                self.close()
                return f"hangs: not done after {SECONDS:g} s"
            return self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            code, self.process = self.process.exitcode, None
            return f"the process died: exit code {code}"

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None


def _serve(fuzzer: str, pipe: Any) -> None:
    """Run cases as they come; answer each with why it failed, or None."""
    code = module(fuzzer)
    getattr(code, "prepare", lambda: None)()
    pipe.send("ready")
    while True:
        try:
            case = pipe.recv()
        except EOFError:
            return
        pipe.send(_watched(code, case))


def _watched(code: Any, case: Any) -> str | None:
    before = _memory("VmRSS")
    _forget_peak()
    try:
        if getattr(code, "FOLDER", False):
            with tempfile.TemporaryDirectory(prefix="keepgate-fuzz-") as folder:
                code.check(case, Path(folder))
        else:
            code.check(case)
    except Wrong as wrong:
        return str(wrong)
    except BaseException:  # an interpreter that is asked to exit is a failure too
        return traceback.format_exc(limit=-6)
    grown = _memory("VmHWM") - before
    return f"took {grown / 2**20:.0f} MiB" if grown > GROWTH else None


def _memory(what: str) -> int:
    """Return bytes of this process as Linux counts them; 0 elsewhere."""
    try:
        found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return 0
    return int(found.group(1)) * 1024 if found else 0


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")

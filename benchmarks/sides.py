"""The processes of the two sides, started and asked: `with sides(first, second) as pair: pair[0].ask("turn")`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.cases import Case

__all__ = ["ROOT", "Build", "Failure", "Side", "SideError", "Start", "held", "sides"]

ROOT = Path(__file__).resolve().parents[1]
# An editable install's finder would come before PYTHONPATH.
OTHER_CHECKOUT = """
import runpy, sys
sys.meta_path[:] = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("_editable_")]
runpy.run_module("benchmarks.worker", run_name="__main__", alter_sys=True)
"""
# Each side runs in the environment as a user has it: none of the variables by which threads are tuned.
THREADING = ("OMP_", "GOMP_", "KMP_", "MKL_", "KEEPGATE_THREADS", "KEEPGATE_POOL")


class Failure(NamedTuple):
    """A worker's answer where a method has raised something."""

    text: str


class SideError(Exception):
    """A side has failed or ended."""


@dataclass(frozen=True)
class Build:
    """Which keepgate a process imports.

    Attributes:
        python: the interpreter.
        path: its PYTHONPATH.
        start: what the interpreter is told to run.
    """

    python: str = sys.executable
    path: str | None = os.environ.get("PYTHONPATH")
    start: tuple[str, str] = ("-m", "benchmarks.worker")

    @classmethod
    def at(cls, place: Path) -> Build:
        """Return the build of an interpreter, or of a checkout, whose core must be built: this interpreter's then."""
        place = place.absolute()
        if place.is_dir():
            return cls(path=str(place / "src"), start=("-c", OTHER_CHECKOUT))
        return cls(str(place), None)

    def environment(self) -> dict[str, str]:
        """Return the environment of its processes."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith((*THREADING, "PYTHONPATH"))}
        return kept | ({"PYTHONPATH": self.path} if self.path else {})


@dataclass(frozen=True)
class Start:
    """What a process is started as."""

    case: Case
    side: str
    threads: int
    build: Build = Build()


class Side:
    """A process that runs one side of a case, and waits without a thread awake while it is not asked."""

    def __init__(self, start: Start) -> None:
        self.start = start
        own, other = socket.socketpair()
        with other:
            command = [start.build.python, *start.build.start, str(other.fileno())]
            environment = start.build.environment()
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[other.fileno()])
        self._connection = Connection(own.detach())
        self._connection.send((start.threads, start.case, start.side))

    def ask(self, name: str, *arguments: Any) -> Any:
        """Return what a method of the `Worker` returns.

        Raises:
            SideError: it failed, or the process ended.
        """
        try:
            self._connection.send((name, *arguments))
            answer = self._connection.recv()
        except (EOFError, OSError):
            code = self._process.wait()
            raise SideError(f"the process of {self.start.side} ended with code {code}") from None
        if isinstance(answer, Failure):
            raise SideError(f"{self.start.side}: {answer.text}")
        return answer

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def sides(*starts: Start) -> Iterator[list[Side]]:
    """Start the processes, all at once; end them at the end."""
    with ExitStack() as stack:
        made = []
        for start in starts:
            made.append(Side(start))
            stack.callback(made[-1].close)
        yield made


@contextmanager
def held(threads: int) -> Iterator[None]:
    """Let the processes started inside use as many processors as threads, as `taskset` does.

    Some libraries count the processors and take no number of threads.
    """
    every = os.sched_getaffinity(0)
    if not 1 <= threads <= len(every):
        sys.exit(f"--threads {threads}: this machine has {len(every)} processors")
    os.sched_setaffinity(0, sorted(every)[:threads])
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)

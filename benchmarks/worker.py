"""One side of a row in a process of its own: `python -m benchmarks.worker DESCRIPTOR`, started by `benchmarks.sides`.

It is asked through a socket, one question at a time: (name of a method of `Worker`, arguments). The answer is what the
method returns, or a `Failure`. The first message says what it is: threads, the case, and which side of it.
"""

from __future__ import annotations

import statistics
import sys
import time
import traceback
from dataclasses import dataclass, replace
from functools import cached_property
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

import keepgate
from benchmarks.cases import Case
from benchmarks.problems import Problem, Step
from benchmarks.sides import Failure

__all__ = ["LONG", "SETTLE", "TURN", "Worker", "serve"]

# A turn is a loop without pauses. Runs count that begin after SETTLE: until then the processor's caches still hold the
# other side's values, and its idle threads wait for work, those of torch for 5 ms, of ONNX Runtime for 25. A run of
# LONG seconds counts anyway. The turn lasts TURN seconds more, and until one run has counted.
SETTLE, TURN, LONG = 0.05, 0.05, 1.0


@dataclass
class Worker:
    """One side of a case.

    Attributes:
        side: ``ours`` or ``theirs``.
    """

    case: Case
    side: str

    @cached_property
    def problem(self) -> Problem:
        """The values that both sides share: each side makes them from the same seed."""
        return self.case.problem()

    @cached_property
    def step(self) -> Step:
        """One run."""
        return self.problem.ours() if self.side == "ours" else self._peer.step(self.problem)

    @property
    def _peer(self) -> Any:
        return self.case.peer

    def package(self) -> str:
        """Return where this process has keepgate from."""
        return str(keepgate.__file__)

    def work(self) -> float:
        """Return our work over that of this side in one run."""
        return 1.0 if self.side == "ours" else self._peer.work(self.problem)

    def values(self) -> list[np.ndarray]:
        """Run once and return what both sides must agree on; it is asked for first, as streams go on from a state."""
        step = self.step if self.side == "ours" else self._peer.check(self.problem, self.step)
        torch.manual_seed(0)
        return [_array(value) for value in step()]

    def turn(self) -> float:
        """Return the median time of the runs of one turn, in milliseconds."""
        counted: list[float] = []
        first = now = time.perf_counter()
        while not counted or now < first + SETTLE + TURN:
            begin = time.perf_counter()
            self.step()
            now = time.perf_counter()
            if begin >= first + SETTLE or now >= begin + LONG:
                counted.append(now - begin)
        return 1000 * statistics.median(counted)

    def peak(self) -> float:
        """Return by how many MiB the memory of this process grows in one run, at its peak: asked first, and once.

        `getrusage` does not serve: a child begins with the peak of the process that made it. Linux keeps one for each
        process, and sets it back to what is in use when asked.
        """
        single = replace(self.case, shape=self.case.shape._replace(steps=1))
        Worker(single, self.side).step()  # loads what torch loads in its first run
        step = self.step
        Path("/proc/self/clear_refs").write_text("5")
        before = _peak_so_far()
        values = step()
        after = _peak_so_far()
        del values
        return (after - before) / 2**20


def _array(value: Any) -> np.ndarray:
    """Return an array of any package, or a tuple of them stacked."""
    if isinstance(value, tuple):
        return np.stack([_array(part) for part in value])
    return np.asarray(value.detach() if isinstance(value, torch.Tensor) else value)


def _peak_so_far() -> int:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


def serve(connection: Connection) -> None:
    """Answer questions until the other end is closed."""
    threads, case, side = connection.recv()
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    worker = Worker(case, side)
    with torch.inference_mode(case.mode != "train"):
        while True:
            try:
                name, *arguments = connection.recv()
            except EOFError:
                return
            connection.send(_answer(worker, name, arguments))


def _answer(worker: Worker, name: str, arguments: list[Any]) -> Any:
    try:
        return getattr(worker, name)(*arguments)
    except Exception:
        return Failure(traceback.format_exc())


if __name__ == "__main__":
    with Connection(int(sys.argv[1])) as given:
        serve(given)

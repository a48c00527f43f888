"""Where trials are run: by several processes, each result kept in a journal from which a killed search goes on.

A search is a function of its settings and of the results of its trials. So nothing else is kept: the same search, run
again, finds its results in the journal until it comes to where it was, and goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepgate.equations import Equations
from keepgate.errors import InputError, KeepgateError, listed, reason
from keepgate.search.tasks import Task
from keepgate.store import read_file
from keepgate.training.lock import locked

__all__ = ["Bench", "Job", "Result"]

NAME = "trials.jsonl"
LARGEST = 2**30  # bytes of a journal
Result = dict[str, Any]  # scores: by task, after each number of updates; lost: why it ended, or None


@dataclass(frozen=True)
class Job:
    """One cell's training on tasks, side by side, until it fails a hurdle.

    Attributes:
        equations: of the cell.
        tasks: to learn.
        rates: of learning, by task.
        size: weights of a layer, for each task those of an LSTM of so many units.
        seed: of weights and batches.
        updates: at which it is judged.
        hurdles: mean scores over tasks that it has to reach to go on, one fewer than `updates`.
        forget_bias: where the forget gate begins.
    """

    equations: Equations
    tasks: tuple[Task, ...]
    rates: tuple[float, ...]
    size: int
    seed: int
    updates: tuple[int, ...]
    hurdles: tuple[float, ...] = ()
    forget_bias: float | None = None

    @property
    def key(self) -> str:
        """A hash of all that the result depends on."""
        names = [task.name for task in self.tasks]
        facts = [self.equations.dumps(), names, self.rates, self.size, self.seed, self.updates, self.hurdles]
        return hashlib.sha256(json.dumps([*facts, self.forget_bias]).encode()).hexdigest()[:32]

    def run(self) -> Result:
        """Train, and return the scores; a training that comes to nothing says how."""
        from keepgate import cells
        from keepgate.search.trial import Lost, Trial, weights

        lstm = cells.get("lstm").equations
        trials = [
            Trial(
                *(self.equations, task, weights(lstm, task.inputs, self.size), rate, self.seed, self.forget_bias)
            ).scores(self.updates)
            for task, rate in zip(self.tasks, self.rates, strict=True)
        ]
        scores: dict[str, list[float]] = {task.name: [] for task in self.tasks}
        try:
            for hurdle in (*self.hurdles, *[-1.0] * (len(self.updates) - len(self.hurdles))):
                for task, trial in zip(self.tasks, trials, strict=True):
                    scores[task.name].append(next(trial))
                if sum(values[-1] for values in scores.values()) < hurdle * len(scores):
                    break
        except (Lost, KeepgateError, ArithmeticError, RuntimeError) as error:
            return {"scores": scores, "lost": reason(error)}
        return {"scores": scores, "lost": None}


class Bench:
    """Runs jobs and remembers their results.

    Args:
        run: folder of the journal; None: none is kept.
        about: what has to be the same for a search to go on.
        processes: that train.
        watch: called after each result, with the seconds spent.
    """

    def __init__(
        self, run: Path | None, about: Mapping[str, Any], processes: int, watch: Callable[[float], object] | None = None
    ):
        self.run, self.about, self.processes, self.watch = run, dict(about), processes, watch
        self.known: dict[str, Result] = {}
        self.facts: dict[str, Any] = {}
        self.spent = 0.0
        self._file: Any = None
        self._pool: ProcessPoolExecutor | None = None
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Bench:
        with contextlib.ExitStack() as stack:
            if self.run is not None:
                stack.enter_context(locked(self.run))
                self._open(self.run / NAME, json.loads(json.dumps(self.about)))
                stack.callback(self._file.close)
            self._held = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._held.close()

    def all(self, jobs: Sequence[Job]) -> list[Result]:
        """Return the results of jobs, in their order."""
        keys = [job.key for job in jobs]
        new = {key: job for key, job in zip(keys, jobs, strict=True) if key not in self.known}
        for key, result in self._run(new):
            self.known[key] = result
            self._write({"key": key, "spent": self.spent, **result})
            if self.watch:
                self.watch(self.spent)
        return [self.known[key] for key in keys]

    def fact(self, name: str, find: Callable[[], Any]) -> Any:
        """Return something that the clock decides, as it was decided when it was first asked for."""
        if name not in self.facts:
            self.facts[name] = find()
            self._write({"fact": name, "value": self.facts[name]})
        return self.facts[name]

    def _run(self, jobs: Mapping[str, Job]) -> Iterator[tuple[str, Result]]:
        begin, before = time.monotonic(), self.spent
        if self.processes == 1:
            for key, job in jobs.items():
                with _one_thread():
                    result = job.run()
                self.spent = before + time.monotonic() - begin
                yield key, result
            return
        if jobs and self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.processes, context, _begin)
        assert self._pool is not None or not jobs
        futures: dict[Future[Result], str] = {self._pool.submit(_work, job): key for key, job in jobs.items()}  # type: ignore[union-attr]
        for future in as_completed(futures):
            self.spent = before + time.monotonic() - begin
            try:
                result = future.result()
            except BrokenProcessPool:
                raise InputError(
                    "a process that trains has ended before its work was done: for want of memory, or in a script that "
                    "does not call search_cell below if __name__ == '__main__'; processes=1 needs no other"
                ) from None
            yield futures[future], result

    def _open(self, path: Path, about: dict[str, Any]) -> None:
        """Read the whole lines of a journal, and cut off one that was being written when the search was killed."""
        whole = b""
        if path.exists():
            content = read_file(path, LARGEST)
            whole = content[: content.rfind(b"\n") + 1]
            self._take(path, whole, about)
        self._file = path.open("ab")
        self._file.truncate(len(whole))
        if not whole:
            self._write({"about": about})

    def _take(self, path: Path, content: bytes, about: dict[str, Any]) -> None:
        for number, line in enumerate(content.splitlines(), 1):
            try:
                row = json.loads(line)
                if number == 1:
                    _check_same(path.parent, row["about"], about)
                elif "fact" in row:
                    self.facts[row["fact"]] = row["value"]
                else:
                    self.known[row["key"]] = {"scores": row["scores"], "lost": row["lost"]}
                    self.spent = float(row["spent"])
            except InputError:
                raise
            except (ValueError, KeyError, TypeError, AttributeError):
                raise InputError(
                    f"{path}, line {number}: that is no line of a search; remove the file to start again"
                ) from None

    def _write(self, row: Mapping[str, Any]) -> None:
        if self._file is not None:
            try:
                self._file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                raise InputError(f"cannot write {self._file.name}: {error.strerror or error}") from error


def _check_same(run: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    if then.get("version") != now.get("version"):
        raise InputError(f"{run} holds a search that another version of keepgate began: take another folder")
    if other := [name for name in now if then.get(name) != now[name]]:
        was = ", ".join(f"{name}={then.get(name)!r:.80}" for name in other)
        raise InputError(
            f"{run} holds a search with {was}: go on with that, or take another folder for {listed(other)}"
        )


def _begin() -> None:
    """Prepare a process that trains: one thread, and an end when the search has ended, however it did."""
    import torch

    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(job: Job) -> Result:
    return job.run()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""The driver of all algorithms: generations, their history, checkpoints, and the processes that share the work."""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from keepgate.errors import InputError, KeepgateError, quoted, reason
from keepgate.training.evolution.algorithm import Algorithm
from keepgate.training.evolution.peers import Peers, checked_count, started, torchrun
from keepgate.training.evolution.record import Record

__all__ = ["Evolution", "Fitness", "evolve"]

Fitness = Callable[[np.ndarray, int], Any]
Until = Callable[[Mapping[str, Any], np.ndarray], bool]
Callback = Callable[[Mapping[str, Any], Algorithm], object]


@dataclass
class Evolution:
    """What a search found.

    Attributes:
        rows: the history, a dict for each generation: `generation` (from 1), `evaluations` (so far), `best`, `mean` and
            `spread` (standard deviation) of the population's fitness, `center` (that of the mean individual, where the
            algorithm has one; it is not among the population), `lost` (individuals whose fitness is NaN or infinite,
            which count in neither mean nor spread) and `seconds` (the only one that differs between two runs).
        best: [N] float32, the individual of the highest fitness seen.
        fitness: its fitness.
        champion: [N] float32, the best individual of the last generation.
        center: [N] float32, the mean of the distribution; None where the algorithm has none.
        finished: whether `until` said so, or all generations are done.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    best: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    fitness: float = -np.inf
    champion: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    center: np.ndarray | None = None
    finished: bool = False


def evolve(
    algorithm: Algorithm,
    fitness: Fitness,
    generations: int,
    *,
    until: Until | None = None,
    run: str | Path | None = None,
    processes: int = 1,
    center_every: int = 1,
    callbacks: Sequence[Callback] = (),
    about: Mapping[str, Any] | None = None,
    checkpoint_seconds: float = 10.0,
) -> Evolution:
    """Search for the individual of the highest fitness.

    Under torchrun its processes share the work, else `processes` local ones do. The result has the same bits for any
    number of them, if the fitness of an individual does not depend on those beside it.

    Args:
        algorithm: the search; it goes on from where it is.
        fitness: of a population [R, N] float32, some rows of the whole, and the generation (from 0): R numbers, the
            higher the better.
        generations: at most.
        until: called after each generation with its row and its best individual; True ends the search.
        run: a folder for `metrics.jsonl` and a checkpoint; the same call goes on where a killed one stopped.
        processes: local ones that evaluate; above 1 `fitness` has to be a function of a module.
        center_every: generations between two evaluations of the mean individual; 0: never. They count.
        callbacks: functions of a generation's row and the algorithm.
        about: further facts, as plain data, that have to be the same for a run to go on, such as a hash of the data.
        checkpoint_seconds: between two checkpoints, at least.

    Raises:
        InputError: `fitness` raises, or returns other than R numbers, or the folder holds another search.
    """
    if isinstance(generations, bool) or not isinstance(generations, int) or generations < 1:
        raise InputError(f"generations={quoted(generations)} is no whole number from 1 on")
    record = Record(run, {**algorithm.about(), "center_every": center_every, **(about or {})}, checkpoint_seconds)
    peers = torchrun()
    count = checked_count(processes)
    shared = (algorithm, fitness, generations, center_every)
    with contextlib.ExitStack() as stack:
        if peers.size == 1 and count > 1:
            peers = stack.enter_context(started(count, _help, shared))
        stack.enter_context(record.alone(peers))
        return Search(*shared, peers, record, until, callbacks).run()


def _help(algorithm: Algorithm, fitness: Fitness, generations: int, center_every: int, peers: Peers) -> None:
    """Take part in a search as one of its further processes."""
    record = Record(None, {}, 0.0)
    with record.alone(peers):
        Search(algorithm, fitness, generations, center_every, peers, record).run()


class Search:
    """One search, as each of its processes runs it; the first alone writes files and decides when to end."""

    def __init__(
        self,
        algorithm: Algorithm,
        fitness: Fitness,
        generations: int,
        center_every: int,
        peers: Peers,
        record: Record,
        until: Until | None = None,
        callbacks: Sequence[Callback] = (),
    ):
        self.algorithm, self.fitness, self.generations = algorithm, fitness, generations
        self.center_every, self.peers, self.record = center_every, peers, record
        self.until, self.callbacks = until, callbacks
        self.found = Evolution(best=algorithm.ask()[0], champion=algorithm.ask()[0])

    def run(self) -> Evolution:
        """Run all generations that are left."""
        checkpoint = self.peers.from_first(self.record.read)
        if checkpoint is not None:
            with self.record.blamed():
                self.restore(*checkpoint)
            if self.peers.first:
                self.record.write_rows(self.found.rows)
        while not self.found.finished:
            row = self.step()
            self.found.finished = self.peers.from_first(lambda row=row: self.decide(row))
            if self.peers.first:
                self.record.add(self.found.rows, self.pack, self.found.finished)
            for callback in self.callbacks:
                callback(row, self.algorithm)
        center = self.algorithm.center
        self.found.center = None if center is None else center.astype(np.float32)
        return self.found

    def step(self) -> dict[str, Any]:
        """Evaluate one generation, learn from it, and return its row."""
        began, generation = time.perf_counter(), self.algorithm.generation
        population = self.algorithm.ask()
        center = self.algorithm.center
        is_watched = self.center_every and generation % self.center_every == 0
        watched = [] if center is None or not is_watched else [center.astype(np.float32)[None]]
        rows = np.concatenate([population, *watched])
        values = self.evaluate(rows, generation)
        own = values[: len(population)]
        finite = own[np.isfinite(own)]
        self.algorithm.tell(own)
        winner = int(np.argmax(np.where(np.isnan(own), -np.inf, own)))
        self.found.champion = population[winner].copy()
        if own[winner] > self.found.fitness:
            self.found.best, self.found.fitness = self.found.champion, float(own[winner])
        before = self.found.rows[-1]["evaluations"] if self.found.rows else 0
        row = {
            "generation": generation + 1,
            "evaluations": before + len(rows),
            "best": _number(own[winner]),
            "mean": _number(finite.mean()) if finite.size else None,
            "spread": _number(finite.std()) if finite.size else None,
            "center": _number(values[-1]) if watched else None,
            "lost": len(own) - len(finite),
            "seconds": round(time.perf_counter() - began, 4),
        }
        self.found.rows.append(row)
        return row

    def evaluate(self, rows: np.ndarray, generation: int) -> np.ndarray:
        """Return the fitness of all rows, of which each process evaluates a part."""
        start, stop = (len(rows) * (self.peers.rank + i) // self.peers.size for i in (0, 1))
        mark = zlib.crc32(rows.tobytes())
        outcomes = self.peers.together(lambda: (mark, self.of_part(rows, start, stop, generation)))
        for rank, (other, _) in enumerate(outcomes):
            if other != mark:
                raise InputError(
                    f"process {rank} computed another generation {generation} than process {self.peers.rank}: the "
                    "search and the software have to be the same on all machines"
                )
        return np.concatenate([values for _, values in outcomes])

    def of_part(self, rows: np.ndarray, start: int, stop: int, generation: int) -> np.ndarray:
        """Return the fitness of the rows from `start` to `stop`, checked."""
        if start == stop:
            return np.zeros(0)
        where = f"of individuals {start} to {stop - 1} in generation {generation}"
        try:
            values = np.asarray(self.fitness(rows[start:stop], generation))
        except KeepgateError:
            raise
        except Exception as error:
            raise InputError(f"the fitness {where} raised {type(error).__name__}: {reason(error)}") from error
        if values.shape != (stop - start,) or values.dtype.kind not in "fiub":
            raise InputError(
                f"the fitness {where} has to be {stop - start} numbers, one for each; got shape {values.shape} of "
                f"{values.dtype}"
            )
        return values.astype(np.float64)

    def decide(self, row: Mapping[str, Any]) -> bool:
        """Return whether the search has ended."""
        ended = self.until is not None and bool(self.until(row, self.found.champion))
        return ended or self.algorithm.generation >= self.generations

    def pack(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return the checkpoint."""
        found = self.found
        arrays = {f"state.{name}": value for name, value in self.algorithm.state().items()}
        arrays |= {"best": found.best, "champion": found.champion, "fitness": np.array(found.fitness)}
        return {"rows": found.rows, "finished": found.finished}, arrays

    def restore(self, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from a checkpoint; one that finished goes on only if there are more generations to do."""
        found, size = self.found, (self.algorithm.size,)
        if arrays["best"].shape != size or arrays["champion"].shape != size or arrays["fitness"].shape != ():
            raise InputError("it has another size")
        state = {name.removeprefix("state."): value for name, value in arrays.items() if name.startswith("state.")}
        self.algorithm.restore(state)
        found.rows, found.best, found.champion = list(config["rows"]), arrays["best"], arrays["champion"]
        found.fitness = float(arrays["fitness"])
        if len(found.rows) != self.algorithm.generation:
            raise InputError("its history has another length")
        found.finished = bool(config["finished"]) and self.algorithm.generation >= self.generations
        if config["finished"] and not found.finished and self.until is not None:
            found.finished = bool(self.until(found.rows[-1], found.champion))


def _number(value: Any) -> float | None:
    """Return a number as JSON can say it; None for NaN and infinities."""
    return float(value) if np.isfinite(value) else None

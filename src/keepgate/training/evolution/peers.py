"""The processes that evaluate a population together: one, local ones, or those that torchrun started.

All run the same search, each evaluates its part of the population, and they exchange nothing but fitness.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from keepgate.errors import InputError, KeepgateError, quoted, reason

__all__ = ["Peers", "alone", "started", "torchrun"]

Result = TypeVar("Result")


class Peers:
    """This process is number `rank` of `size`; `all(value)` returns the values of all of them, on each."""

    def __init__(self, rank: int = 0, size: int = 1, all_values: Callable[[Any], list[Any]] | None = None):
        self.rank, self.size = rank, size
        self._all = all_values

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def all(self, value: Any) -> list[Any]:
        """Return the values of all processes in the order of their ranks."""
        return [value] if self._all is None else self._all(value)

    def together(self, function: Callable[[], Result]) -> list[Result]:
        """Return what `function` returns on each process; what it raises on one is raised on all."""
        outcomes = self.all(_outcome(function))
        for outcome in outcomes:
            if isinstance(outcome, KeepgateError):
                raise outcome
        return outcomes

    def from_first(self, function: Callable[[], Result]) -> Result:
        """Return on every process what `function` returns on the first; what it raises there is raised on all."""
        return self.together(lambda: function() if self.first else None)[0]  # type: ignore[return-value]


def _outcome(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except KeepgateError as error:
        return error


def alone() -> Peers:
    """Return this process without others."""
    return Peers()


def torchrun() -> Peers:
    """Return the processes that torchrun's environment names; without it, this process alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Peers()
    import torch

    from keepgate.training.distributed import join

    processes = join(torch.device("cpu"))
    return Peers(processes.rank, processes.size, processes.all)


@contextlib.contextmanager
def started(count: int, work: Callable[..., object], arguments: tuple[Any, ...]) -> Iterator[Peers]:
    """Start `count` - 1 further processes that call `work(*arguments, peers)`; yields this one as the first of all.

    Args:
        count: of processes.
        work: a function of a module.
        arguments: of it; they are sent to the processes.

    Raises:
        InputError: the arguments cannot be sent.
    """
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    try:
        for rank in range(1, count):
            here, there = context.Pipe()
            process = context.Process(target=_child, args=(there, rank, count, work, arguments), daemon=True)
            pipes.append(here)
            try:
                process.start()
            except Exception as error:  # pickle raises many kinds
                raise InputError(
                    f"processes={count} needs a fitness that can be sent to another process, a function of a module: "
                    f"{reason(error)}"
                ) from error
            there.close()
            processes.append(process)
        yield Peers(0, count, lambda value: _gathered(value, pipes))
    finally:
        for pipe in pipes:
            pipe.close()  # a process that waits for it ends
        for process in processes:
            process.join(5)
            process.kill()


def _gathered(value: Any, pipes: list[Any]) -> list[Any]:
    values = [value]
    for rank, pipe in enumerate(pipes, 1):
        try:
            values.append(pipe.recv())
        except EOFError:
            raise InputError(f"process {rank} of {len(pipes) + 1} has ended before its work was done") from None
    for pipe in pipes:
        pipe.send(values)
    return values


def _child(pipe: Any, rank: int, size: int, work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    def all_values(value: Any) -> list[Any]:
        pipe.send(value)
        return pipe.recv()

    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionError, KeyboardInterrupt, KeepgateError):
        work(*arguments, Peers(rank, size, all_values))


def checked_count(processes: Any) -> int:
    """Return a number of processes.

    Raises:
        InputError: it is none.
    """
    if isinstance(processes, bool) or not isinstance(processes, int) or not 1 <= processes <= 1024:
        raise InputError(f"processes={quoted(processes)} is no whole number from 1 to 1024")
    return processes

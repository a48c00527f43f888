"""The processes that train together: a single one, or those that `torchrun` started.

Every process takes its part of each batch. The gradient of the whole batch's mean loss is the mean of the
parts' gradients weighted by what each part counts; DistributedDataParallel takes the plain mean over the
processes (Li et al. 2020), so each process first multiplies its loss by (its weight / the sum of the
weights) * (number of processes).
"""

from __future__ import annotations

import atexit
import gc
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from keepgate.errors import KeepgateError

__all__ = ["Processes", "is_first", "join"]

Result = TypeVar("Result")


@dataclass(frozen=True)
class Processes:
    """This process is number `rank` of `size`; the first, 0, alone writes files and shows progress."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def part(self, indices: np.ndarray) -> tuple[np.ndarray, int]:
        """Return this process' part of a batch and how many examples of it count.

        All processes must run the model for each batch; one that gets no example runs the first and counts 0.
        """
        mine = indices[self.rank :: self.size]
        return (mine, len(mine)) if len(mine) else (indices[:1], 0)

    def parallel(self, module: nn.Module) -> nn.Module:
        """Return the module, with its gradients averaged over the processes as they are computed."""
        return module if self.size == 1 else nn.parallel.DistributedDataParallel(module)

    def sum(self, *values: float) -> list[float]:
        """Return the sums of these numbers over the processes, the same on each."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(sums)
        return sums.tolist()

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes in the order of their ranks on the first; an empty list on the others."""
        if self.size == 1:
            return [value]
        values = [None] * self.size if self.first else None
        dist.gather_object(value, values)
        return values or []

    def all(self, value: Any) -> list[Any]:
        """Return the values of all processes in the order of their ranks, on each."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def from_first(self, function: Callable[[], Result]) -> Result:
        """Return on every process what `function` returns on the first; what it raises there is raised on all."""
        if self.size == 1:
            return function()
        outcome: list[Any] = [None, None]
        if self.first:
            try:
                outcome = [function(), None]
            except KeepgateError as error:
                outcome = [None, error]
        dist.broadcast_object_list(outcome)
        if outcome[1] is not None:
            raise outcome[1]
        return outcome[0]


def is_first() -> bool:
    """Return whether this process is the only one or torchrun's first: the one to write and print."""
    return int(os.environ.get("RANK", "0")) == 0


def _leave() -> None:
    gc.collect()  # what still holds the group has to go before it
    dist.destroy_process_group()


def join(device: torch.device) -> Processes:
    """Return the processes to train with: those of the initialized group, or that torchrun's environment names."""
    if not dist.is_available() or ("WORLD_SIZE" not in os.environ and not dist.is_initialized()):
        return Processes()
    if not dist.is_initialized():
        if int(os.environ["WORLD_SIZE"]) == 1:
            return Processes()
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
        atexit.register(_leave)
    return Processes(dist.get_rank(), dist.get_world_size())

"""Scan on OpenMP teams in odd places, named by the argument; prints "the same" if all numbers are right."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from keepgate.native import openmp_library, pool
from keepgate.nn import LSTM

torch.manual_seed(0)
torch.set_num_threads(2)
LAYER, X = LSTM(8, 32, backend="native").requires_grad_(False), torch.randn(20, 24, 8)


def scan(threads: int = 2) -> torch.Tensor:
    os.environ["KEEPGATE_THREADS"] = str(threads)
    return LAYER(X)[0]


def nested() -> list[torch.Tensor]:
    """Scan on each thread of a team, where a further team has one thread."""
    results: list[torch.Tensor] = []
    take_part = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: results.append(scan()))
    ctypes.CDLL(openmp_library()).GOMP_parallel(take_part, None, 3, 0)
    assert len(results) == 3
    return results


def limited() -> list[torch.Tensor]:
    """Scan where the runtime gives one thread, whatever is asked for; see OMP_THREAD_LIMIT."""
    before = tasks()
    results = [scan(3) for _ in range(3)]
    assert tasks() == before + 2  # our own
    return results


def threads() -> list[torch.Tensor]:
    with ThreadPoolExecutor(5) as callers:
        return list(callers.map(lambda number: scan(2 + number % 2), range(100)))


def starved() -> list[torch.Tensor]:
    """Scan where the system has no memory for the stack of a thread; libgomp would end the process."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + (4 << 20), resource.RLIM_INFINITY))
    try:
        with pytest.raises(RuntimeError, match=r"^the system starts no more than \d of 5 threads"):
            scan(6)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return [scan(6)]


class Rows(Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, _: int) -> torch.Tensor:
        return scan()


def loader() -> list[torch.Tensor]:
    torch.randn(200, 200) @ torch.randn(200, 200)  # torch's own team has begun
    return [batch[0] for batch in DataLoader(Rows(), num_workers=2, multiprocessing_context="fork")]


def tasks() -> int:
    return len(os.listdir("/proc/self/task"))


def main() -> None:
    wanted = scan(1)
    assert pool() == "openmp"
    if sys.argv[1] in ("nested", "loader"):
        assert torch.equal(scan(), wanted)
    results = globals()[sys.argv[1]]()
    assert results
    assert all(torch.equal(result, wanted) for result in results)
    print("the same")


if __name__ == "__main__":
    main()

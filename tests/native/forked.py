"""Fork after the threads of the core have started, also amid the scans of another thread; the children scan too.

Prints nothing and exits with 0 if every child gave its parent's numbers in time.
"""

from __future__ import annotations

import os
import signal
import threading
import time

import torch

from conformance.cells import CELLS
from keepgate.native import pool
from keepgate.scan import ENGINES
from keepgate.testing.engines import differentiate
from keepgate.testing.problems import Outcome, Setting, problem

TRIED = problem("forked", CELLS["lstm"].equations, Setting(steps=40, batch=12, inputs=5, hidden=40))
PATIENCE = 8  # seconds


def main() -> None:
    torch.set_num_threads(1)
    os.environ["KEEPGATE_THREADS"] = "3"
    before = len(os.listdir("/proc/self/task"))
    wanted = scan()
    assert pool() == os.environ.get("KEEPGATE_POOL", pool())
    assert len(os.listdir("/proc/self/task")) == before + 2
    stop = threading.Event()
    other = threading.Thread(target=lambda: [scan() for _ in iter(stop.is_set, True)])
    fork(wanted, generations=2)
    other.start()
    for _ in range(10):
        fork(wanted)
    stop.set()
    other.join()
    assert same(scan(), wanted)


def scan() -> Outcome:
    return differentiate(ENGINES["native"].run, TRIED)


def same(found: Outcome, wanted: Outcome) -> bool:
    return torch.equal(found.output, wanted.output) and all(
        torch.equal(value, wanted.gradients[name]) for name, value in found.gradients.items()
    )


def fork(wanted: Outcome, generations: int = 1) -> None:
    """Scan in a child, and in a child of it."""
    child = os.fork()
    if not child:
        signal.alarm(PATIENCE)  # the end of a child that hangs
        if generations > 1:
            fork(wanted, generations - 1)
        os._exit(0 if same(scan(), wanted) else 3)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert status == 0, f"the child ended with status {status}"
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    raise SystemExit("the child hangs")


if __name__ == "__main__":
    main()

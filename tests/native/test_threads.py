"""Many callers, forked children and long lives: the threads and the memory of the core take no notice."""

from __future__ import annotations

import gc
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from conformance.cells import CELLS
from keepgate.scan import ENGINES, engines
from keepgate.testing.engines import differentiate
from keepgate.testing.problems import Outcome, Problem, Setting, problem
from native.process import POOLS, TESTS, python

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")


def scan(tried: Problem) -> Outcome:
    return differentiate(ENGINES["native"].run, tried)


def assert_same(found: Outcome, wanted: Outcome) -> None:
    assert torch.equal(found.output, wanted.output)
    for pairs in ((found.final, wanted.final), (found.gradients, wanted.gradients)):
        for name, value in pairs[0].items():
            assert torch.equal(value, pairs[1][name]), name


@pytest.mark.parametrize("threads", ["1", "2", "3"])
def test_many_callers_at_once(threads: str, monkeypatch: pytest.MonkeyPatch):
    """Callers share the pool and their engines; each has what it would have had alone."""
    monkeypatch.setenv("KEEPGATE_THREADS", threads)
    settings = [Setting(steps=40, batch=12, inputs=5, hidden=40), Setting(steps=150, batch=1, inputs=5, hidden=40)]
    tried = [problem(f"callers, {name}", CELLS[name].equations, s) for name in ("lstm", "everything") for s in settings]
    alone = [scan(one) for one in tried]
    with ThreadPoolExecutor(6) as callers:
        for found, wanted in zip(callers.map(scan, tried * 6), alone * 6, strict=True):
            assert_same(found, wanted)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("pool", POOLS)
def test_forked_children(pool: str):
    done = python(str(TESTS / "native" / "forked.py"), KEEPGATE_POOL=pool)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not tell resident memory")
@pytest.mark.parametrize("training", [True, False])
def test_memory_is_given_back(training: bool):
    """Two hundred scans, each of a megabyte and more, leave the process as large as twenty did, without a collector."""
    tried = problem("memory", CELLS["lstm"].equations, Setting(steps=64, batch=32, inputs=16, hidden=32))

    def repeat(count: int) -> None:
        for _ in range(count):
            if training:
                scan(tried)
            else:
                with torch.no_grad():
                    ENGINES["native"].run(tried.equations, tried.parameters, tried.arguments)

    repeat(20)
    gc.collect()
    gc.disable()
    try:
        before = resident()
        repeat(200)
        assert resident() - before < 40e6
    finally:
        gc.enable()


@pytest.mark.skipif(sys.platform != "linux", reason="this system does not bound the memory of a process")
def test_memory_that_runs_out():
    done = python(str(TESTS / "native" / "starved.py"))
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0  # else it did not run out inside the core


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

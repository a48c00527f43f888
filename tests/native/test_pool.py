"""Whose threads the core runs on: chosen, forced, refused; and where an OpenMP team is not what was asked for."""

from __future__ import annotations

import sys

import pytest

from native.process import POOLS, SETS, TESTS, python

pytestmark = pytest.mark.skipif(not SETS, reason="the native core is not built")
on_linux = pytest.mark.skipif("openmp" not in POOLS, reason="only on Linux is an OpenMP runtime looked for")

POOL = "from keepgate.native import openmp_library, pool; print(pool(), openmp_library())"
# The runtime that torch itself calls.
OF_TORCH = """
import torch, ctypes
print([name for line in open("/proc/self/maps") for name in line.split()[5:] if "omp" in name and "/" in name][0])
"""


@on_linux
def test_torchs_runtime_is_used():
    done = python("-c", f"{OF_TORCH}\n{POOL}")
    assert done.returncode == 0, done.stderr
    library, line = done.stdout.splitlines()
    assert line == f"openmp {library}"


@pytest.mark.parametrize("forced", POOLS)
def test_a_pool_is_forced(forced: str):
    done = python("-c", f"import torch; {POOL}", KEEPGATE_POOL=forced)
    assert done.stdout.split()[0] == forced


def test_without_a_runtime_the_pool_is_our_own():
    assert python("-c", POOL).stdout == "own \n"


def test_a_forced_runtime_that_is_not_there():
    done = python("-c", POOL, KEEPGATE_POOL="openmp")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        "keepgate.errors.BackendError: KEEPGATE_POOL=openmp: this process has loaded no OpenMP runtime (libgomp, "
        "libiomp5 or libomp, on Linux); import torch first, or unset it"
    )


def test_a_pool_that_is_none():
    done = python("-c", POOL, KEEPGATE_POOL="tbb")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        "keepgate.errors.InputError: KEEPGATE_POOL is one of own, openmp, got 'tbb'"
    )


@on_linux
@pytest.mark.parametrize("how", ["nested", "limited", "threads", "starved"])
def test_teams_that_are_not_what_was_asked_for(how: str):
    """Inside another team, under a limit, from many threads: the same numbers; where no thread starts, a sentence."""
    limits = {"OMP_THREAD_LIMIT": "1"} if how == "limited" else {}
    done = python(str(TESTS / "native" / "teams.py"), how, **limits)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "the same"


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_a_worker_of_a_data_loader_scans():
    done = python(str(TESTS / "native" / "teams.py"), "loader")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "the same"

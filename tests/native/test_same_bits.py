"""The same bits: whatever the instruction set, the number of threads, and how the batch is cut."""

from __future__ import annotations

import json
from functools import cache

import pytest

from native.digests import THREADS
from native.process import POOLS, SETS, TESTS, python

pytestmark = pytest.mark.skipif(not SETS, reason="the native core is not built")

Digests = dict[str, dict[str, str]]
FIRST = next((name for name, here in SETS.items() if here), "")


@cache
def run(instruction_set: str, **environment: str) -> Digests:
    done = python(str(TESTS / "native" / "digests.py"), KEEPGATE_CPU=instruction_set, **environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["set"] == instruction_set
    assert found["pool"] == environment.get("KEEPGATE_POOL", found["pool"])
    assert found["workers"] == max(THREADS) - 1  # some cases were worth all threads
    return found["digests"]


def digests(instruction_set: str) -> Digests:
    if not SETS[instruction_set]:
        pytest.skip(f"this machine does not have {instruction_set}")
    return run(instruction_set)


def check(found: Digests, wanted: Digests) -> None:
    """Compare what both hold, and name the cases and tensors that differ."""
    assert found
    different = {
        case: names
        for case, digest in found.items()
        if (names := [name for name in digest if digest[name] != wanted[case][name]])
    }
    assert not different


@pytest.mark.parametrize("instruction_set", SETS)
def test_any_instruction_set(instruction_set: str):
    found, wanted = digests(instruction_set), digests(FIRST)
    assert list(found) == list(wanted)
    check(found, wanted)


@pytest.mark.parametrize("threads", THREADS[1:])
@pytest.mark.parametrize("instruction_set", SETS)
def test_any_number_of_threads(instruction_set: str, threads: int):
    found, end = digests(instruction_set), f", {threads} threads"
    alone = {case: digest for case, digest in found.items() if case.endswith(", 1 threads")}
    check({case.replace(", 1 threads", end): digest for case, digest in alone.items()}, found)


@pytest.mark.parametrize("instruction_set", SETS)
def test_rows_alone_or_together(instruction_set: str):
    found, end = digests(instruction_set), ", in parts"
    parts = {case: digest for case, digest in found.items() if case.endswith(end)}
    check({case.replace(end, ", 1 threads"): digest for case, digest in parts.items()}, found)


@pytest.mark.parametrize("pool", POOLS)
def test_either_pool(pool: str):
    check(run(FIRST, KEEPGATE_POOL=pool), digests(FIRST))


def test_memory_that_begins_as_nan():
    """Nothing is read that was not written: poison changes no bit, and leaves nothing that is not finite."""
    check(run(FIRST, KEEPGATE_POISON="1"), digests(FIRST))

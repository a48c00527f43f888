"""The variables that steer the core: what they force holds, and what they cannot mean is refused in one sentence."""

from __future__ import annotations

import os

import pytest

from keepgate.errors import InputError
from keepgate.native import threads
from native.process import SETS, python

SCAN = "import torch; from keepgate.nn import LSTM; print(LSTM(3, 5)(torch.ones(4, 2, 3))[0].shape)"
NAME = "from keepgate.native import instruction_set; print(instruction_set())"

needs_core = pytest.mark.skipif(not SETS, reason="the native core is not built")


@needs_core
@pytest.mark.parametrize("name", [name for name, here in SETS.items() if here])
def test_a_set_is_forced(name: str):
    assert python("-c", NAME, KEEPGATE_CPU=name).stdout.split() == [name]


@needs_core
def test_no_set_is_forced():
    best = next(name for name, here in SETS.items() if here)
    for environment in ({}, {"KEEPGATE_CPU": ""}):
        assert python("-c", NAME, **environment).stdout.split() == [best]


@needs_core
@pytest.mark.parametrize("script", [NAME, SCAN], ids=["name", "scan"])
@pytest.mark.parametrize("name", ["nonsense", "AVX2", *(name for name, here in SETS.items() if not here)])
def test_a_set_that_is_not_here(name: str, script: str):
    """Asked for by name it is refused, also under `backend="auto"`: nothing else runs in its place."""
    done = python("-c", script, KEEPGATE_CPU=name)
    assert done.returncode == 1
    assert not done.stdout
    why = "this machine does not have it" if name in SETS else "no such instruction set is built"
    able = ", ".join(name for name, here in SETS.items() if here)
    wanted = f"keepgate.errors.BackendError: KEEPGATE_CPU={name}: {why}; there are {able}"
    assert done.stderr.strip().splitlines()[-1] == wanted


@pytest.mark.parametrize("text", ["zero", "0", "-1", "1.5", "²", "1025", "9" * 30])
def test_what_is_no_number_of_threads(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KEEPGATE_THREADS", text)
    with pytest.raises(InputError) as error:
        threads(4)
    assert str(error.value) == f"KEEPGATE_THREADS is a number of threads from 1 to 1024, got {text!r}"


@needs_core
def test_threads_are_refused_in_a_scan():
    done = python("-c", SCAN, KEEPGATE_THREADS="zero")
    assert done.returncode == 1
    assert "InputError: KEEPGATE_THREADS is a number of threads" in done.stderr.strip().splitlines()[-1]


def test_number_of_threads(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KEEPGATE_THREADS", "3")
    assert threads() == threads(7) == 3
    for empty in (True, False):
        monkeypatch.setenv("KEEPGATE_THREADS", "") if empty else monkeypatch.delenv("KEEPGATE_THREADS")
        assert threads(7) == 7
        if hasattr(os, "sched_getaffinity"):
            assert threads() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert threads() == (os.cpu_count() or 1)

"""Memory that runs out at any place of the core, and threads that do not start: errors, and right numbers after."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from native.process import SETS, TESTS, python

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SETS, reason="the native core is not built"),
    pytest.mark.skipif(sys.platform != "linux", reason="this system does not preload libraries as Linux does"),
]


def test_every_allocation_may_fail(tmp_path: Path):
    compiler, library = shutil.which("g++"), tmp_path / "failing.so"
    if compiler is None:
        pytest.skip("g++ is not installed, so there is nothing to preload")
    source = TESTS / "native" / "failing_memory.cpp"
    subprocess.run([compiler, "-std=c++17", "-O1", "-shared", "-fPIC", source, "-o", library, "-ldl"], check=True)
    preload = {"LD_PRELOAD": str(library), "KEEPGATE_FAILING": str(library), "KEEPGATE_POOL": "own"}
    done = python(str(TESTS / "native" / "failing_memory.py"), timeout=600, **preload)
    assert done.returncode == 0, done.stderr
    assert all(json.loads(done.stdout).values())

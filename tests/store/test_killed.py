"""Two writers of one path, and writers killed at random; `python tests/store/killed.py 200` does it for longer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROUNDS = 8


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_two_writers_and_kills():
    script = Path(__file__).with_name("killed.py")
    done = subprocess.run([sys.executable, script, str(ROUNDS)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    for name, found in json.loads(done.stdout).items():
        if name.endswith("two_writers"):
            assert found.get("won by 0", 0) + found.get("won by 1", 0) == ROUNDS
            assert found["writers that failed"] == found["hidden files left"] == 0, done.stderr
        else:
            assert found["most hidden files left"] <= 2
            assert found["hidden files after the next write"] == 0

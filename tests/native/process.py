"""Python in a process of its own, for what is decided once in a process: instruction set, poison, sanitizers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keepgate
from keepgate.native import engine

__all__ = ["POOLS", "SETS", "TESTS", "python"]

TESTS = Path(__file__).resolve().parents[1]
SETS = {} if engine.missing() else dict(engine._core.instruction_sets())
# Only on Linux is an OpenMP runtime looked for.
POOLS = ("own", "openmp") if sys.platform == "linux" else ("own",)


def python(*arguments: str, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python on this source tree; variables that steer the core come from ``environment`` alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KEEPGATE_")}
    paths = os.pathsep.join([str(Path(keepgate.__file__).parents[1]), str(TESTS)])
    return subprocess.run(
        [sys.executable, *arguments],
        env=kept | {"PYTHONPATH": paths} | environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )

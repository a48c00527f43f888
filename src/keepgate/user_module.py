"""Python files of users, which are run because they name them: cells and environments."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

__all__ = ["FAULTS", "run_file"]

FAULTS = (Exception, SystemExit)  # a file may do anything, leave the program too


def run_file(path: Path, kind: str) -> ModuleType:
    """Run a file and return it as a module, which is no other module's name; the caller turns `FAULTS` into a sentence.

    Args:
        path: a file that is there.
        kind: what it is to hold, for the name of the module.
    """
    spec = importlib.util.spec_from_file_location(f"keepgate_user_{kind}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

"""The search for cells: equations are mutated, trained at full speed, and judged on tasks that chose nothing.

    from keepgate.search import save, search_cell

    found = search_cell(["adding", "order"], minutes=30, run="runs/found")
    save(found, "runs/found")       # found.py, family.png, leaderboard.csv, report.html

Names load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from keepgate.errors import MissingExtraError

if TYPE_CHECKING:
    from keepgate.search.candidate import Candidate, settle
    from keepgate.search.found import Found, search_cell
    from keepgate.search.rules import Unfit
    from keepgate.search.saving import save
    from keepgate.search.tasks import Batch, Task

_HOMES = {
    "Batch": "tasks",
    "Candidate": "candidate",
    "Found": "found",
    "Task": "tasks",
    "Unfit": "rules",
    "save": "saving",
    "search_cell": "found",
    "settle": "candidate",
}

__all__ = ["Batch", "Candidate", "Found", "Task", "Unfit", "save", "search_cell", "settle"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'keepgate.search' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"keepgate.search.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(f"keepgate.search.{name}", error) from None


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

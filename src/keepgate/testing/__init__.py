"""Checks of cells, shipped to those who write them.

    from keepgate.testing import check_cell

    check_cell("my_cells.py:MyCell")

`check_cell` runs a cell on every engine of this machine and compares values and all gradients with a second
derivation, its program in NumPy (`interpreter`), and with difference quotients. Names load on first use: the
interpreter needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from keepgate.errors import MissingExtraError

if TYPE_CHECKING:
    from keepgate.testing.checks import Checked, check_cell
    from keepgate.testing.tolerances import TOLERANCE, assert_all_close, assert_close, error

_HOMES = {
    "Checked": "checks",
    "TOLERANCE": "tolerances",
    "assert_all_close": "tolerances",
    "assert_close": "tolerances",
    "check_cell": "checks",
    "error": "tolerances",
}

__all__ = ["TOLERANCE", "Checked", "assert_all_close", "assert_close", "check_cell", "error"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'keepgate.testing' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"keepgate.testing.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(f"keepgate.testing.{name}", error) from None


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

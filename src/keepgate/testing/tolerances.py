"""One table of tolerances: the error of a tensor, relative to its largest element where that is above 1."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["TOLERANCE", "assert_all_close", "assert_close", "error"]

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


def error(got: Tensor, wanted: Tensor) -> float:
    """Return the largest difference over the larger of 1 and the largest wanted element; NaN counts as infinite."""
    if not wanted.numel():
        return 0.0
    difference = (got.detach().double() - wanted.detach().double()).abs() / wanted.detach().double().abs().max().clamp(
        min=1.0
    )
    return float(difference.nan_to_num(nan=torch.inf).max())


def assert_close(what: str, got: Tensor, wanted: Tensor) -> float:
    """Compare two tensors within the tolerance of the first one's dtype, and return the error.

    Raises:
        AssertionError: the shapes differ, or the error is too large; the message begins with `what`.
    """
    if got.shape != wanted.shape:
        raise AssertionError(f"{what}: shape {tuple(got.shape)}, wanted {tuple(wanted.shape)}")
    found, bound = error(got, wanted), TOLERANCE[got.dtype]
    if not found <= bound:
        raise AssertionError(f"{what}: error {found:.1e} above {bound:.0e}")
    return found


def assert_all_close(what: str, got: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> float:
    """Compare tensors by name, and return the largest error.

    Raises:
        AssertionError: the names are not the same, or `assert_close` raises for one of them.
    """
    if set(got) != set(wanted):
        raise AssertionError(f"{what}: {sorted(got)}, wanted {sorted(wanted)}")
    return max((assert_close(f"{what} {name}", got[name], value) for name, value in wanted.items()), default=0.0)

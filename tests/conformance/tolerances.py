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
    difference = (got.detach().double() - wanted.double()).abs() / wanted.double().abs().max().clamp(min=1.0)
    return float(difference.nan_to_num(nan=torch.inf).max())


def assert_close(what: str, got: Tensor, wanted: Tensor) -> None:
    """Compare two tensors within the tolerance of the first one's dtype."""
    assert got.shape == wanted.shape, f"{what}: shape {tuple(got.shape)}, wanted {tuple(wanted.shape)}"
    bound = TOLERANCE[got.dtype]
    assert error(got, wanted) <= bound, f"{what}: error {error(got, wanted):.1e} above {bound:.0e}"


def assert_all_close(what: str, got: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Compare tensors by name; the names must be the same."""
    assert set(got) == set(wanted), f"{what}: {sorted(got)}, wanted {sorted(wanted)}"
    for name, value in wanted.items():
        assert_close(f"{what} {name}", got[name], value)

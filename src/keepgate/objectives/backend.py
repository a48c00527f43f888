"""The choice of the engine of an objective, and the buffers that the core takes."""

from __future__ import annotations

import torch
from torch import Tensor

from keepgate.errors import BackendError, InputError, quoted
from keepgate.native import engine as core

__all__ = ["address", "is_native", "threads"]

BACKENDS = ("auto", "native", "reference")
DTYPES = (torch.float32, torch.float64)


def is_native(backend: str, values: Tensor) -> bool:
    """Return whether the native core runs this.

    Raises:
        InputError: there is no such backend.
        BackendError: the core is named and cannot run it; the message says why.
    """
    if backend not in BACKENDS:
        raise InputError(f"backend is one of {', '.join(BACKENDS)}; got {quoted(backend)}")
    if backend == "reference":
        return False
    reason = core.missing() or _refuses(values)
    if reason and backend == "native":
        raise BackendError(f"backend 'native' cannot run this: {reason}; use backend='auto'")
    return not reason


def _refuses(values: Tensor) -> str | None:
    if values.device.type != "cpu":
        return f"the scores are on {values.device}, and the core runs on the CPU"
    if values.dtype not in DTYPES:
        return f"the core computes in float32 and float64, not in {values.dtype}"
    return None


def threads() -> int:
    """Return the number of threads of the core."""
    return core.threads(torch.get_num_threads())


def address(tensor: Tensor | None) -> int:
    """Return the address of a dense tensor; 0 for None."""
    return 0 if tensor is None else tensor.data_ptr()

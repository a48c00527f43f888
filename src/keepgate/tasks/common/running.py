"""Where and how torch computes: the device, the random numbers, the threads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from keepgate.errors import InputError, quoted, reason


def device_named(name: Any) -> torch.device:
    """Return the torch device of a parameter `device`.

    Args:
        name: "auto" (a GPU if there is one), or what `torch.device` takes.

    Raises:
        InputError: there is no such device here, or it holds no numbers.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.empty(0, device=name).device
    except Exception as error:  # torch raises many kinds for a device that it lacks
        raise InputError(f"device {quoted(name)} cannot be used here: {reason(error)}") from error
    if device.type == "meta":
        raise InputError(f"device {quoted(name)} cannot be used: it computes nothing")
    return device


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, torch draws random numbers from `seed`; afterwards the caller's generator is as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def limited_threads(count: int | None) -> Iterator[None]:
    """Inside, torch uses `count` threads (None: as many as before); afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(int(count or before))
    try:
        yield
    finally:
        torch.set_num_threads(before)

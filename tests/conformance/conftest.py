"""Memory that nobody has written to is NaN in these tests, so that reading it shows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch.utils import deterministic


@pytest.fixture(autouse=True)
def nan_in_fresh_memory() -> Iterator[None]:
    """Let torch fill what it allocates with NaN."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    assert deterministic.fill_uninitialized_memory
    yield
    torch.use_deterministic_algorithms(before)

"""What all tests share: one thread, and the real data that lies beside the checkout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """`shared_data("ett/ETTh1.csv")` is the path of that file or folder; skips the test if it is absent."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"the real data {name} are not on this machine (looked in ../shared/data)")
        return path

    return find

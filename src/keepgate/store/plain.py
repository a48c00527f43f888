"""JSON in model files: every key once, and no number beyond what Python reads."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from keepgate.errors import quoted

__all__ = ["read_json"]


def read_json(data: bytes | str) -> Any:
    """Return the value that JSON text stands for.

    Raises:
        ValueError: it is no JSON, or has a key twice.
        RecursionError: it is nested too deeply.
    """
    return json.loads(data, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {quoted(key)} is there twice")
    return table

"""JSON as files of models have it: every key once, and no number beyond what Python reads."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from keepgate.errors import quoted

__all__ = ["read_json"]


def read_json(data: bytes | str) -> Any:
    """What JSON says; ValueError where it is none or says a key twice, RecursionError where it is nested too deep."""
    return json.loads(data, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {quoted(key)} is there twice")
    return found

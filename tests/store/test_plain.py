"""JSON in model files: every key once."""

from __future__ import annotations

import json

import pytest

from keepgate.store.plain import read_json


@pytest.mark.parametrize("value", [None, [], {}, {"a": [1, {"a": 2.5}]}, "日本", 2**70])
def test_json_is_read_as_python_writes_it(value):
    assert read_json(json.dumps(value)) == value
    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "c": 2, "a": 3}}]'])
def test_a_key_is_there_once_at_any_depth(text):
    with pytest.raises(ValueError, match=r"^the key 'a' is there twice$"):
        read_json(text)


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "1 2", b"\xff", "1" * 5000])
def test_what_is_no_json(text):
    with pytest.raises(ValueError, match=r".+"):
        read_json(text)


def test_nesting_without_end():
    with pytest.raises(RecursionError):
        read_json("[" * 100_000)

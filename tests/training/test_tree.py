from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from keepgate.training.tree import detach, digest, flatten, to_device, unflatten


class State(NamedTuple):
    h: torch.Tensor
    c: torch.Tensor


def states() -> list:
    a, b, c = (torch.full((2, 3), float(i), requires_grad=True) for i in range(3))
    return [None, a, (a, b), [a, None, (b,)], {"x": {"y": (a,)}, "z": [b, c]}, State(a, b), ()]


def same(one, other) -> bool:
    """Equal as trees, where tensors are compared by value."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.mark.parametrize("index", range(len(states())))
def test_a_state_is_detached_and_survives_json(index: int):
    state = states()[index]
    detached = detach(state)
    structure, leaves = flatten(detached)
    assert not any(leaf.requires_grad for leaf in leaves)
    assert same(detached, tuple(state) if isinstance(state, State) else state)
    assert same(unflatten(json.loads(json.dumps(structure)), leaves), detached)


@pytest.mark.parametrize("state", [1.0, "h", np.zeros(3), (torch.zeros(1), 2)])
def test_a_state_of_other_things_is_refused(state):
    with pytest.raises(TypeError, match="a carried state is made of tensors, tuples, lists and dicts"):
        detach(state)


def test_a_batch_keeps_its_form_on_another_device():
    packed = pack_sequence([torch.zeros(3), torch.zeros(2)])
    batch = {"x": [torch.zeros(2), (packed, State(torch.zeros(1), torch.zeros(1)))], "name": "a", "n": 3}
    moved = to_device(batch, torch.device("meta"))
    assert moved["x"][0].device.type == "meta"
    assert isinstance(moved["x"][1][0], PackedSequence)
    assert moved["x"][1][0].data.device.type == "meta"
    assert isinstance(moved["x"][1][1], State)
    assert moved["x"][1][1].c.device.type == "meta"
    assert (moved["name"], moved["n"]) == ("a", 3)


def test_digests_differ_by_value_type_shape_and_nesting():
    zeros = np.zeros(4, np.float32)
    trees = [
        zeros, zeros.astype(np.int32), zeros.reshape(2, 2), (zeros,), [zeros, zeros], (zeros, (zeros,)),
        {"a": zeros}, {"b": zeros}, "a", 1, None, np.zeros(0), np.zeros((0, 3)), -zeros, np.arange(6.0).reshape(2, 3).T,
    ]  # fmt: skip

    def sums(tree) -> str:
        found = hashlib.sha256()
        digest(found, tree)
        return found.hexdigest()

    assert len({sums(tree) for tree in trees}) == len(trees)
    assert sums(torch.from_numpy(zeros)) == sums(zeros)
    assert sums(torch.arange(6.0).reshape(2, 3).T) == sums(torch.arange(6.0).reshape(2, 3).T.contiguous())

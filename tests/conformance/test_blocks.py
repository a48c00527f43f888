"""Every block on every interpreter of networks, against torch in float64: odd sizes, batches of unequal lengths."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from conformance.blocks import ROWS, problem
from conformance.interpreters import INTERPRETERS, reference
from keepgate import networks
from keepgate.networks import BLOCKS, Network
from keepgate.testing.tolerances import TOLERANCE, error

DRAWS = range(6)


def test_every_block_has_a_row():
    assert {type(ROWS[name](_draw(0))[0]).__name__ for name in ROWS} == {
        name for name in BLOCKS if not name.startswith("_")
    }


@pytest.mark.parametrize("name", INTERPRETERS)
@pytest.mark.parametrize("row", ROWS)
def test_block(row: str, name: str):
    run, dtype = INTERPRETERS[name]
    for seed in DRAWS:
        tried = problem(row, seed)
        arguments = (tried.network, tried.tensors, tried.given, tried.wanted)
        got, wanted = run(*arguments), reference(*arguments)
        for value, a, b in zip(tried.wanted, got, wanted, strict=True):
            assert a.shape == b.shape, f"{value}, draw {seed}"
            assert (a.dtype.kind == "i") == (b.dtype.kind == "i"), f"{value}: {a.dtype}, not {b.dtype}"
            a, b = (torch.from_numpy(np.ascontiguousarray(tried.meant(part))) for part in (a, b))
            assert error(a, b) <= TOLERANCE[dtype], f"{value}, draw {seed}"


@pytest.mark.parametrize("row", ROWS)
def test_shapes_are_those_of_the_description(row: str):
    tried = problem(row, 3)
    values, sizes = tried.network.values(), {}
    for name, array in tried.given.items():
        sizes |= {axis: size for axis, size in zip(values[name].shape, array.shape, strict=True) if axis != size}
    for name, got in zip(tried.wanted, reference(tried.network, tried.tensors, tried.given, tried.wanted), strict=True):
        known = [sizes.get(axis, axis) for axis in values[name].shape]
        assert [a for a, b in zip(got.shape, known, strict=True) if isinstance(b, int)] == [
            b for b in known if isinstance(b, int)
        ]


@pytest.mark.parametrize("row", ROWS)
def test_a_block_goes_to_json_and_back(row: str):
    network = problem(row, 1).network
    text = json.dumps(network.to_json())
    assert json.dumps(Network.from_json(json.loads(text)).to_json()) == text
    assert Network.from_json(json.loads(text)).parameters() == network.parameters()


def _draw(seed: int):
    from conformance.blocks import Draw

    return Draw(seed)


def test_names_of_the_package_are_its_blocks():
    assert {name for name in BLOCKS if not name.startswith("_")} <= set(networks.__all__)

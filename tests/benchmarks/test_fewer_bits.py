"""Layers of a network are frozen for the time being, in the storage asked for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmarks.fewer_bits import STORAGES, stored
from keepgate.nn import GRU, LSTM
from keepgate.nn.frozen import Frozen
from keepgate.scan import engines

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")


class Network(nn.Module):
    """Two layers, one of them below another module."""

    def __init__(self) -> None:
        super().__init__()
        self.below, self.above = LSTM(3, 8), nn.ModuleList([GRU(8, 8)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.above[0](self.below(x)[0])[0]


@torch.no_grad()
def test_storages():
    network, x = Network(), torch.randn(5, 2, 3)
    wanted, errors = network(x), {}
    for storage in STORAGES:
        with stored(network, storage):
            assert isinstance(network.below, Frozen)
            assert isinstance(network.above[0], Frozen)
            errors[storage] = float((network(x) - wanted).abs().max())
        assert isinstance(network.below, LSTM)
    assert errors.pop("full") == 0
    assert all(0 < error < 0.05 for error in errors.values())

from __future__ import annotations

import pytest
import torch

from keepgate.maps import DENSE


@pytest.mark.parametrize(("gates", "width", "source"), [(4, 5, 3), (1, 1, 1), (3, 2, 0)])
def test_shapes_are_those_of_stacked_linear_layers(gates, width, source):
    stacked = torch.cat([torch.empty(width, source) for _ in range(gates)])
    assert DENSE.weight_shape(gates, width, source) == tuple(stacked.shape)
    assert DENSE.widths(tuple(stacked.shape), gates) == (width, source)
    assert DENSE.fan_in(source) == source

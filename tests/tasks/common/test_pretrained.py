from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from keepgate.errors import InputError
from keepgate.nn import Recurrent
from keepgate.nn.blocks import Standardize
from keepgate.tasks.common.pretrained import begin_with


class Network(nn.Module):
    def __init__(self, cell="lstm", inputs=2, hidden=3, standardise=True, **options):
        super().__init__()
        if standardise:
            self.standardise = Standardize(inputs)
        self.recurrent = Recurrent(cell, inputs, hidden, **options)


def test_weights_and_the_scale_they_were_learned_for_are_copied():
    source, network = Network(), Network()
    source.standardise.fit([np.array([[1.0, 2.0], [5.0, 8.0]])])
    begin_with("runs/a", source, network)
    for name, value in source.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name
    with torch.no_grad():
        network.recurrent.weight_ih_l0.zero_()
    assert source.recurrent.weight_ih_l0.any()  # a copy, not the same tensor


@pytest.mark.parametrize("standardised", [(True, False), (False, True), (False, False)])
def test_a_network_without_a_scale_takes_the_weights_alone(standardised):
    source, network = (Network(standardise=one) for one in standardised)
    begin_with("runs/a", source, network)
    assert torch.equal(network.recurrent.weight_hh_l0, source.recurrent.weight_hh_l0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cell": "gru"}, "this one 1 x 3 units of gru in one direction over 2 inputs"),
        ({"hidden": 4}, "this one 1 x 4 units of lstm"),
        ({"inputs": 5}, "over 5 inputs"),
        ({"num_layers": 2}, "this one 2 x 3 units of lstm"),
        ({"bidirectional": True}, "this one 1 x 3 units of lstm in both directions"),
    ],
)
def test_another_network_is_refused_and_left_alone(options, words):
    source, network = Network(), Network(**options)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(InputError, match=f"^init=runs/a: that run has 1 x 3 units of lstm in one direction .*{words}"):
        begin_with("runs/a", source, network)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())


def test_a_run_without_recurrent_layers():
    with pytest.raises(InputError, match=r"^init=runs/a: that run has no recurrent layers to begin with$"):
        begin_with("runs/a", nn.Linear(1, 1), Network())

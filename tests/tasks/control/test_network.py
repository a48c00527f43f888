"""The network of a policy: its description, values that keep their meaning, first actions that are all likely."""

import numpy as np
import pytest
import torch

from control_rooms import Bit, rows_of
from training.policy.policies import policy


def network_of(**options):
    return policy(rows_of(Bit, 1), **options)[0]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_its_parts_are_those_of_the_description(layers, shared):
    network = network_of(layers=layers, shared=shared)
    network.scale_inputs(np.array([1.0, -2.0]), np.array([2.0, 0.5]))
    network.scale_values(np.array([3.0, 9.0]), 0)
    raw = np.random.default_rng(0).normal(size=(3, 5, 2))
    outputs, values = network.run({"x": torch.from_numpy(raw)}, "policy", "value")
    read = torch.from_numpy(network.standardiser()(raw.swapaxes(0, 1)))
    states = [tuple(torch.zeros(layers, 3, 8) for _ in range(2))] * (1 if shared else 2)
    told = network.through(read, states)
    torch.testing.assert_close(network.outputs(told).transpose(0, 1), outputs)
    torch.testing.assert_close(network.values(told).transpose(0, 1), values[..., 0])
    head = network.head("policy")(told[0].detach().numpy())
    np.testing.assert_allclose(head.swapaxes(0, 1), outputs.detach(), atol=1e-6)


def test_new_scales_of_values_change_no_value():
    network, output = network_of(), [torch.randn(50, 8)] * 2
    before = network.values(output)
    for k, spread in enumerate((1.0, 30.0, 0.01)):
        network.scale_values(5.0 + spread * np.random.default_rng(k).normal(size=100), k)
        torch.testing.assert_close(network.values(output), before, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(network.scaled(before), network.scaled_values(output).double(), atol=1e-3, rtol=1e-3)


def test_the_first_scale_of_values_is_theirs():
    network, values = network_of(), np.random.default_rng(0).normal(7, 3, 1000)
    network.scale_values(values, 0)
    assert float(network.value.mean) == pytest.approx(values.mean())
    assert float(network.value.scale) == pytest.approx(values.std())


def test_at_first_all_actions_are_about_as_likely():
    from keepgate.tasks.control.network import ControlNetwork

    network = ControlNetwork(network_of().description)
    outputs = network.outputs([torch.randn(100, 8).tanh()])
    assert float(outputs.detach().abs().max()) < 0.02


def test_few_inputs_are_heard():
    """Weights of the inputs are as large as inputs are few: uniform within 1 / sqrt(I), not 1 / sqrt(H)."""
    for layer in network_of(hidden=50).layers:
        assert float(layer.weight_ih_l0.detach().abs().max()) == pytest.approx(1 / np.sqrt(2), rel=0.05)
        assert float(layer.weight_hh_l0.detach().abs().max()) == pytest.approx(1 / np.sqrt(50), rel=0.05)

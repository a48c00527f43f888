from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from keepgate import cells
from keepgate.networks import Recurrent
from keepgate.runtime.recurrent import layers, reversed_within, steppers


def prepared(cell="lstm", **options):
    torch.manual_seed(0)
    block = Recurrent(cells.get(cell).equations, 3, 4, **options)
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
    oracle = kind(3, 4, block.num_layers, bidirectional=block.bidirectional, batch_first=not block.time_first).double()
    return block, {name: value.detach().numpy() for name, value in oracle.named_parameters()}, oracle


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"time_first": True}], ids=str)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_outputs_and_final_states_are_torchs(cell, options):
    block, tensors, oracle = prepared(cell, **options)
    x = np.random.default_rng(0).normal(size=(5, 5, 3))
    states = [np.random.default_rng(1 + k).normal(size=(5, len(block.suffixes), 4)) for k in range(len(block.widths))]
    output, *final = layers(block, tensors, x, None, states)
    given = [torch.from_numpy(state.swapaxes(0, 1).copy()) for state in states]
    wanted, last = oracle(torch.from_numpy(x), tuple(given) if len(given) > 1 else given[0])
    np.testing.assert_allclose(output, wanted.detach(), atol=1e-12)
    for found, value in zip(final, last if len(given) > 1 else [last], strict=True):
        np.testing.assert_allclose(found.swapaxes(0, 1), value.detach(), atol=1e-12)


@pytest.mark.parametrize("lengths", [[5, 5], [1, 4], [3, 5]])
def test_rows_of_unequal_lengths_are_torchs_packed_ones(lengths):
    block, tensors, oracle = prepared(bidirectional=True)
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    output, h, c = layers(block, tensors, x, np.array(lengths), ())
    packed = pack_padded_sequence(torch.from_numpy(x), torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    wanted, last = oracle(packed)
    wanted, _ = pad_packed_sequence(wanted, batch_first=True, total_length=5)
    np.testing.assert_allclose(output, wanted.detach(), atol=1e-12)
    for found, value in zip((h, c), last, strict=True):
        np.testing.assert_allclose(found.swapaxes(0, 1), value.detach(), atol=1e-12)


def test_rows_of_length_zero_keep_their_state():
    block, tensors, _ = prepared()
    state = np.random.default_rng(0).normal(size=(2, 1, 4))
    output, h, c = layers(block, tensors, np.ones((2, 3, 3)), np.array([0, 3]), (state, None))
    assert not output[0].any()
    np.testing.assert_array_equal(h[0], state[0])
    assert not c[0].any()


@pytest.mark.parametrize(("batch", "steps"), [(0, 3), (2, 0), (0, 0)])
def test_nothing_to_walk(batch, steps):
    block, tensors, _ = prepared(num_layers=2, bidirectional=True)
    output, h, c = layers(block, tensors, np.zeros((batch, steps, 3)), None, ())
    assert output.shape == (batch, steps, 8)
    assert h.shape == c.shape == (batch, 4, 4)
    assert not h.any()


def test_rows_are_reversed_within_their_lengths():
    x = np.array([[1, 4], [2, 5], [3, 6]])
    assert reversed_within(x, np.array([2, 3])).T.tolist() == [[2, 1, 3], [6, 5, 4]]
    assert reversed_within(x, np.array([0, 1])).T.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_there_is_a_stepper_for_each_layer_and_direction():
    block, tensors, _ = prepared(num_layers=2, bidirectional=True)
    made = steppers(block, tensors, 1, np.dtype(np.float64))
    assert [one.output_size for one in made] == [4, 4, 4, 4]

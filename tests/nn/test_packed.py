from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from keepgate.nn.packed import Packing


@pytest.mark.parametrize("lengths", [[4], [5, 5, 5], [1, 5, 3, 3], [5, 4, 1], [1, 1]])
@pytest.mark.parametrize("is_sorted", [False, True])
def test_padding_and_packing_are_torchs(lengths, is_sorted):
    lengths = sorted(lengths, reverse=True) if is_sorted else lengths
    x = torch.randn(5, len(lengths), 2, generator=torch.Generator().manual_seed(0))
    packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=is_sorted)
    packing = Packing.of(packed)
    wanted, wanted_lengths = pad_packed_sequence(packed)
    assert torch.equal(packing.pad(), wanted)
    assert packing.lengths.tolist() == wanted_lengths.tolist() == lengths
    again = packing.pack(wanted)
    for a, b in zip(again, packed, strict=True):
        assert (a is None) == (b is None)
        assert a is None or torch.equal(a, b)


def test_numbers_of_another_width_are_packed_alike():
    packed = pack_padded_sequence(torch.zeros(3, 2, 1), torch.tensor([1, 3]), enforce_sorted=False)
    packing = Packing.of(packed)
    value = torch.arange(3 * 2 * 4.0).view(3, 2, 4)
    back, _ = pad_packed_sequence(packing.pack(value))
    inside = torch.arange(3)[:, None] < torch.tensor([1, 3])
    assert torch.equal(back, torch.where(inside[..., None], value, 0.0))


def test_gradients_flow_through_both():
    data = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    sizes = torch.tensor([2, 1, 1])

    def there_and_back(values):
        packing = Packing.of(torch.nn.utils.rnn.PackedSequence(values, sizes))
        return packing.pack(packing.pad() ** 2).data

    assert torch.autograd.gradcheck(there_and_back, (data,))
    assert torch.equal(there_and_back(data), data**2)

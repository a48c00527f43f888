from __future__ import annotations

import numpy as np
import torch

from keepgate.meta.examples import FamilyExamples
from keepgate.meta.families import FAMILIES
from keepgate.training.batches import Batches
from keepgate.training.distributed import join


def data(seed=(0, 0), name="quadratic", count=24):
    return FamilyExamples(FAMILIES[name], count, 5, seed)


def test_each_epoch_has_functions_of_its_own_and_a_resumed_one_the_same():
    batches = Batches(data(), 8, None, join(torch.device("cpu")))
    epochs = [[data().batch(rows)[1] for rows in batches.shuffled(7, epoch)] for epoch in (0, 1, 0)]
    assert all(torch.equal(a, b) for a, b in zip(epochs[0], epochs[2], strict=True))
    numbers = torch.cat([torch.cat(epoch).flatten() for epoch in epochs[:2]])
    assert len(numbers.unique()) == len(numbers)


def test_functions_come_row_by_row_as_the_family_draws_them():
    x, y = data().batch(np.array([3, 1]))
    drawn = FAMILIES["quadratic"](5, 2, np.random.default_rng([0, 0, 3, 1]))
    assert np.array_equal(x.numpy(), drawn[0].swapaxes(0, 1))
    assert np.array_equal(y.numpy(), drawn[1].swapaxes(0, 1))


def test_other_data_have_another_fingerprint():
    same = data().fingerprint()
    assert same == data().fingerprint()
    assert len({same, data((1, 0)).fingerprint(), data(name="linear").fingerprint(), data(count=25).fingerprint()}) == 4

"""Devices, random numbers and threads."""

import numpy as np
import pytest
import torch

from keepgate.errors import InputError
from keepgate.tasks.common.running import device_named, limited_threads, seeded


def test_devices_are_torchs_and_compute():
    assert device_named("cpu") == torch.device("cpu")
    assert device_named("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(InputError, match="device 'abacus' cannot be used here"):
        device_named("abacus")
    with pytest.raises(InputError, match="device 'meta' cannot be used: it computes nothing"):
        device_named("meta")


def test_a_seed_is_the_callers_generator_for_the_work_only():
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    with seeded(7):
        inside = torch.rand(2)
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(inside, torch.rand(2, generator=torch.Generator().manual_seed(7)))


@pytest.mark.parametrize(("threads", "inside"), [(1, 1), (np.int64(2), 2), (None, 3)])
def test_threads_are_set_for_the_work_only(threads, inside):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with limited_threads(threads):
            assert torch.get_num_threads() == inside
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)

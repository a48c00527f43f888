"""The rate against torch's schedulers."""

from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from keepgate.training import Settings
from keepgate.training.schedule import plateau_scale, rate


def optimizer(learning_rate: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], learning_rate)


def rates(scheduler: torch.optim.lr_scheduler.LRScheduler, count: int) -> list[float]:
    """The rates of `count` steps of a torch scheduler, from step 0."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no optimizer steps between
        for _ in range(count):
            found.append(scheduler.get_last_lr()[0])
            scheduler.step()
    return found


@pytest.mark.parametrize("updates", [1, 2, 7, 50])
def test_cosine_is_that_of_torch_at_the_middle_of_each_update(updates: int):
    halves = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer(0.3), T_max=2 * updates)
    expected = rates(halves, 2 * updates)[1::2]
    settings = Settings(learning_rate=0.3, schedule="cosine")
    assert [rate(settings, (i + 0.5) / updates) for i in range(updates)] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("schedule", ["constant", "plateau", "cosine"])
@pytest.mark.parametrize(("updates", "rising"), [(10, 4), (30, 3), (8, 8)])
def test_warm_up_is_that_of_torch_and_what_follows_starts_at_the_top(schedule: str, updates: int, rising: int):
    tiny = 1e-12  # torch's factor may not be 0
    up = torch.optim.lr_scheduler.LinearLR(optimizer(0.3), start_factor=tiny, total_iters=2 * rising)
    settings = Settings(learning_rate=0.3, schedule=schedule, warmup=rising / updates)
    got = [rate(settings, (i + 0.5) / updates) for i in range(updates)]
    assert got[:rising] == pytest.approx(rates(up, 2 * rising)[1::2], rel=1e-9)
    rest = updates - rising
    if schedule == "cosine" and rest:
        down = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer(0.3), T_max=2 * rest)
        assert got[rising:] == pytest.approx(rates(down, 2 * rest)[1::2], rel=1e-9)
    else:
        assert got[rising:] == [0.3] * rest


@given(
    st.lists(st.integers(0, 6).map(float), max_size=40),
    st.integers(1, 5),
    st.sampled_from([0.1, 0.5, 0.9]),
)
def test_plateau_is_that_of_torch(losses: list[float], epochs: int, factor: float):
    settings = Settings(schedule="plateau", plateau_epochs=epochs, plateau_factor=factor)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer(1.0), factor=factor, patience=epochs - 1, threshold=0.0, eps=0.0
    )
    for loss in losses:
        reference.step(loss)
    assert plateau_scale(settings, losses) == pytest.approx(reference.get_last_lr()[0], rel=1e-12)


def test_only_plateau_listens_to_the_losses():
    assert plateau_scale(Settings(schedule="cosine", plateau_epochs=1), [1.0, 2.0, 3.0]) == 1.0

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from keepgate.errors import InputError
from keepgate.training.history import History
from keepgate.training.state import Position, TrainingState, pack, pack_own, unpack


def state(optimizer="Adam", seed=0, width=3):
    torch.manual_seed(seed)
    model = nn.Linear(2, width)
    kind = {"Adam": torch.optim.Adam, "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)}[optimizer]
    return TrainingState(model, kind(model.parameters()), torch.device("cpu"))


def step(one):
    one.optimizer.zero_grad()
    one.model(torch.randn(5, 2)).square().mean().backward()
    one.optimizer.step()
    one.position.add(2.0, 4.0, 0.5, 1.0)


def packed(one):
    config, arrays = pack(one, [pack_own(one)])
    return json.loads(json.dumps(config)), {name: array.copy() for name, array in arrays.items()}


@pytest.mark.parametrize("optimizer", ["Adam", "SGD"])
def test_what_goes_on_is_what_would_have_gone_on(optimizer):
    """Two more steps, with their random numbers, end at the same bits."""
    one = state(optimizer)
    for _ in range(3):
        step(one)
    one.carried = (torch.randn(2, 3), [None, torch.zeros(1)])
    one.best = {name: value.clone() for name, value in one.model.state_dict().items()}
    config, arrays = packed(one)
    other = state(optimizer, seed=7)
    unpack(other, config, arrays, rank=0)
    assert other.position == one.position
    assert all(torch.equal(other.best[name], value) for name, value in one.best.items())
    assert torch.equal(other.carried[0], one.carried[0])
    random = torch.get_rng_state()
    for again in (one, other):
        torch.set_rng_state(random)
        step(again)
        step(again)
    for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_row_of_an_epoch_by_hand():
    position = Position(epoch=2, update=10)
    position.add(total=3.0, weight=2.0, norm=4.0, seconds=0.5)
    position.add(total=1.0, weight=2.0, norm=2.0, seconds=0.25)
    row = position.row(valid_loss=0.125)
    assert (row["epoch"], row["updates"]) == (3, 12)
    assert (row["train_loss"], row["valid_loss"]) == (1.0, 0.125)
    assert (row["gradient_norm"], row["seconds"]) == (3.0, 0.75)


def rows(count):
    position = Position()
    position.add(1.0, 1.0, 1.0, 1.0)
    return [{**position.row(None), "epoch": k + 1} for k in range(count)]


def test_a_finished_training_is_its_weights_and_its_rows():
    one = state()
    step(one)
    one.history = History(rows(1), True)
    config, arrays = packed(one)
    assert sorted(arrays) == ["model.bias", "model.weight"]
    other = state(seed=7)
    unpack(other, config, arrays, 0)
    assert torch.equal(other.model.weight, one.model.weight)
    assert other.history.finished


def damaged(change):
    one = state()
    step(one)
    config, arrays = packed(one)
    change(config, arrays)
    return config, arrays


def put(name, value):
    return lambda config, arrays: arrays.__setitem__(name, value)


def drop(name):
    return lambda config, arrays: arrays.pop(name)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("model.weight", np.zeros((2, 2), np.float32)), "weight"),
        (put("model.weight", np.full((3, 2), np.nan, np.float32)), "weight"),
        (drop("model.bias"), "bias"),
        (drop("optimizer.0.exp_avg"), r"0\.exp_avg"),
        (put("optimizer.0.exp_avg_sq", np.full((3, 2), -1, np.float32)), r"'0\.exp_avg_sq' has numbers below 0$"),
        (put("best.weight", np.zeros((3, 2), np.float32)), "bias"),
        (drop("process0.random"), r"^the tensor 'random' is missing$"),
        (lambda config, arrays: config["position"].update(updates=0, batch=0), "within an epoch, but after no update$"),
        (put("process0.carried.1", np.zeros(1)), r"^what process 0 carries on is not whole$"),
        (lambda config, arrays: config["position"].update(epoch=4), r"^position\.epoch=4 does not follow 0 rows$"),
        (lambda config, arrays: config["position"].update(updates=0), "within an epoch, but after no update$"),
        (lambda config, arrays: config["position"].pop("norm"), "norm"),
        (lambda config, arrays: config["position"].update(loss="1"), "loss"),
        (lambda config, arrays: config.pop("finished"), "finished"),
        (lambda config, arrays: config.update(finished=True), "position"),
        (lambda config, arrays: config.update(carried=[]), "carried"),
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(change, words):
    config, arrays = damaged(change)
    other = state(seed=7)
    before = {name: value.clone() for name, value in other.model.state_dict().items()}
    with pytest.raises(InputError, match=words):
        unpack(other, config, arrays, 0)
    assert all(torch.equal(other.model.state_dict()[name], value) for name, value in before.items())
    assert other.position == Position()
    assert not other.optimizer.state_dict()["state"]


def test_another_process_than_those_that_saved():
    config, arrays = damaged(lambda *given: None)
    with pytest.raises(InputError, match=r"^what process 1 carries on is not whole$"):
        unpack(state(), config, {**arrays, "process1.random": arrays["process0.random"]}, rank=1)

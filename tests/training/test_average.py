"""The average of the weights: by its formula, in the place of the last weights, and resumed to the same bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate.training import Settings, train
from keepgate.training.average import add, averaged

OPTIONS = {"epochs": 3, "batch_size": 4, "learning_rate": 0.02}


def test_it_is_a_fading_mean():
    model, average, mean = torch.nn.Linear(2, 1).double(), {}, None
    for update in range(1, 40):
        with torch.no_grad():
            model.weight.add_(1.0)
        add(average, model, 0.7, update)
        share = 1 - min(0.7, (1 + update) / (10 + update))
        now = model.weight.detach().clone()
        mean = now if mean is None else mean + share * (now - mean)
    torch.testing.assert_close(average["weight"], mean)
    assert average["weight"] is not model.weight


def test_inside_the_model_has_the_average():
    model = torch.nn.Linear(1, 1)
    own = model.weight.item()
    with averaged(model, {"weight": torch.tensor([[7.0]]), "bias": torch.tensor([8.0])}):
        assert (model.weight.item(), model.bias.item()) == (7.0, 8.0)
    assert model.weight.item() == own
    with averaged(model, {}):
        assert model.weight.item() == own


def test_counters_are_taken_as_they_are():
    norm, average = torch.nn.BatchNorm1d(1), {}
    for update in (1, 2, 3):
        norm(torch.randn(5, 1))
        add(average, norm, 0.9, update)
    assert average["num_batches_tracked"].item() == 3


def test_a_training_leaves_the_average(problem):
    """The weights after each update, averaged by hand."""
    settings, average, count = Settings(**OPTIONS), {}, []

    def watched(model, batch):
        if count:
            add(average, model, 0.9, len(count))
        count.append(1)
        return problem.squares(model, batch)

    plain = problem.network()
    train(plain, watched, problem.Sums(10, seed=1), settings=settings)
    add(average, plain, 0.9, len(count))
    model = problem.network()
    train(model, problem.squares, problem.Sums(10, seed=1), settings=Settings(**OPTIONS, average=0.9))
    assert all(model.state_dict()[name].equal(value) for name, value in average.items())
    assert any(not model.state_dict()[name].equal(value) for name, value in plain.state_dict().items())


def test_it_is_what_the_held_out_part_judges(problem):
    data, valid, settings = problem.Sums(10, seed=1), problem.Sums(6, seed=2), Settings(**OPTIONS, average=0.9)
    history = train(model := problem.network(), problem.squares, data, valid, settings)
    with torch.no_grad():
        batch = valid.batch(np.arange(6))
        assert history.best_loss == pytest.approx(float(problem.squares(model, batch)), rel=1e-9)


def test_it_goes_on_to_the_same_bits(problem, tmp_path):
    data, valid, settings = problem.Sums(10, seed=1), problem.Sums(6, seed=2), Settings(**OPTIONS, average=0.9)
    train(whole := problem.network(), problem.squares, data, valid, settings, tmp_path / "whole")
    calls = []

    def stop(model, batch):
        calls.append(1)
        if len(calls) > 8:
            raise KeyboardInterrupt
        return problem.squares(model, batch)

    with pytest.raises(KeyboardInterrupt):
        train(problem.network(), stop, data, valid, settings, tmp_path / "cut")
    train(resumed := problem.network(), problem.squares, data, valid, settings, tmp_path / "cut")
    assert all(resumed.state_dict()[name].equal(value) for name, value in whole.state_dict().items())

"""The loop against loops written out by hand."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from keepgate.errors import InputError
from keepgate.training import Examples, Settings, Streams, train
from keepgate.training.batches import order

OPTIONS = {"epochs": 2, "batch_size": 4, "learning_rate": 0.02, "clip_norm": 0.3}


def lengths(data: Examples) -> np.ndarray:
    return np.array([data.length(i) for i in range(len(data))])


def by_hand(problem, data, settings: Settings, pieces) -> tuple[np.ndarray, list[float]]:
    """Weights after training on `pieces(model, indices)`, which yields losses whose graphs end where they should.

    Beside them each epoch's mean norm of the gradient.
    """
    model = problem.network()
    optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate)
    means = []
    for epoch in range(settings.epochs):
        norms = []
        for indices in order(lengths(data), settings.batch_size, settings.seed, epoch):
            for loss in pieces(model, indices):
                optimizer.zero_grad()
                loss.backward()
                norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)))
                optimizer.step()
        means.append(np.mean(norms))
    return problem.weights(model), means


def test_full_back_propagation(problem):
    data, settings = problem.Sums(10, seed=1), Settings(**OPTIONS)

    def pieces(model, indices):
        """Row by row, without padding."""
        total, steps = 0.0, 0
        for x in (data.x[i] for i in indices):
            predicted, _ = model(x[:, None])
            total = total + ((predicted[:, 0] - x.sum(1).cumsum(0)) ** 2).sum()
            steps += len(x)
        yield total / steps

    model, (weights, norms) = problem.network(), by_hand(problem, data, settings, pieces)
    history = train(model, problem.squares, data, settings=settings)
    np.testing.assert_allclose(problem.weights(model), weights, atol=1e-11)
    assert [row["gradient_norm"] for row in history.rows] == pytest.approx(norms, rel=1e-9)


@pytest.mark.parametrize("window", [1, 3, 4, 100])
def test_truncated_back_propagation_carries_the_state_and_cuts_the_gradient(problem, window: int):
    data, settings = problem.Sums(10, seed=1), Settings(**OPTIONS, window=window)

    def pieces(model, indices):
        """Row by row; a row that has ended is no longer in the batch."""
        rows = [data.x[i] for i in indices]
        carried = [None] * len(rows)
        for start in range(0, max(map(len, rows)), window):
            total, steps = 0.0, 0
            for row, x in enumerate(rows):
                if (part := x[start : start + window]).numel():
                    predicted, (h, c) = model(part[:, None], carried[row])
                    target = x.sum(1).cumsum(0)[start : start + window]
                    total = total + ((predicted[:, 0] - target) ** 2).sum()
                    steps += len(part)
                    carried[row] = (h.detach(), c.detach())
            yield total / steps

    model, (weights, norms) = problem.network(), by_hand(problem, data, settings, pieces)
    history = train(model, problem.squares, data, settings=settings)
    np.testing.assert_allclose(problem.weights(model), weights, atol=1e-11)
    assert [row["gradient_norm"] for row in history.rows] == pytest.approx(norms, rel=1e-9)
    windows = [-(-lengths(data)[i].max() // window) for e in range(2) for i in order(lengths(data), 4, 0, e)]
    assert history.rows[-1]["updates"] == sum(windows)


def test_streams_carry_the_state_through_the_whole_epoch(problem):
    """The state at a window's start is that of the whole stream before it."""
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 2)))
    model, seen = problem.network(), []

    def loss(model, batch, state):
        predicted, after = model(batch[0], state)
        seen.append((batch[0].clone(), after))
        return predicted.mean() * 0 + sum(p.sum() * 0 for p in model.parameters()), after

    train(model, loss, Streams(x, count=4), settings=Settings(epochs=1, batch_size=4, window=3))
    assert len(seen) == 4
    whole = torch.cat([x for x, _ in seen])
    with torch.no_grad():
        torch.testing.assert_close(model(whole)[1], seen[-1][1])


@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_losses_are_means_over_all_steps_however_they_are_cut(problem, window, batch_size: int):
    data, valid, model = problem.Sums(10, seed=1), problem.Sums(7, seed=2), problem.network()

    def mean(part) -> float:
        with torch.no_grad():
            errors = [(model(x[:, None])[0][:, 0] - x.sum(1).cumsum(0)) ** 2 for x in part.x]
        return float(torch.cat(errors).mean())

    still = Settings(epochs=1, batch_size=batch_size, window=window, optimizer="sgd", learning_rate=1e-300, warmup=1.0)
    (row,) = train(model, problem.squares, data, valid, still).rows
    assert row["train_loss"] == pytest.approx(mean(data), rel=1e-12)
    assert row["valid_loss"] == pytest.approx(mean(valid), rel=1e-12)


class Line(Examples):
    """One example without content."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.zeros(())


class Slope(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros((), dtype=torch.float64))


def slope_loss(model, batch):
    """Training pushes w up by the rate; held out, 0.33 is best."""
    return -model.w if model.training else (model.w - 0.33) ** 2


def settings(**options) -> Settings:
    return Settings(
        **{**{"epochs": 50, "optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.0, "clip_norm": None}, **options}
    )


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_training_stops_after_patience_and_the_best_weights_come_back(patience: int):
    history = train(model := Slope(), slope_loss, Line(), Line(), settings(patience=patience))
    assert history.best_epoch == 3
    assert len(history.rows) == 3 + patience
    assert history.best_loss == pytest.approx(0.03**2)
    assert float(model.w.detach()) == pytest.approx(0.3)
    assert not model.training
    assert history.valid_losses == pytest.approx([(0.1 * n - 0.33) ** 2 for n in range(1, 4 + patience)])


def test_without_patience_all_epochs_are_trained_and_the_best_weights_come_back():
    history = train(model := Slope(), slope_loss, Line(), Line(), settings(epochs=8))
    assert len(history.rows) == 8
    assert float(model.w.detach()) == pytest.approx(0.3)


def test_without_a_held_out_part_the_last_weights_stay():
    history = train(model := Slope(), slope_loss, Line(), settings=settings(epochs=8))
    assert (history.best_epoch, history.valid_losses) == (8, [])
    assert history.best_loss == history.rows[-1]["train_loss"] == pytest.approx(-0.7)
    assert float(model.w.detach()) == pytest.approx(0.8)


def test_plateau_lowers_the_rate_of_the_next_epoch():
    history = train(Slope(), slope_loss, Line(), Line(), settings(epochs=7, schedule="plateau", plateau_epochs=2))
    assert [row["learning_rate"] for row in history.rows] == pytest.approx([0.1] * 5 + [0.05] * 2)


def test_the_caller_s_random_numbers_are_left_and_the_seed_decides(problem):
    data = problem.Sums(10, seed=1)

    def trained(seed: int) -> bytes:
        model = problem.network(dropout=0.5)
        train(model, problem.squares, data, settings=Settings(**OPTIONS, seed=seed))
        return problem.weights(model).tobytes()

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = trained(0)
    assert torch.equal(torch.rand(3), expected)
    assert trained(0) == first != trained(1)


def test_the_seed_decides_what_the_loss_draws(problem):
    def draws(seed: int) -> list[float]:
        found = []

        def loss(model, batch):
            found.append(float(torch.rand(())))
            return problem.squares(model, batch)

        train(problem.network(), loss, problem.Sums(3, seed=1), settings=Settings(epochs=1, seed=seed))
        return found

    assert draws(0) == draws(0) != draws(1)


def test_frozen_parameters_stay(problem):
    model = problem.network()
    model.recurrent.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    train(model, problem.squares, problem.Sums(10, seed=1), settings=Settings(**OPTIONS, weight_decay=0.1))
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"output.weight", "output.bias"}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_one_error_and_spoils_nothing(problem, bad: float, tmp_path: Path):
    data, model, run = problem.Sums(10, seed=1), problem.network(), tmp_path / "run"
    data.x[3][1] = bad
    said = r"^epoch 1, update \d: the loss \((nan|inf)\) or its gradient \(nan\) is not finite; look for such values"
    with pytest.raises(InputError, match=said):
        train(model, problem.squares, data, settings=Settings(**OPTIONS), run=run)
    assert np.isfinite(problem.weights(model)).all()
    assert not run.exists()


def test_a_gradient_that_is_not_finite_though_the_loss_is(problem):
    def loss(model, batch):
        return torch.sqrt(problem.squares(model, batch) * 0)  # the slope of the root at 0

    with pytest.raises(InputError, match=r"epoch 1, update 1: the loss \(0\) or its gradient \((nan|inf)\) is not"):
        train(problem.network(), loss, problem.Sums(10, seed=1), settings=Settings(**OPTIONS))


def test_a_held_out_loss_that_is_not_finite_is_an_error(problem):
    valid = problem.Sums(3, seed=2)
    valid.x[0][0] = float("nan")
    with pytest.raises(InputError, match="the held-out loss after epoch 1 is nan"):
        train(problem.network(), problem.squares, problem.Sums(10, seed=1), valid, Settings(**OPTIONS))


def test_what_cannot_be_trained_is_refused(problem):
    some, none, model = problem.Sums(3, seed=1), problem.Sums(0, seed=1), problem.network()
    with pytest.raises(InputError, match="the training part has no examples"):
        train(model, problem.squares, none)
    with pytest.raises(InputError, match="the held-out part has no examples"):
        train(model, problem.squares, some, none)
    with pytest.raises(InputError, match="patience=3 needs a held-out part"):
        train(model, problem.squares, some, settings=Settings(patience=3))
    with pytest.raises(InputError, match='schedule="plateau" needs a held-out part'):
        train(model, problem.squares, some, settings=Settings(schedule="plateau"))
    some.weight = lambda batch, count: 0.0
    with pytest.raises(InputError, match=r"examples of Sums weigh 0\.0 together"):
        train(model, problem.squares, some)
    with pytest.raises(InputError, match=r"examples of Sums weigh 0\.0 together"):
        train(model, problem.squares, problem.Sums(3, seed=1), some)


def test_minutes_end_a_training_and_bend_its_rate(problem, monkeypatch):
    """By a clock that goes on by a second whenever it is read: an update takes one, and so does an evaluation."""
    clock = iter(range(10_000))
    monkeypatch.setattr("keepgate.training.loop.time.perf_counter", lambda: float(next(clock)))
    data, settings = problem.Sums(12, seed=1), Settings(**{**OPTIONS, "epochs": 1000}, schedule="cosine", minutes=0.2)
    history = train(problem.network(), problem.squares, data, settings=settings)
    assert history.finished
    assert [row["updates"] for row in history.rows] == [3, 6, 9]  # 12 seconds: 9 updates, and 3 ends of epochs
    rates = [row["learning_rate"] for row in history.rows]
    parts = [2 / 12, 6 / 12, 10 / 12]  # of the time before the last update of each
    expected = [0.5 * settings.learning_rate * (1 + np.cos(np.pi * part)) for part in parts]
    assert rates == pytest.approx(expected, rel=0.02)


def test_an_epoch_may_be_cut_by_minutes(problem, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr("keepgate.training.loop.time.perf_counter", lambda: float(next(clock)))
    settings = Settings(**{**OPTIONS, "epochs": 5}, minutes=2 / 60)
    history = train(problem.network(), problem.squares, problem.Sums(40, seed=1), settings=settings)
    assert [row["updates"] for row in history.rows] == [2]

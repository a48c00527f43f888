"""What looks on while a model trains: each epoch once, in order, also across an interruption."""

from __future__ import annotations

import csv
import logging

import pytest

from keepgate.training import CSVLog, Settings, TensorBoard, train


def test_each_epoch_is_given_once_and_an_error_ends_the_training_which_resumes(problem, tmp_path):
    rows = []

    def stop(row, model):
        rows.append(row["epoch"])
        if row["epoch"] == 2 and rows.count(2) == 1:
            raise KeyboardInterrupt

    def again():
        data, valid = problem.Sums(8, 1), problem.Sums(4, 2)
        settings = Settings(epochs=4, batch_size=4)
        return train(problem.network(), problem.squares, data, valid, settings, tmp_path / "run", callbacks=[stop])

    with pytest.raises(KeyboardInterrupt):
        again()
    history = again()
    assert rows == [1, 2, 3, 4]
    assert [row["epoch"] for row in history.rows] == [1, 2, 3, 4]


def test_the_model_is_that_of_the_epoch(problem):
    seen = []
    network = problem.network()
    train(
        network,
        problem.squares,
        problem.Sums(8, 1),
        settings=Settings(epochs=2),
        callbacks=[lambda row, model: seen.append((row["train_loss"], model))],
    )
    assert [model for _, model in seen] == [network, network]
    assert all(loss > 0 for loss, _ in seen)


def test_rows_as_csv(problem, tmp_path):
    log = CSVLog(tmp_path / "log.csv")
    for seed in (1, 2):
        history = train(
            problem.network(), problem.squares, problem.Sums(8, seed), settings=Settings(epochs=2), callbacks=[log]
        )
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "1", "2"]
    assert float(rows[-1]["train_loss"]) == history.rows[-1]["train_loss"]
    assert rows[0]["valid_loss"] == ""


def test_what_tensorboard_reads(problem, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    history = train(
        problem.network(),
        problem.squares,
        problem.Sums(8, 1),
        problem.Sums(4, 2),
        Settings(epochs=3),
        callbacks=[TensorBoard(tmp_path, histograms=True)],
    )
    read = events.EventAccumulator(str(tmp_path)).Reload()
    scalars = read.Scalars("valid_loss")
    assert [event.step for event in scalars] == [1, 2, 3]
    assert [event.value for event in scalars] == pytest.approx(history.valid_losses)
    assert read.Tags()["histograms"]


def test_the_logger_gets_each_epoch(problem, caplog):
    with caplog.at_level(logging.INFO, logger="keepgate"):
        train(problem.network(), problem.squares, problem.Sums(8, 1), settings=Settings(epochs=2))
    lines = [record.getMessage() for record in caplog.records if record.name == "keepgate.training"]
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2 of 2: {'epoch': 2, ")

"""One training at a time in a folder: the second is told who is there; the dead and readers are in nobody's way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from keepgate.errors import InputError
from keepgate.store import read_model
from keepgate.training import Examples, Settings, train
from keepgate.training.distributed import Processes
from keepgate.training.lock import NAME, alone


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_second_training_is_refused_and_names_the_first(tmp_path: Path):
    run = tmp_path / "run"
    with alone(run, Processes()):
        with pytest.raises(InputError, match=rf"^{run} is in use: process {os.getpid()} trains into it; wait"):
            learn(run)
        (run / "kept").write_bytes(b"")
    assert names(run) == ["kept"]
    learn(run)
    assert NAME not in names(run)


class Points(Examples):
    def __len__(self):
        return 4

    def batch(self, indices):
        return torch.ones(len(indices), 3)


def square(model, batch):
    return model(batch).square().mean()


def learn(run: Path, loss=square, epochs: int = 1):
    torch.manual_seed(0)
    settings = Settings(epochs=epochs, batch_size=4, patience=None)
    return train(nn.Linear(3, 3), loss, Points(), settings=settings, run=run, progress=False)


def test_while_one_trains_readers_read_and_trainings_are_refused(tmp_path: Path):
    run, rows = tmp_path / "run", []

    def loss(model, batch):
        if (run / "checkpoint").exists():
            rows.append(len(read_model(run / "checkpoint", kind="checkpoint")[0]["rows"]))
        with pytest.raises(InputError, match="is in use"):
            learn(run)
        return square(model, batch)

    learn(run, loss, epochs=3)
    assert rows == [1, 2]


def test_a_training_that_writes_nothing_leaves_no_folder(tmp_path: Path):
    with pytest.raises(InputError, match="not finite"):
        learn(tmp_path / "run", lambda model, batch: square(model, batch) * float("nan"))
    assert names(tmp_path) == []

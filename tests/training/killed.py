"""Trains in child processes that are killed (SIGKILL) at random moments, and compares with an undisturbed run.

`python killed.py FOLDER` prints what it found as one line of JSON. The children are forked from a process that has
torch loaded, so that most moments of a child's short life fall into training and checkpoints, not into imports.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from keepgate.store import has_model, read_model
from keepgate.training import Settings, Streams, train

SETTINGS = Settings(
    epochs=5, batch_size=4, window=10, learning_rate=0.01, schedule="cosine", patience=4, checkpoint_seconds=0.0
)
KILLS = 10


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(1, 24, num_layers=2, dropout=0.2)
        self.output = nn.Linear(24, 1)

    def forward(self, x, state):
        hidden, state = self.recurrent(x, state)
        return self.output(hidden), state


def loss(model, batch, state):
    x, y = batch
    predicted, state = model(x, state)
    return nn.functional.mse_loss(predicted, y), state


def work(run: Path) -> None:
    """One training, from whatever is in the folder to the end."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    series = torch.from_numpy(np.sin(np.arange(2001) * 0.37).astype(np.float32))[:, None]
    data = Streams(series[:1600], series[1:1601], count=8)
    valid = Streams(series[1600:2000], series[1601:2001], count=4)
    train(Network(), loss, data, valid, SETTINGS, run=run)


def check_readable(run: Path) -> bool:
    """Read every file of a run, which raises if one is damaged; whether the run is finished."""
    metrics = run / "metrics.jsonl"
    rows = [json.loads(line) for line in metrics.read_text().splitlines()] if metrics.exists() else []
    assert [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))
    if not has_model(run / "checkpoint"):
        return False
    config, _ = read_model(run / "checkpoint", kind="checkpoint")
    assert len(config["rows"]) - len(rows) in (0, 1)  # the row is in the checkpoint first
    return config["finished"]


def start(run: Path) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work(run)
    finally:
        os._exit(0)


def stable(rows: list[dict]) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def main(folder: Path) -> None:
    began = time.monotonic()
    os.waitpid(start(folder / "whole"), 0)
    seconds = time.monotonic() - began
    run, unfinished, moments = folder / "killed", 0, random.Random()
    for _ in range(KILLS):
        child = start(run)
        time.sleep(moments.uniform(0.05, 0.15) * seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        unfinished += not check_readable(run)
    os.waitpid(start(run), 0)
    whole, killed = (read_model(folder / name / "checkpoint", kind="checkpoint") for name in ("whole", "killed"))
    told = {
        "kills": KILLS,
        "killed while unfinished": unfinished,
        "same weights": all(whole[1][name].tobytes() == killed[1][name].tobytes() for name in whole[1] | killed[1]),
        "same history": stable(whole[0]["rows"]) == stable(killed[0]["rows"]),
        "seconds of the whole run": seconds,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

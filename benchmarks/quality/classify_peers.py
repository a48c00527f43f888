"""What keepgate's classes stand beside: ROCKET of aeon, and a plain LSTM in torch.

A peer gets both parts of a set and returns a label for each sequence of the test part. aeon asks for older packages
than keepgate is tested with, so it has an environment of its own in `.venv/peers`, which is made on first use.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benchmarks.quality.classify_sets import Set

AEON = "aeon==1.6.0"
ENVIRONMENT = Path(__file__).parents[2] / ".venv" / "peers"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
ROCKET = Path(__file__).with_name("classify_rocket.py")


def peers_python() -> Path:
    """Return the interpreter that has aeon, made if need be."""
    done = ENVIRONMENT / AEON
    if not done.exists():
        print(f"installing {AEON} into {ENVIRONMENT}", file=sys.stderr)
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", AEON], check=True)
        done.touch()
    return PYTHON


def aeon_data() -> Path:
    """Return the folder of sets that aeon's wheel has."""
    find = "import importlib.util as u; print(u.find_spec('aeon').submodule_search_locations[0])"
    found = subprocess.run([peers_python(), "-c", find], check=True, capture_output=True, text=True)
    return Path(found.stdout.strip()) / "datasets" / "data"


def rocket(data: Set) -> np.ndarray:
    """Return the labels that ROCKET gives; it wants equal lengths, so that shorter series keep their last value."""
    (X, y), (U, _) = data.train, data.test
    steps = max(map(len, X + U))
    with tempfile.TemporaryDirectory() as folder:
        given, answers = Path(folder) / "data.npz", Path(folder) / "answers.npy"
        np.savez(given, train=held(X, steps), labels=y, test=held(U, steps))
        subprocess.run([peers_python(), ROCKET, given, answers], check=True)
        return np.load(answers)


def held(sequences: list[np.ndarray], steps: int) -> np.ndarray:
    """Return sequences [T_i, C] as one array [N, C, steps], each filled up with its last values."""
    return np.stack([np.pad(x, ((0, steps - len(x)), (0, 0)), mode="edge").T for x in sequences])


def torch_lstm(data: Set) -> np.ndarray:
    """Return the labels of what one writes down first: an LSTM over standardised sequences, its last output decides."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    (X, y), (U, _) = data.train, data.test
    classes, codes = np.unique(y, return_inverse=True)
    frames = np.concatenate(X)
    mean, deviation = frames.mean(axis=0), frames.std(axis=0) + 1e-8

    def packed(sequences: list[np.ndarray]) -> nn.utils.rnn.PackedSequence:
        rows = [torch.from_numpy((x - mean) / deviation).float() for x in sequences]
        return nn.utils.rnn.pack_sequence(rows, enforce_sorted=False)

    lstm, head = nn.LSTM(X[0].shape[1], 64), nn.Linear(64, len(classes))
    optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()], 1e-3)
    targets = torch.from_numpy(codes)
    for _ in range(1000):
        batch = torch.randint(len(X), (32,))
        loss = nn.functional.cross_entropy(head(lstm(packed([X[i] for i in batch]))[1][0][-1]), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        parts = [head(lstm(packed(U[i : i + 100]))[1][0][-1]) for i in range(0, len(U), 100)]
    return classes[torch.cat(parts).argmax(dim=1).numpy()]


PEERS: dict[str, Callable[[Set], np.ndarray]] = {"ROCKET": rocket, "torch LSTM": torch_lstm}

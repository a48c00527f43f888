"""Data that can be learned in a moment, and sizes of networks that learn them."""

from __future__ import annotations

SMALL = {"hidden_size": 12, "window": 8, "batch_size": 4, "epochs": 2, "embedding_size": None}


TEXT = "the cat sat on the mat, the dog sat on the log; " * 12

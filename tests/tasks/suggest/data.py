"""Data that can be learned in a moment, and sizes of networks that learn them."""

from __future__ import annotations

TEXT = "The cat sat on the mat, the cow sat on the log; well-known cats don't sit.  The end.\n" * 12


SMALL = {"hidden_size": 12, "embedding_size": 6, "epochs": 2, "window": 8, "batch_size": 4}

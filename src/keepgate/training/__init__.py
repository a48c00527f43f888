"""Training: one loop for full and truncated back-propagation through time, on one process or many.

    from keepgate.training import Examples, Settings, train

    class Words(Examples):                                   # see Examples for what may be added
        def __len__(self): return len(words)
        def length(self, i): return len(words[i])            # batches group examples of like length
        def batch(self, indices):                            # [T, B] characters, [B] lengths, [B] classes
            rows = [words[i] for i in indices]
            return pad_sequence(rows), torch.tensor([len(row) for row in rows]), classes[indices]

    def loss(model, batch):
        characters, lengths, classes = batch
        return cross_entropy(model(characters, lengths), classes)

    history = train(model, loss, Words(), valid, Settings(epochs=30, patience=5), run="runs/words")

`model` then has its best weights. With `Settings(window=64)` the loss is `loss(model, window, state) ->
(loss, state)` and the state is carried from window to window. With `run` the folder gets `metrics.jsonl`
and a checkpoint, and the same call goes on where a killed one stopped, to the same bits. `callbacks=[TensorBoard(
"board")]` or `CSVLog`, or any function of an epoch's row and the model, looks on; the logger `keepgate.training` gets
each row too. Under `torchrun`
the same script trains by DistributedDataParallel: each process takes its part of every batch. Names load on first use:
the settings need no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from keepgate.errors import MissingExtraError

if TYPE_CHECKING:
    from keepgate.training.callbacks import CSVLog, TensorBoard
    from keepgate.training.distributed import is_first
    from keepgate.training.examples import Examples, Streams
    from keepgate.training.history import History
    from keepgate.training.loop import train
    from keepgate.training.parts import Part, held_out_indices
    from keepgate.training.score import Score
    from keepgate.training.settings import Settings

_HOMES = {
    "CSVLog": "callbacks",
    "Examples": "examples",
    "History": "history",
    "Part": "parts",
    "Score": "score",
    "Settings": "settings",
    "Streams": "examples",
    "TensorBoard": "callbacks",
    "held_out_indices": "parts",
    "is_first": "distributed",
    "train": "loop",
}

__all__ = [
    "CSVLog",
    "Examples",
    "History",
    "Part",
    "Score",
    "Settings",
    "Streams",
    "TensorBoard",
    "held_out_indices",
    "is_first",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'keepgate.training' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"keepgate.training.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(f"keepgate.training.{name}", error) from None


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

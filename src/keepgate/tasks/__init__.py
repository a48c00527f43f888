"""Estimators, one task a file; each is fitted from Python or by `keepgate fit <task>`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from keepgate.errors import InputError, quoted

if TYPE_CHECKING:
    from keepgate.tasks.base import Estimator

TASKS = {
    "classify": ("keepgate.tasks.classify", "SequenceClassifier"),
    "embed": ("keepgate.tasks.autoencode", "SequenceAutoencoder"),
    "forecast": ("keepgate.tasks.forecast", "Forecaster"),
    "segment": ("keepgate.tasks.segment", "Segmenter"),
    "suggest": ("keepgate.tasks.suggest", "Suggester"),
    "tag": ("keepgate.tasks.tag", "Tagger"),
    "transcribe": ("keepgate.tasks.transcribe", "Transcriber"),
    "translate": ("keepgate.tasks.translate", "Translator"),
    "write": ("keepgate.tasks.write", "LanguageModel"),
}


def estimator_class(task: str) -> type[Estimator]:
    """The estimator of a task; InputError if there is no such task."""
    if task not in TASKS:
        raise InputError(f"unknown task {quoted(task)}; there are {', '.join(TASKS)}")
    module, name = TASKS[task]
    return getattr(importlib.import_module(module), name)


def load(folder: str | Path, device: str = "auto") -> Estimator:
    """Read the fitted estimator of any task from a folder that `save` wrote; see `Estimator.load`."""
    from keepgate.tasks.stored import Stored

    stored = Stored.read(folder)
    return stored.restore(estimator_class(stored.task), device)

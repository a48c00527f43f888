"""The table of tasks: the estimator of each, and models of any task from their folders."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from keepgate.errors import InputError, quoted

if TYPE_CHECKING:
    from keepgate.tasks.common.estimator import Estimator

TASKS = {
    "classify": ("keepgate.tasks.classify.estimator", "SequenceClassifier"),
    "embed": ("keepgate.tasks.embed.estimator", "SequenceAutoencoder"),
    "forecast": ("keepgate.tasks.forecast.estimator", "Forecaster"),
    "segment": ("keepgate.tasks.segment.estimator", "Segmenter"),
    "suggest": ("keepgate.tasks.suggest.estimator", "Suggester"),
    "tag": ("keepgate.tasks.tag.estimator", "Tagger"),
    "transcribe": ("keepgate.tasks.transcribe.estimator", "Transcriber"),
    "translate": ("keepgate.tasks.translate.estimator", "Translator"),
    "write": ("keepgate.tasks.write.estimator", "LanguageModel"),
}


def estimator_class(task: str) -> type[Estimator]:
    """The estimator of a task; InputError if there is no such task."""
    if task not in TASKS:
        raise InputError(f"unknown task {quoted(task)}; there are {', '.join(TASKS)}")
    module, name = TASKS[task]
    return getattr(importlib.import_module(module), name)


def load(folder: str | Path, device: str = "auto") -> Estimator:
    """Read the fitted estimator of any task from a folder that `save` wrote; see `Estimator.load`."""
    from keepgate.tasks.common.stored import Stored

    stored = Stored.read(folder)
    return stored.restore(estimator_class(stored.task), device)

"""The table of tasks: the estimator and the face of each, and models of any task from their folders."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keepgate.errors import InputError, quoted

if TYPE_CHECKING:
    from keepgate.tasks.common.estimator import Estimator
    from keepgate.tasks.common.face import Face
    from keepgate.tasks.common.parameters import Parameters

__all__ = ["TASKS", "estimator_class", "face", "face_class", "load", "parameters_class"]

# By task: its class in `keepgate.tasks.<task>.estimator`, and that in `keepgate.tasks.<task>.face`. The estimator's
# parameters are declared in `<class>Parameters` of `keepgate.tasks.<task>.parameters`, which imports no torch.
TASKS = {
    "classify": ("SequenceClassifier", "ClassifierFace"),
    "control": ("Controller", "ControllerFace"),
    "embed": ("SequenceAutoencoder", "AutoencoderFace"),
    "evolino": ("Evolino", "EvolinoFace"),
    "forecast": ("Forecaster", "ForecasterFace"),
    "regress": ("SequenceRegressor", "RegressorFace"),
    "segment": ("Segmenter", "SegmenterFace"),
    "suggest": ("Suggester", "SuggesterFace"),
    "tag": ("Tagger", "TaggerFace"),
    "transcribe": ("Transcriber", "TranscriberFace"),
    "translate": ("Translator", "TranslatorFace"),
    "write": ("LanguageModel", "LanguageModelFace"),
}

# Estimators of packages above this one, which are used in Python alone: files of theirs are loaded here, too.
IN_PYTHON = {
    "meta": ("keepgate.meta.learner", "MetaLearner"),
    "update_rule": ("keepgate.meta.update_rule", "UpdateRule"),
}


def estimator_class(task: str) -> type[Estimator]:
    """Return the estimator of a task.

    Raises:
        InputError: there is no such task.
    """
    return _class(task, "estimator")


def face_class(task: str) -> type[Face]:
    """Return the face of a task.

    Raises:
        InputError: there is no such task.
    """
    return _class(task, "face")


def parameters_class(task: str) -> type[Parameters]:
    """Return the parameters of a task's estimator, without importing what it computes with.

    Raises:
        InputError: there is no such task.
    """
    return _class(task, "parameters")


def face(estimator: Estimator) -> Face:
    """Return the face of an estimator: it reads files for it, makes tables, scores and reports."""
    return face_class(estimator.TASK)(estimator)


def load(folder: str | Path, device: str = "auto") -> Estimator:
    """Return the fitted estimator of any task from a folder that `save` wrote; see `Estimator.load`."""
    from keepgate.tasks.common.stored import Stored

    stored = Stored.read(folder)
    return stored.restore(estimator_class(stored.task), device)


def _class(task: str, module: str) -> Any:
    if task in IN_PYTHON:
        home, name = IN_PYTHON[task]
        if module != "estimator":
            raise InputError(
                f"this is a {name}, which no command can use: load it in Python, by keepgate.load(folder), and call it"
            )
        return getattr(importlib.import_module(home), name)
    if task not in TASKS:
        raise InputError(f"unknown task {quoted(task)}; there are {', '.join(TASKS)}")
    estimator_name, face_name = TASKS[task]
    name = {"estimator": estimator_name, "face": face_name, "parameters": f"{estimator_name}Parameters"}[module]
    return getattr(importlib.import_module(f"keepgate.tasks.{task}.{module}"), name)

"""Estimators, a package for each task; each is fitted from Python or by `keepgate fit <task>`."""

from keepgate.tasks.registry import TASKS, estimator_class, face, face_class, load, parameters_class

__all__ = ["TASKS", "estimator_class", "face", "face_class", "load", "parameters_class"]

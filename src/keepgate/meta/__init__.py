"""Learning to learn: recurrent networks that learn functions, or optimise, within their activations.

    from keepgate.meta import MetaLearner

    learner = MetaLearner().fit("quadratic")         # learns to learn quadratic functions of two variables
    function = learner.learn(X, y)                   # one of them, from examples: no weight changes
    function.predict(queries)
    function.learn(x, y)                             # one more example

A family of functions is one of `FAMILIES`, or a callable of yours, `draw(examples, batch, random)`, that returns inputs
[examples, batch, I] and outputs [examples, batch, O]; `Family` gives it classes in place of numbers, and `episodes`
makes one of labelled data, for one-shot classification. `LearnedOptimizer` is an optimiser of torch whose updates are
written by an LSTM. Names load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from keepgate.errors import MissingExtraError

if TYPE_CHECKING:
    from keepgate.meta.curve import Curve
    from keepgate.meta.families import FAMILIES, Family
    from keepgate.meta.function import LearnedFunction
    from keepgate.meta.learner import MetaLearner
    from keepgate.meta.one_shot import episodes
    from keepgate.meta.optimizer import LearnedOptimizer
    from keepgate.meta.problems import Problem
    from keepgate.meta.rivals import race
    from keepgate.meta.update_rule import UpdateRule

_HOMES = {
    "FAMILIES": "families",
    "Curve": "curve",
    "Family": "families",
    "LearnedFunction": "function",
    "LearnedOptimizer": "optimizer",
    "MetaLearner": "learner",
    "Problem": "problems",
    "UpdateRule": "update_rule",
    "episodes": "one_shot",
    "race": "rivals",
}

__all__ = [
    "FAMILIES",
    "Curve",
    "Family",
    "LearnedFunction",
    "LearnedOptimizer",
    "MetaLearner",
    "Problem",
    "UpdateRule",
    "episodes",
    "race",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'keepgate.meta' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"keepgate.meta.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(f"keepgate.meta.{name}", error) from None


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

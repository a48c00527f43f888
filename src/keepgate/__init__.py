"""keepgate: long short-term memory for Python; a recurrent cell is written once, as its equations.

Names load on first use, so that `import keepgate` is quick and needs neither torch nor the command line.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from keepgate._version import __version__
from keepgate.errors import MissingExtraError

if TYPE_CHECKING:
    from keepgate.compression import compress, decompress
    from keepgate.search.found import search_cell
    from keepgate.tasks.classify.estimator import SequenceClassifier
    from keepgate.tasks.common.tuning import tune
    from keepgate.tasks.control.estimator import Controller
    from keepgate.tasks.embed.estimator import SequenceAutoencoder
    from keepgate.tasks.evolino.estimator import Evolino
    from keepgate.tasks.forecast.estimator import Forecaster
    from keepgate.tasks.registry import load
    from keepgate.tasks.regress.estimator import SequenceRegressor
    from keepgate.tasks.segment.estimator import Segmenter
    from keepgate.tasks.suggest.estimator import Suggester
    from keepgate.tasks.tag.estimator import Tagger
    from keepgate.tasks.transcribe.estimator import Transcriber
    from keepgate.tasks.translate.estimator import Translator
    from keepgate.tasks.write.estimator import LanguageModel

__all__ = [
    "Controller",
    "Evolino",
    "Forecaster",
    "LanguageModel",
    "Segmenter",
    "SequenceAutoencoder",
    "SequenceClassifier",
    "SequenceRegressor",
    "Suggester",
    "Tagger",
    "Transcriber",
    "Translator",
    "__version__",
    "compress",
    "decompress",
    "load",
    "search_cell",
    "tune",
]

_HOMES = {
    "Controller": "keepgate.tasks.control.estimator",
    "Evolino": "keepgate.tasks.evolino.estimator",
    "Forecaster": "keepgate.tasks.forecast.estimator",
    "LanguageModel": "keepgate.tasks.write.estimator",
    "Segmenter": "keepgate.tasks.segment.estimator",
    "SequenceAutoencoder": "keepgate.tasks.embed.estimator",
    "SequenceClassifier": "keepgate.tasks.classify.estimator",
    "SequenceRegressor": "keepgate.tasks.regress.estimator",
    "Suggester": "keepgate.tasks.suggest.estimator",
    "Tagger": "keepgate.tasks.tag.estimator",
    "Transcriber": "keepgate.tasks.transcribe.estimator",
    "Translator": "keepgate.tasks.translate.estimator",
    "compress": "keepgate.compression",
    "decompress": "keepgate.compression",
    "load": "keepgate.tasks.registry",
    "search_cell": "keepgate.search.found",
    "tune": "keepgate.tasks.common.tuning",
}
_PACKAGES = (
    "cells",
    "compression",
    "equations",
    "export",
    "meta",
    "nn",
    "objectives",
    "population",
    "scan",
    "search",
    "store",
    "tasks",
    "testing",
    "training",
)


def __getattr__(name: str) -> Any:
    """Import a public name or package on first use."""
    if name not in _HOMES and name not in _PACKAGES:
        raise AttributeError(f"module 'keepgate' has no attribute {name!r}")
    try:
        if name in _PACKAGES:
            return importlib.import_module(f"keepgate.{name}")
        return getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(f"keepgate.{name}", error) from None


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, *_PACKAGES])

"""Optional extras: which packages each brings, by the name they are imported by."""

from __future__ import annotations

import importlib.util

EXTRAS = {
    "train": {
        "torch": "torch",
        "sklearn": "scikit-learn",
        "pandas": "pandas",
        "pyarrow": "pyarrow",
        "narwhals": "narwhals",
        "matplotlib": "matplotlib",
        "jinja2": "jinja2",
        "tqdm": "tqdm",
        "filelock": "filelock",
        "rapidfuzz": "rapidfuzz",
        "scipy": "scipy",
    },
    "export": {"onnx": "onnx"},
    "demo": {"statsmodels": "statsmodels"},
    "forecast": {"holidays": "holidays"},
    "tag": {"nltk": "nltk"},
    "transcribe": {"soundfile": "soundfile", "soxr": "soxr", "jiwer": "jiwer"},
    "write": {"tokenizers": "tokenizers", "prompt_toolkit": "prompt_toolkit"},
    "translate": {"tokenizers": "tokenizers", "sacrebleu": "sacrebleu"},
    "tune": {"optuna": "optuna"},
    "board": {"tensorboard": "tensorboard"},
    "evolution": {"cma": "cma", "nevergrad": "nevergrad", "filelock": "filelock"},
    "control": {"gymnasium": "gymnasium", "imageio_ffmpeg": "imageio-ffmpeg", "PIL": "pillow"},
    "compress": {"constriction": "constriction", "tqdm": "tqdm"},
}


def extra_of(module: str | None) -> str | None:
    """Return the first extra that brings a module, or None."""
    package = (module or "").partition(".")[0]
    return next((extra for extra, packages in EXTRAS.items() if package in packages), None)


def missing_extra(module: str | None) -> str | None:
    """Return the sentence for a module that cannot be imported, or None if no extra brings it."""
    if (extra := extra_of(module)) is None:
        return None
    package = (module or "").partition(".")[0]
    return f"{EXTRAS[extra][package]} is not installed; pip install 'keepgate[{extra}]'"


def missing_packages(extra: str) -> list[str]:
    """Return the packages of an extra that are not installed."""
    return [name for module, name in EXTRAS[extra].items() if importlib.util.find_spec(module) is None]

from __future__ import annotations

import re
import tomllib

import pytest

from keepgate import extras
from keepgate.extras import EXTRAS, extra_of, missing_extra, missing_packages
from pages import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_packages_are_those_of_the_project(extra):
    declared = {re.match(r"[\w-]+", line)[0] for line in PROJECT[extra] if not line.startswith("keepgate")}
    assert set(EXTRAS[extra].values()) == declared


def test_the_extras_of_users_are_all():
    assert set(EXTRAS) == {*PROJECT} - {"test", "bench"}


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("torch", "train"),
        ("torch.nn", "train"),
        ("sklearn.base", "train"),
        ("onnx", "export"),
        ("os", None),
        (None, None),
    ],
)
def test_the_extra_of_a_module(module, extra):
    assert extra_of(module) == extra


def test_a_sentence_names_the_package_and_not_the_module():
    assert missing_extra("sklearn.base") == "scikit-learn is not installed; pip install 'keepgate[train]'"
    assert missing_extra("nothing") is None


def test_what_is_missing_is_asked_of_python(monkeypatch):
    absent = {"soxr", "jiwer"}
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None if name in absent else object())
    assert missing_packages("transcribe") == ["soxr", "jiwer"]
    assert missing_packages("export") == []

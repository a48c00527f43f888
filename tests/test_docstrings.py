"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import keepgate

PACKAGES = (
    "equations",
    "cells",
    "maps",
    "testing",
    "scan",
    "nn",
    "networks",
    "runtime",
    "store",
    "data",
    "training",
    "search",
    "tasks",
    "objectives",
    "export",
    "compression",
    "meta",
)


def modules() -> list[str]:
    found = []
    for package in PACKAGES:
        found.append(f"keepgate.{package}")
        path = importlib.import_module(f"keepgate.{package}").__path__
        found += [module.name for module in pkgutil.walk_packages(path, f"keepgate.{package}.")]
    return found


EXAMPLES = [
    test
    for name in modules()
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    if test.examples
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_example(example: doctest.DocTest):
    failed, attempted = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)
    assert attempted
    assert not failed


def test_there_are_examples_in_the_packages_that_people_meet_first():
    named = {example.name.split(".")[1] for example in EXAMPLES}
    assert {"equations", "cells", "nn"} <= named


def test_the_packages_are_those_of_keepgate():
    own = {module.name for module in pkgutil.iter_modules(keepgate.__path__) if module.ispkg}
    assert own == {*PACKAGES, "cli", "native"}

"""Parameters: what they carry, which values are legal, and that `help` shows them."""

import dataclasses
import pydoc

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.tasks import TASKS, estimator_class
from keepgate.tasks.common.parameters import check_parameters, param, parameters


@dataclasses.dataclass
class Options:
    count: int = param(3, "how many", minimum=1, maximum=1_000_000)
    share: float | None = param(None, "which part", minimum=0, maximum=1)
    kind: str = param("a", "which one", choices=("a", "b"))
    parts: tuple[float, ...] = param((0.1, 0.9), "which quantiles", minimum=0, maximum=1)
    fast: bool = param(True, "whether")


def check(**values):
    check_parameters(Options(**values))


def test_parameters_carry_type_help_and_default():
    found = {name: (kind, meta["help"], meta["default"]) for name, kind, meta in parameters(Options)}
    assert found["count"] == (int, "how many", 3)
    assert found["share"] == (float | None, "which part", None)
    assert list(found) == ["count", "share", "kind", "parts", "fast"]


@pytest.mark.parametrize(
    "values",
    [{}, {"count": np.int32(5)}, {"share": 0}, {"share": np.float32(0.5)}, {"parts": [0.5]}, {"fast": np.bool_(False)}],
)
def test_legal_values_pass(values):
    check(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, "count=0 is not at least 1"),
        ({"count": 10**9}, "count=1000000000 is not at most 1,000,000"),
        ({"count": 10**5000}, "count=<int> is not at most 1,000,000"),
        ({"count": 2.0}, "count=2.0 is not of type int"),
        ({"count": True}, "count=True is not of type int"),
        ({"count": None}, "count=None is not of type int"),
        ({"share": 1.5}, "share=1.5 is not at most 1"),
        ({"share": float("nan")}, "share=nan is no finite number"),
        ({"share": "0.5"}, "share='0.5' is not of type float"),
        ({"kind": "c"}, "kind='c' is none of a, b"),
        ({"parts": 0.5}, "parts=0.5 is no tuple"),
        ({"parts": (0.5, 2)}, "parts=2 is not at most 1"),
        ({"fast": 1}, "fast=1 is not of type bool"),
    ],
)
def test_wrong_values_are_told(values, message):
    with pytest.raises(InputError) as caught:
        check(**values)
    assert message in str(caught.value)


@pytest.mark.parametrize("task", TASKS)
def test_help_shows_every_parameter_with_its_text_and_default(task):
    kind = estimator_class(task)
    shown = " ".join(pydoc.plain(pydoc.render_doc(kind)).replace("|", " ").split())
    assert {name for name, _, _ in parameters(kind)} == {*kind().get_params()}
    for name, _, meta in parameters(kind):
        text = f"{name}: {' '.join(meta['help'].split())} (default: {meta['default']!r})."
        assert (text in shown) == (name not in kind.unused)
    assert shown.index("Attributes:") < shown.index("Args:")

"""Values that are written in a roundabout way become simple ones."""

from __future__ import annotations

import pytest

from keepgate.equations import constant, sigmoid, vector
from keepgate.equations.simplify import simplify


@pytest.mark.parametrize(
    ("written", "simple"),
    [
        (lambda a, b: a + constant(0.0), lambda a, b: a),
        (lambda a, b: constant(0.0) + a, lambda a, b: a),
        (lambda a, b: a - 0, lambda a, b: a),
        (lambda a, b: 0 - a, lambda a, b: -a),
        (lambda a, b: 1 * a, lambda a, b: a),
        (lambda a, b: a / 1, lambda a, b: a),
        (lambda a, b: a + -b, lambda a, b: a - b),
        (lambda a, b: a - -b, lambda a, b: a + b),
        (lambda a, b: -(0 - a), lambda a, b: a),
        (lambda a, b: a * (constant(2) * 3 - 1), lambda a, b: a * 5),
        (lambda a, b: sigmoid(a) * sigmoid(a), None),
    ],
)
def test_simplify(written, simple):
    a, b = vector("a"), vector("b")
    [result] = simplify([written(a, b)])
    if simple is None:
        assert result.args[0] is result.args[1]
    else:
        assert repr(result) == repr(simple(a, b))

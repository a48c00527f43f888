"""The operations on values, one row each: how to compute, differentiate and print them.

A derivative rule takes the cotangent `g`, the result `y` and the arguments, and returns one contribution for
each argument (None: no gradient). Rules are written with the result where that is cheaper: tanh' = 1 - y².
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from keepgate.equations.expression import Expression, Operand, broadcast, caller_line, expression, over_units, size

__all__ = ["EPSILON", "OPERATIONS", "REDUCTIONS", "Operation"]

EPSILON = 1e-5  # of the variance, as torch.nn.LayerNorm
REDUCTIONS = ("mean", "deviation", "normalize")

Rule = Callable[..., tuple[Any, ...]]


class Operation(NamedTuple):
    """One row of the table."""

    compute: Callable[..., Any]
    derivative: Rule
    text: str
    latex: str
    cheap: bool = True

    @property
    def arity(self) -> int:
        """Number of arguments."""
        return self.text.count("{}")


def where(condition: Operand, a: Operand, b: Operand) -> Expression:
    """Return `a` where the condition is not zero, else `b`."""
    return expression("where", condition, a, b)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return the logistic function without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def _share_of_smaller(g: Expression, a: Expression, b: Expression) -> Expression:
    """Give the cotangent to `a` where it is the smaller; ties share it equally."""
    return where(a < b, g, where(b < a, 0.0, 0.5 * g))


def _deviation(x: np.ndarray) -> np.ndarray:
    return np.sqrt(x.var(-1, keepdims=True) + EPSILON)


def _mean(value: Expression) -> Expression:
    return over_units("mean", value)


def _normalize_slope(g: Expression, y: Expression, d: Expression) -> Expression:
    return Expression("normalize_slope", (g, y, d), (), g.width, caller_line())


OPERATIONS: dict[str, Operation] = {
    "add": Operation(np.add, lambda g, y, a, b: (g, g), "{} + {}", "{} + {}"),
    "subtract": Operation(np.subtract, lambda g, y, a, b: (g, -g), "{} - {}", "{} - {}"),
    "multiply": Operation(np.multiply, lambda g, y, a, b: (g * b, g * a), "{} * {}", r"{} \odot {}"),
    "divide": Operation(
        np.divide, lambda g, y, a, b: (g / b, -(g * y) / b), "{} / {}", r"\frac{{{}}}{{{}}}", cheap=False
    ),
    "negative": Operation(np.negative, lambda g, y, a: (-g,), "-{}", "-{}"),
    "sigmoid": Operation(
        sigmoid, lambda g, y, a: (expression("sigmoid_slope", g, y),), "sigmoid({})", r"\sigma({})", cheap=False
    ),
    "tanh": Operation(
        np.tanh, lambda g, y, a: (expression("tanh_slope", g, y),), "tanh({})", r"\tanh({})", cheap=False
    ),
    "sigmoid_slope": Operation(
        lambda g, y: g * (y * (1.0 - y)),
        lambda h, _, g, y: (expression("sigmoid_slope", h, y), h * g * (1.0 - 2.0 * y)),
        "sigmoid_slope({}, {})",
        r"\sigma'({}, {})",
    ),
    "tanh_slope": Operation(
        lambda g, y: g * (1.0 - y * y),
        lambda h, _, g, y: (expression("tanh_slope", h, y), -2.0 * h * g * y),
        "tanh_slope({}, {})",
        r"\tanh'({}, {})",
    ),
    "exp": Operation(np.exp, lambda g, y, a: (g * y,), "exp({})", r"\exp({})", cheap=False),
    "log": Operation(np.log, lambda g, y, a: (g / a,), "log({})", r"\log({})", cheap=False),
    "sqrt": Operation(np.sqrt, lambda g, y, a: (0.5 * g / y,), "sqrt({})", r"\sqrt{{{}}}", cheap=False),
    "softplus": Operation(
        lambda x: np.logaddexp(0, x),
        lambda g, y, a: (g * expression("sigmoid", a),),
        "softplus({})",
        r"\mathrm{{softplus}}({})",
        cheap=False,
    ),
    "relu": Operation(
        lambda x: np.maximum(x, 0),
        lambda g, y, a: (where(y, g, 0.0),),  # NaN passes it on
        "relu({})",
        r"\mathrm{{relu}}({})",
    ),
    "absolute": Operation(
        np.abs, lambda g, y, a: (where(a > 0.0, g, where(a < 0.0, -g, 0.0)),), "abs({})", r"\left|{}\right|"
    ),
    "minimum": Operation(
        np.minimum,
        lambda g, y, a, b: (_share_of_smaller(g, a, b), _share_of_smaller(g, b, a)),
        "minimum({}, {})",
        r"\min({}, {})",
    ),
    "maximum": Operation(
        np.maximum,
        lambda g, y, a, b: (_share_of_smaller(g, b, a), _share_of_smaller(g, a, b)),
        "maximum({}, {})",
        r"\max({}, {})",
    ),
    "less": Operation(
        lambda a, b: np.less(a, b).astype(np.result_type(a, b)),
        lambda g, y, a, b: (None, None),
        "{} < {}",
        "{} < {}",
    ),
    "where": Operation(
        lambda c, a, b: np.where(c != 0, a, b),
        lambda g, y, c, a, b: (None, where(c, g, 0.0), where(c, 0.0, g)),
        "where({}, {}, {})",
        r"\mathrm{{where}}({}, {}, {})",
    ),
    "mean": Operation(
        lambda x: x.mean(-1, keepdims=True),
        lambda g, y, a: (broadcast(g / size(a.width), a.width),),
        "mean({})",
        r"\mathrm{{mean}}({})",
        cheap=False,
    ),
    "deviation": Operation(
        _deviation,
        lambda g, y, a: (broadcast(g / size(a.width), a.width) * expression("normalize", a),),
        "deviation({})",
        r"\mathrm{{deviation}}({})",
        cheap=False,
    ),
    "normalize": Operation(
        lambda x: (x - x.mean(-1, keepdims=True)) / _deviation(x),
        lambda g, y, a: (_normalize_slope(g, y, over_units("deviation", a)),),
        "normalize({})",
        r"\mathrm{{LN}}({})",
        cheap=False,
    ),
    # Ba et al. 2016, supplementary: the cotangent without what shifts and what scales the row, over its deviation.
    "normalize_slope": Operation(
        lambda g, y, d: (g - g.mean(-1, keepdims=True) - y * (g * y).mean(-1, keepdims=True)) / d,
        lambda h, s, g, y, d: (
            _normalize_slope(h, y, d),
            -(h * _mean(g * y) + g * _mean(h * y)) / d,
            -size(g.width) * _mean(h * s) / d,
        ),
        "normalize_slope({}, {}, {})",
        r"\mathrm{{LN}}'({}, {}, {})",
    ),
    "broadcast": Operation(lambda x: x, lambda g, y, a: (_mean(g) * size(g.width),), "{}", "{}"),
}

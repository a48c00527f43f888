"""The functions with which a step is written: affine maps, parameters and elementwise functions."""

from __future__ import annotations

from collections.abc import Callable

from keepgate.equations.expression import (
    Expression,
    Operand,
    as_expression,
    caller_line,
    expression,
    fail,
    over_units,
    size,
)
from keepgate.equations.noise import DRAWS
from keepgate.equations.operations import OPERATIONS, where

__all__ = [
    "absolute",
    "affine",
    "bernoulli",
    "exp",
    "log",
    "maximum",
    "mean",
    "minimum",
    "normalize",
    "relu",
    "sigmoid",
    "size",
    "softplus",
    "sqrt",
    "step_input",
    "tanh",
    "vector",
    "where",
]


def _check_name(kind: str, name: object) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        fail(f"{kind} needs a name that is a Python identifier, got {name!r}")
    return name


def _letter(source: object) -> str:
    """Return the letter of a source's matrix: i for the input, a state's own name for a state."""
    if isinstance(source, Expression) and source.op == "input":
        return "i"
    if isinstance(source, Expression) and source.op == "last":
        return source.attrs[0]
    fail("a computed source of an affine map is passed with the letter of its matrix, as in affine('n', x, m=value)")


def affine(
    gate: str, *sources: Expression, bias: bool = True, width: str = "hidden", **lettered: Expression
) -> Expression:
    """Return W·x + U·h + ... + b, the affine map of a gate; x has the letter i, a state the letter of its name.

    Args:
        gate: name of the gate: its rows in the stacked weights.
        *sources: the input or last states.
        bias: whether the map has a bias. As in torch, the sources i and h bring one each; where an affine map has
            neither, its first source brings it.
        width: width of the result, `"hidden"` or `"projection"`.
        **lettered: computed sources, keyed by the letter of their matrix: `m=value` uses `weight_mh`.

    Raises:
        CellError: no source, a source without units, or a computed source without a letter.
    """
    _check_name("affine", gate)
    pairs = [(_letter(source), source) for source in sources] + list(lettered.items())
    if not pairs:
        fail(f"affine('{gate}') has no source")
    if len({letter for letter, _ in pairs}) < len(pairs):
        fail(f"affine('{gate}') names the same source twice")
    for letter, source in pairs:
        if not isinstance(source, Expression) or source.width is None:
            fail(f"source {letter} of affine('{gate}') is no value of the cell")
    letters = tuple(letter for letter, _ in pairs)
    biased = (tuple(x for x in letters if x in ("i", "h")) or letters[:1]) if bias else ()
    return Expression("affine", [s for _, s in pairs], (gate, letters, biased), width, caller_line())


def vector(name: str, initial: float | None = None, width: str = "hidden") -> Expression:
    """Return a parameter with one number a unit, such as a peephole weight (`initial` None: drawn as weights)."""
    return Expression("vector", (), (_check_name("vector", name), initial), width, caller_line())


def step_input(name: str, width: str = "unit") -> Expression:
    """Return an extra input of the step, one number a row unless `width` says otherwise: `[T, B, 1]`."""
    return Expression("step_input", (), (_check_name("step_input", name),), width, caller_line())


def bernoulli(name: str, rate: float, width: str = "hidden", per: str = "step") -> Expression:
    """Return random bits that are 1 with probability `rate`; in evaluation, `rate` itself.

    Args:
        name: of the source of noise.
        rate: the probability of a 1.
        width: of the result.
        per: `"step"`: drawn for each step; `"sequence"`: once for all steps.

    Raises:
        CellError: the rate is no probability, or `per` is something else.
    """
    if not 0 <= rate <= 1:
        fail(f"bernoulli('{name}') needs a probability from 0 to 1, got {rate}")
    if per not in DRAWS:
        fail(f"bernoulli('{name}') is drawn per {' or '.join(DRAWS)}, got {per!r}")
    return Expression("bernoulli", (), (_check_name("bernoulli", name), float(rate), per), width, caller_line())


def mean(value: Operand) -> Expression:
    """Return the mean over the units of each row, of width `"unit"`."""
    return over_units("mean", value)


def normalize(value: Expression) -> Expression:
    """Return each row with mean 0 and variance 1 (plus 1e-5) over its units, as layer normalization does."""
    return over_units("normalize", value, as_expression(value).width)


def _elementwise(op: str, summary: str) -> Callable[..., Expression]:
    arity = OPERATIONS[op].arity

    def function(*operands: Operand) -> Expression:
        if len(operands) != arity:
            fail(f"{op} takes {arity} value{'s' * (arity > 1)}, got {len(operands)}")
        return expression(op, *operands)

    function.__name__ = function.__qualname__ = op
    function.__doc__ = summary
    return function


sigmoid = _elementwise("sigmoid", "Return the logistic function 1 / (1 + exp(-a)).")
tanh = _elementwise("tanh", "Return the hyperbolic tangent.")
exp = _elementwise("exp", "Return the exponential.")
log = _elementwise("log", "Return the natural logarithm.")
sqrt = _elementwise("sqrt", "Return the square root.")
softplus = _elementwise("softplus", "Return log(1 + exp(a)).")
relu = _elementwise("relu", "Return max(a, 0).")
absolute = _elementwise("absolute", "Return the absolute value.")
minimum = _elementwise("minimum", "Return the smaller of two values.")
maximum = _elementwise("maximum", "Return the larger of two values.")

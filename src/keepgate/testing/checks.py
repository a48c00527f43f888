"""Check a cell: its values and gradients on every engine, against derivations that share nothing with the engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from keepgate import cells
from keepgate.equations import Cell, Equations
from keepgate.scan import reference
from keepgate.testing import engines
from keepgate.testing.oracle import solve
from keepgate.testing.problems import Outcome, Problem, Setting, problem
from keepgate.testing.tolerances import assert_all_close, assert_close

__all__ = ["SETTINGS", "Checked", "check_cell", "function_of_leaves", "walk"]

Arrays = dict[str, np.ndarray]
Formula = Callable[[np.ndarray, Arrays, Arrays, Arrays], Mapping[str, np.ndarray]]

SETTINGS: dict[str, Setting] = {
    "plain": Setting(),
    "no step": Setting(steps=0),
    "one step, one of each": Setting(steps=1, batch=1, inputs=1, hidden=1),
    "two steps, many units": Setting(steps=2, batch=2, inputs=3, hidden=65),
    "many steps": Setting(steps=33, batch=2, inputs=17, hidden=7),
    "many inputs, many rows": Setting(steps=2, batch=17, inputs=65, hidden=17),
    "no row": Setting(batch=0),
    "no bias": Setting(bias=False),
    "single precision": Setting(steps=5, hidden=17, dtype=torch.float32),
    "lengths": Setting(batch=5, lengths=(2, 5, 0, 1, 5)),
    "lengths of zero": Setting(batch=2, lengths=(0, 0)),
    "padding of NaN": Setting(batch=4, lengths=(4, 0, 5, 2), padding=torch.nan),
    "resets": Setting(steps=9, resets=True),
    "resets and lengths": Setting(steps=9, batch=4, resets=True, lengths=(4, 9, 0, 7)),
    "reverse": Setting(reverse=True),
    "reverse, resets and lengths": Setting(steps=9, batch=4, resets=True, lengths=(4, 9, 0, 7), reverse=True),
    "not contiguous": Setting(strided=True),
    "not contiguous, lengths": Setting(batch=4, lengths=(4, 0, 5, 2), strided=True),
    "saturated": Setting(saturated=True),
    "training": Setting(seed=7, hidden=17),
}

FEW = Setting(steps=3, batch=2, inputs=2, hidden=2, lengths=(3, 2))  # for difference quotients
WRITTEN = Setting(steps=7, batch=3, inputs=4, hidden=5)  # for a formula


class Checked(NamedTuple):
    """What a cell has passed.

    Attributes:
        errors: by engine, the largest error of an output, final state or gradient in double precision, relative to the
            tensor's largest element where that is above 1.
        refused: by engine, why it ran nothing or not everything.
    """

    errors: dict[str, float]
    refused: dict[str, str]


def check_cell(cell: str | Cell | type[Cell] | Equations, formula: Formula | None = None) -> Checked:
    """Check that a cell computes the same everywhere, and that its gradients are right.

    Each engine of this machine runs it in all `SETTINGS`: odd and empty sizes, lengths, resets, both directions, gates
    at +-60, and random bits. Outputs, final states and all gradients are compared with its program in NumPy, in double
    precision; so engines agree with each other too. Gradients are compared with difference quotients.

    Args:
        cell: a `Cell`, or what `keepgate.cells.get` takes.
        formula: the cell written a second time, in NumPy and from its paper: a function of x [B, I], the last states
            by name [B, W], the parameters by name and the step inputs by name, that returns the new states by name.
            It is compared over time, in evaluation.

    Returns:
        The largest error on each engine, and what an engine refused.

    Raises:
        AssertionError: something differs; the message names the cell, the engine, the setting and the tensor.
        InputError, CellError: it is no cell, or its equations are wrong.

    >>> checked = check_cell("gru")
    >>> checked.errors["reference"] < 1e-12
    True
    """
    equations = cells.get(cell).equations
    checked = Checked({}, {})
    for setting in SETTINGS:
        _compare(problem(setting, equations, SETTINGS[setting]), f"{equations.name}, {setting}", checked)
    _differences(equations)
    if formula is not None:
        _follows(problem("formula", equations, WRITTEN), formula)
    return checked


def _compare(tried: Problem, what: str, checked: Checked) -> None:
    """Compare each engine with the program in NumPy."""
    with np.errstate(all="ignore"):
        wanted = solve(tried)
    for name, value in {"output": wanted.output, **_named(wanted)}.items():
        if not value.isfinite().all():
            raise AssertionError(f"{what}: {name} is not finite; keep log, sqrt, exp and / where they are defined")
    for engine in engines.here():
        got = engines.run(engine, tried)
        if isinstance(got, str):
            checked.refused.setdefault(engine, got)
            continue
        where = f"{what}, on {engine}"
        found = max(
            assert_close(f"{where}: output", got.output, wanted.output),
            assert_all_close(f"{where}:", _named(got), _named(wanted)),
        )
        if got.output.dtype == torch.float64:
            checked.errors[engine] = max(found, checked.errors.get(engine, 0.0))


def _named(outcome: Outcome) -> dict[str, Tensor]:
    final = {f"final {name}": value for name, value in outcome.final.items()}
    return final | {f"gradient of {name}": value for name, value in outcome.gradients.items()}


def _differences(equations: Equations) -> None:
    """Compare the reference's gradients with difference quotients, in evaluation and in training."""
    for seed in (None, 11):
        tried = problem("differences", equations, replace(FEW, seed=seed))
        function, leaves = function_of_leaves(tried)
        try:
            torch.autograd.gradcheck(function, leaves, eps=1e-5, atol=1e-6, rtol=1e-6)
        except RuntimeError as error:
            raise AssertionError(f"{equations.name}: a gradient is not the difference quotient: {error}") from None


def function_of_leaves(tried: Problem, scan: engines.Scan = reference.scan) -> tuple[Callable[..., Any], list[Tensor]]:
    """Return a scan as a function of all tensors that go in, and those tensors, as `torch.autograd.gradcheck` asks."""
    a = tried.arguments
    groups = (dict(a.state), dict(a.step_inputs), tried.parameters)

    def function(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        values = iter(rest)
        state, given, parameters = ({name: next(values) for name in group} for group in groups)
        result = scan(tried.equations, parameters, replace(a, x=x, state=state, step_inputs=given))
        return (*result.recorded.values(), *result.state.values())

    leaves = [a.x, *(value for group in groups for value in group.values())]
    return function, [leaf.detach().requires_grad_() for leaf in leaves]


def _follows(tried: Problem, formula: Formula) -> None:
    """Compare the reference with a formula."""
    got = reference.scan(tried.equations, tried.parameters, tried.arguments)
    output, final = walk(tried, formula)
    what = f"{tried.equations.name}, against its formula"
    assert_close(f"{what}: output", got.recorded[tried.output], output)
    assert_all_close(f"{what}: final", got.state, final)


def walk(tried: Problem, formula: Formula) -> tuple[Tensor, dict[str, Tensor]]:
    """Run a formula over time, and return the output [T, B, W] and the final states.

    Raises:
        AssertionError: the formula returns other states than those of the cell, or of other shapes.
    """

    def arrays(tensors: Mapping[str, Tensor]) -> Arrays:
        return {name: value.numpy() for name, value in tensors.items()}

    state, parameters, outputs = arrays(tried.arguments.state), arrays(tried.parameters), []
    given = arrays(tried.arguments.step_inputs)
    for t, x in enumerate(tried.arguments.x.numpy()):
        new = dict(formula(x, state, parameters, {name: value[t] for name, value in given.items()}))
        found, wanted = ({name: np.shape(value) for name, value in values.items()} for values in (new, state))
        if found != wanted:
            raise AssertionError(f"the formula returns states of the shapes {found}, wanted {wanted}")
        state = new
        outputs.append(state[tried.output])
    return torch.tensor(np.stack(outputs)), {name: torch.tensor(value) for name, value in state.items()}

"""Every cell on every engine that runs here: values and all gradients, as the program in NumPy gives them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from conformance.cells import ABOVE_ZERO, CELLS
from conformance.engines import HERE, run
from keepgate.errors import InputError
from keepgate.scan import ENGINES
from keepgate.testing.checks import SETTINGS
from keepgate.testing.oracle import solve
from keepgate.testing.problems import Setting, problem
from keepgate.testing.tolerances import assert_all_close, assert_close


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("engine", HERE)
def test_conforms(engine: str, cell: str, setting: str):
    tried = problem(f"{cell}, {setting}", CELLS[cell].equations, SETTINGS[setting])
    for state in ABOVE_ZERO.get(cell, ()):
        tried.arguments.state[state].abs_().add_(0.5)
    got, wanted = run(engine, tried), solve(tried)
    assert all(bool(value.isfinite().all()) for value in [wanted.output, *wanted.gradients.values()])
    assert_close("output", got.output, wanted.output)
    assert_all_close("final", got.final, wanted.final)
    assert_all_close("gradient of", got.gradients, wanted.gradients)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("engine", HERE)
def test_saturated_gates_give_finite_gradients_in_single_precision(engine: str, cell: str):
    setting = Setting(steps=9, saturated=True, dtype=torch.float32)
    got = run(engine, problem(f"{cell}, saturated", CELLS[cell].equations, setting))
    for name, value in {"output": got.output, **got.final, **got.gradients}.items():
        assert value.isfinite().all(), name


@pytest.mark.parametrize("engine", HERE)
def test_records_states_and_gates_for_every_step(engine: str):
    tried = problem("record", CELLS["lstm"].equations, Setting(steps=6, batch=4, lengths=(3, 6, 0, 1)))
    every = replace(tried.arguments, record=("c", "f", "h"))
    if reason := ENGINES[engine].refuses(tried.equations, tried.parameters, every):
        pytest.skip(f"{engine}: {reason}")
    got = ENGINES[engine].run(tried.equations, tried.parameters, every).recorded
    assert list(got) == ["c", "f", "h"]
    assert_close("h", got["h"], solve(tried).output)
    for row, length in enumerate(tried.arguments.lengths.tolist()):
        before = tried.arguments.state["h"][row]
        for t in range(6):
            f = torch.zeros(3, dtype=torch.float64)
            if t < length:
                weights = [tried.parameters[name][3:6] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
                f = torch.sigmoid(weights[0] @ tried.arguments.x[t, row] + weights[1] @ before + sum(weights[2:]))
            assert_close(f"f of row {row} at step {t}", got["f"][t, row], f)
            before = got["h"][t, row]
        if length:
            final = solve(tried).final["c"][row]
            assert_close(f"last c of row {row}", got["c"][length - 1, row], final)
        assert not got["c"][length:, row].any()


@pytest.mark.parametrize("engine", HERE)
def test_refuses_to_record_what_is_not_there(engine: str):
    tried = problem("record", CELLS["lstm"].equations, Setting())
    every = replace(tried.arguments, record=("h", "q"))
    if reason := ENGINES[engine].refuses(tried.equations, tried.parameters, every):
        pytest.skip(f"{engine}: {reason}")
    with pytest.raises(InputError, match=r"lstm has no value 'q' to record; it has i, f, g, o, c, h$"):
        ENGINES[engine].run(tried.equations, tried.parameters, every)

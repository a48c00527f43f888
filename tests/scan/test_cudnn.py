"""The scan over torch's kernels, on the CPU, where they run too; `tests/conformance` covers it on a CUDA device."""

from __future__ import annotations

import pytest

from conformance.engines import differentiate
from conformance.oracle import solve
from conformance.problems import Setting, problem
from conformance.tolerances import assert_all_close, assert_close
from keepgate import cells
from keepgate.scan import cudnn

SETTINGS = {
    "plain": Setting(steps=6, hidden=5),
    "reverse": Setting(steps=6, hidden=5, reverse=True),
    "no bias": Setting(steps=6, hidden=5, bias=False),
    "one step": Setting(steps=1, batch=1),
    "not contiguous": Setting(strided=True),
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "rnn('relu')", "projected(lstm, 2)"])
def test_torchs_kernels(cell: str, setting: str):
    tried = problem(f"{cell}, {setting}", cells.get(cell).equations, SETTINGS[setting])
    got, wanted = differentiate(cudnn.scan, tried), solve(tried)
    assert_close("output", got.output, wanted.output)
    assert_all_close("final", got.final, wanted.final)
    assert_all_close("gradient of", got.gradients, wanted.gradients)

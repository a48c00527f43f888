"""The scan over torch's kernels, on the CPU, where they run too; `tests/conformance` covers it on a CUDA device."""

from __future__ import annotations

import warnings

import pytest

from keepgate import cells
from keepgate.scan import cudnn
from keepgate.testing.engines import differentiate
from keepgate.testing.oracle import solve
from keepgate.testing.problems import Setting, problem
from keepgate.testing.tolerances import assert_all_close, assert_close

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


def test_torchs_warning_about_scattered_weights_is_not_passed_on(monkeypatch: pytest.MonkeyPatch):
    """On a CUDA device torch warns that weights lie apart, and names a method that our modules do not need."""
    kernel = cudnn._VF.lstm

    def warning(*arguments):
        warnings.warn("RNN module weights are not part of single contiguous chunk of memory.", stacklevel=2)
        return kernel(*arguments)

    monkeypatch.setattr(cudnn, "_VF", type("Kernels", (), {"lstm": staticmethod(warning)}))
    tried = problem("warning", cells.get("lstm").equations, Setting())
    assert_close("output", differentiate(cudnn.scan, tried).output, solve(tried).output)

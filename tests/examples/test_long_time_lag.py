"""The tasks are solved as the paper demands, and the picture shows what the equations say."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import long_time_lag
import numpy as np
import pytest
import torch
from lag_tasks import TASKS
from long_time_lag import Network, curve, gradient_sizes, set_biases, solve, states

from keepgate.nn import Recurrent

EXAMPLE = Path(long_time_lag.__file__)
STEPS, UNITS = 120, 4
X = torch.tensor([[0.3, -1.2]], dtype=torch.float64)


def layer(cell: str, feedback: bool = True, units: int = UNITS) -> Recurrent:
    torch.manual_seed(1)
    made = Recurrent(cell, 2, units, dtype=torch.float64)
    if not feedback:
        with torch.no_grad():
            made.weight_hh_l0.zero_()
    return made


@pytest.mark.parametrize("cell", ["rnn", "lstm", "lstm_1997"])
def test_gradient_sizes_are_norms_of_the_jacobian(cell: str):
    made, x = layer(cell), torch.randn(5, 2, dtype=torch.float64)

    def state(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([part.flatten() for part in states(made(x[:, None])[1])])

    jacobian = torch.autograd.functional.jacobian(state, x)
    np.testing.assert_allclose(gradient_sizes(made, x), jacobian.pow(2).sum((0, 2)).sqrt().flip(0), rtol=1e-12)


def test_the_carousel_keeps_the_error_for_ever():
    """c = c + i g: an input changes c by d(i g)/dx once, and that stays, if no other way leads from h back into c."""
    made = layer("lstm_1997", feedback=False)
    sizes = gradient_sizes(made, X.repeat(STEPS, 1))
    np.testing.assert_allclose(sizes[1:], sizes[1], rtol=1e-13)

    w = made.weight_ih_l0.detach().numpy()
    b = (made.bias_ih_l0 + made.bias_hh_l0).detach().numpy()
    i, s, o = (1 / (1 + np.exp(-part)) for part in np.split(w @ X[0].numpy() + b, 3))
    wi, wg, _ = np.split(w, 3)
    dc = (i * (1 - i) * (4 * s - 2))[:, None] * wi + (i * 4 * s * (1 - s))[:, None] * wg
    squashed = 1 / (1 + np.exp(-STEPS * i * (4 * s - 2)))
    dh = (o * 2 * squashed * (1 - squashed))[:, None] * dc
    assert sizes[1] == pytest.approx(math.hypot(np.linalg.norm(dc), np.linalg.norm(dh)), rel=1e-12)


def test_the_carousel_is_one_and_a_forget_gate_is_its_power():
    c = torch.zeros(1, 1, UNITS, dtype=torch.float64, requires_grad=True)
    for cell, forget in (("lstm_1997", 1.0), ("lstm", 1 / (1 + math.exp(-3)))):
        made = layer(cell, feedback=False)
        if cell == "lstm":
            set_biases(made, {"f": (3, 3)})
            with torch.no_grad():
                made.weight_ih_l0[UNITS : 2 * UNITS] = 0
        _, (_, last) = made(torch.randn(100, 1, 2, dtype=torch.float64), (torch.zeros_like(c), c))
        slope = torch.autograd.grad(last.sum(), c)[0].flatten()
        np.testing.assert_allclose(slope, np.full(UNITS, forget**100), rtol=1e-13)


def test_the_gradient_of_a_simple_network_is_under_the_powers_of_its_weights():
    made = layer("rnn", units=32)
    sizes = gradient_sizes(made, torch.randn(STEPS, 2, dtype=torch.float64))
    largest = torch.linalg.matrix_norm(made.weight_hh_l0, 2).item()
    bound = largest ** np.arange(STEPS) * torch.linalg.matrix_norm(made.weight_ih_l0).item()
    assert (sizes <= bound).all()


def test_the_picture():
    at = {label: curve(cell, biases, networks=5, steps=101) for label, (cell, biases) in long_time_lag.CURVES.items()}
    assert at["rnn"][100] < 1e-15 * at["lstm_1997"][100]
    assert at["lstm"][100] < 1e-15 * at["lstm_1997"][100]
    assert at["lstm"][100] < 1e-6 * at["lstm, forget bias 1"][100] < 1e-10 * at["lstm, forget bias 5"][100]
    for kept in ("lstm_1997", "lstm, forget bias 5"):
        assert 0.1 < at[kept][100] / at[kept][1] < 10


def test_biases_begin_where_they_are_told():
    network = Network("lstm", {"f": (5, 5), "i": (-2, -6)}, TASKS["adding"].draw(1, np.random.default_rng(0)), 3)
    total = network.layer.bias_ih_l0 + network.layer.bias_hh_l0
    assert total[:6].tolist() == [-2, -4, -6, 5, 5, 5]


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "lstm_1997"])
@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_solved(name: str, cell: str):
    sequences, wrong = solve(name, cell, seed=0)
    assert sequences <= TASKS[name].limit
    # What the criterion lets pass, and twice that as the test is another sample; but where it lets nothing pass, 0.5 %.
    assert wrong / 2560 <= 2 * max(TASKS[name].stop.allowed / TASKS[name].stop.sequences, 0.0025)


@pytest.mark.slow
def test_the_command(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE, "--task", "noisy_signal", "--seeds", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split("  ") for line in done.stdout.splitlines() if line.startswith("3b")]
    assert ["1 of 1" in "  ".join(line) for line in lines] == [True, True, False]  # the simple network fails
    assert (tmp_path / "long_time_lag.png").stat().st_size > 10_000

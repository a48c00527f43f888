"""The golden values of Keras for LSTM, GRU and SimpleRNN.

Numbers: keras-team/keras, keras/src/layers/rnn/lstm_test.py, gru_test.py and simple_rnn_test.py. There, every weight of
the kernel is 0.01, of the recurrent kernel 0.02, every bias 0.03; the LSTM's forget gate has the bias 1 unless
``unit_forget_bias`` is off. Keras' `go_backwards` turns the sequence round. Flax's tests of recurrent cells
(google/flax, tests/linen/linen_recurrent_test.py and tests/nnx/nn/recurrent_test.py) hold no golden values: they
compare shapes, and Flax with itself.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate.nn import Recurrent


def layer(cell: str, inputs: int, units: int, bias: bool = True, forget: float | None = None) -> Recurrent:
    made = Recurrent(cell, inputs, units, bias=bias, batch_first=True)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            parameter.fill_({"weight_ih": 0.01, "weight_hh": 0.02, "bias_ih": 0.03, "bias_hh": 0.0}[name[:-3]])
        if forget is not None:
            made.bias_ih_l0[units : 2 * units] = forget
        if cell == "gru" and bias:  # with reset_after, Keras has two biases, each 0.03
            made.bias_hh_l0[:] = 0.03
    return made


def ramp(*shape: int) -> torch.Tensor:
    return torch.arange(np.prod(shape), dtype=torch.float32).reshape(shape)


# cell, settings, backwards, the last output of each of three rows; all units are alike
LAST = [
    ("lstm", {"forget": 1.0}, False, [0.6288687, 0.86899155, 0.9460773]),
    ("lstm", {"forget": 1.0}, True, [0.35622165, 0.74789524, 0.8872726]),
    ("lstm", {}, False, [0.57019705, 0.8661914, 0.9459622]),
    ("lstm", {"bias": False}, False, [0.54986924, 0.86226785, 0.9443936]),
    ("gru", {}, False, [0.5217289, 0.6371659, 0.39384964]),
    ("gru", {}, True, [0.24406259, 0.611516, 0.3928808]),
    ("gru_cho", {}, False, [0.51447755, 0.6426879, 0.40208298]),
    ("gru", {"bias": False}, False, [0.49988455, 0.64701194, 0.4103359]),
]


@pytest.mark.parametrize(("cell", "settings", "backwards", "wanted"), LAST)
def test_last_output(cell, settings, backwards, wanted):
    made = layer(cell, 4, 3, **settings)
    x = ramp(3, 6, 4)
    output, _ = made(x.flip(1) if backwards else x)
    np.testing.assert_allclose(output[:, -1].detach(), np.array(wanted)[:, None] * np.ones(3), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("backwards", "wanted"), [(False, [0.405432, 0.73605347]), (True, [0.11144729, 0.5528889])])
def test_simple_network(backwards, wanted):
    x = ramp(2, 3, 4)
    output, _ = layer("rnn", 4, 4)(x.flip(1) if backwards else x)
    np.testing.assert_allclose(output[:, -1].detach(), np.array(wanted)[:, None] * np.ones(4), rtol=1e-5, atol=1e-5)


INITIAL = [
    ("lstm", 2, False, [[0.20574439, 0.3558822], [0.64930826, 0.66276]]),
    ("lstm", 2, True, [[0.13281618, 0.2790356], [0.5839337, 0.5992567]]),
    ("gru", 2, False, [[0.23774096, 0.33508456], [0.83659905, 1.0227708]]),
    ("gru", 2, True, [[0.13486053, 0.23261218], [0.78257304, 0.9691353]]),
    ("rnn", 4, False, [[0.33621645] * 4, [0.6262637] * 4]),
    ("rnn", 4, True, [[0.07344437] * 4, [0.43043602] * 4]),
]


@pytest.mark.parametrize(("cell", "units", "backwards", "wanted"), INITIAL)
def test_initial_state(cell, units, backwards, wanted):
    x, state = ramp(2, 4, 3), ramp(1, 2, units)
    made = layer(cell, 3, units, forget=1.0 if cell == "lstm" else None)
    output, _ = made(x.flip(1) if backwards else x, (state, state) if cell == "lstm" else state)
    np.testing.assert_allclose(output[:, -1].detach(), wanted, rtol=1e-5, atol=1e-5)


STATEFUL = {"lstm": [0.3124785, 0.6863672], "gru": [0.29542392, 0.5885018], "rnn": [0.40559256, 0.7361247]}


@pytest.mark.parametrize("cell", STATEFUL)
def test_a_state_handed_on(cell):
    made = layer(cell, 4, 4, forget=1.0 if cell == "lstm" else None)
    x = ramp(2, 3, 4)
    _, state = made(x)
    output, _ = made(x, state)
    np.testing.assert_allclose(output[:, -1].detach(), np.array(STATEFUL[cell])[:, None] * np.ones(4), atol=1e-5)


def test_masked_at_the_end():
    """Keras' mask of True, then False is our lengths; `zero_output_for_mask` is what we always do."""
    output, (h, _) = layer("lstm", 3, 2, forget=1.0)(ramp(2, 4, 3), lengths=[3, 2])
    wanted = [[0.01588910, 0.05552048, 0.11755939, 0.0], [0.14185596, 0.28556206, 0.0, 0.0]]
    np.testing.assert_allclose(output.detach(), np.array(wanted)[..., None] * np.ones(2), atol=1e-5)
    np.testing.assert_allclose(h[0].detach(), [[0.11755939] * 2, [0.28556206] * 2], atol=1e-5)

"""The golden values of ONNX Runtime for LSTM and GRU: peepholes, coupled gate, clip, activations, lengths, states.

Numbers: microsoft/onnxruntime, onnxruntime/test/providers/cpu/rnn: deep_cpu_lstm_op_test.cc, deep_cpu_gru_op_test.cc;
each case names its test there, without the prefix. Left out are ZeroSeqInMiddle and ShorterSeqInMiddle: their
-0.04350187 is 6e-5 off what ONNX Runtime and torch compute, -0.04356321, which the tolerance there lets by.
"""

from __future__ import annotations

import numpy as np
import pytest

from oracles.onnx_cells import LSTMOf, layer, run


def array(values, *shape):
    return np.array(values, np.float32).reshape(shape)


W = [-0.494659, 0.0453352, -0.487793, 0.417264, -0.0175329, 0.489074, -0.446013, 0.414029]
W += [-0.0091708, -0.255364, -0.106952, -0.266717, -0.0888852, -0.428709, -0.283349, 0.208792]
R = [0.146626, -0.0620289, -0.0815302, 0.100482, -0.219535, -0.306635, -0.28515, -0.314112]
R += [-0.228172, 0.405972, 0.31576, 0.281487, -0.394864, 0.42111, -0.386624, -0.390225]
B = [0.381619, 0.0323954, -0.14449, 0.420804, -0.258721, 0.45056, -0.250755, 0.0967895]
WEIGHTS = {"W": array(W, 1, 8, 2), "R": array(R, 1, 8, 2), "B": array(B + 8 * [0.0], 1, 16)}
WEIGHTS["P"] = array([0.2345, 0.5235, 0.4378, 0.3475, 0.8927, 0.3456], 1, 6)
X = [-0.455351, -0.276391, -0.185934, -0.269585]
SWAPPED = ("tanh", "sigmoid", "tanh")
PLAIN = LSTMOf(peepholes=False)

# test there: cell, further settings, Y [T, directions, B, H], Y_c
LSTM = {
    "ForwardPeepHole": (LSTMOf(), {}, [-0.0251062475, 0.0561261699, -0.03277518, 0.05935364], [-0.0780206, 0.098829]),
    "Bidirectional": (
        LSTMOf(),
        {"directions": 2},
        [-0.0251062, 0.0561262, -0.0318928, 0.0762679, -0.0327752, 0.0593536, -0.0306872, 0.028035],
        [-0.0780206, 0.098829, -0.0753684, 0.120794],
    ),
    "ForwardNoBiasUsePeepholes": (
        LSTMOf(),
        {"bias": False},
        [0.04154162, 0.01969122, 0.05298181, 0.0030589],
        [0.11169686, 0.00625722],
    ),
    "ForwardInputForget": (
        LSTMOf(coupled=True),
        {},
        [-0.02510626, 0.05612619, -0.0314321, 0.05087372],
        [-0.07474898, 0.08480116],
    ),
    "ForwardClip": (
        LSTMOf(clip=0.1),
        {},
        [-0.02280854, 0.02744377, -0.03516197, 0.03875681],
        [-0.07415761, 0.07395997],
    ),
    "Backward": (
        LSTMOf(),
        {"reverse": True},
        [-0.03189282, 0.07626793, -0.03068724, 0.02803503],
        [-0.07536839, 0.12079399],
    ),
    "Backward_gpu": (
        PLAIN,
        {"reverse": True},
        [-0.033075746, 0.074455738, -0.031248707, 0.027853041],
        [-0.076699793, 0.11975205],
    ),
    "ForwardHiddenState": (
        PLAIN,
        {"initial": ([0.34, 0.72], None)},
        [0.01797521, -0.07104912, -0.03174796, -0.0152949],
        [-0.07285583, -0.02545788],
    ),
    "ForwardCellState": (
        PLAIN,
        {"initial": ([0.34, 0.72], [0.63, 0.21])},
        [0.12797015, 0.0097284, 0.02716939, 0.01842997],
        [0.06408449, 0.03139432],
    ),
    "Activation": (
        LSTMOf(SWAPPED, peepholes=False),
        {},
        [-0.0660155, 0.0351227, -0.04236888, 0.0177365],
        [0.1624992, 0.04672481],
    ),
    "BatchReallocation": (
        LSTMOf(SWAPPED, peepholes=False),
        {
            "x": [
                -0.455351,
                -0.476391,
                -0.555351,
                -0.376391,
                -0.655351,
                -0.276391,
                -0.185934,
                -0.869585,
                -0.285934,
                -0.769585,
                -0.385934,
                -0.669585,
            ],
            "batch": 3,
        },
        [
            -0.090715,
            0.011908,
            -0.083193,
            0.037192,
            -0.073643,
            0.068889,
            -0.10545,
            -0.01573,
            -0.10621,
            -0.0056667,
            -0.10559,
            0.015734,
        ],
        [0.21381, -0.096022, 0.23038, -0.0239, 0.24572, 0.051626],
    ),
    "SequenceLengthPartialZeros": (
        LSTMOf(SWAPPED, peepholes=False),
        {
            "x": [-0.455351, -0.776391, 0, 0, -0.185934, -0.169585, 0, 0],
            "batch": 2,
            "directions": 2,
            "lengths": [2, 0],
        },
        [
            -0.1269719,
            -0.01049645,
            0,
            0,
            -0.12206709,
            -0.0051103,
            0,
            0,
            -0.02778835,
            0.00775075,
            0,
            0,
            -0.04350187,
            0.01127771,
            0,
            0,
        ],
        [0.14675268, 0.01759163, 0, 0, 0.26577898, -0.01694398, 0, 0],
    ),
}


@pytest.mark.parametrize("name", LSTM)
def test_lstm(name):
    cell, settings, wanted, memory = LSTM[name]
    directions, batch = settings.get("directions", 1), settings.get("batch", 1)
    given = {key: np.concatenate(directions * [value]) for key, value in WEIGHTS.items()}
    if not settings.get("bias", True):
        del given["B"]
    initial = [None if v is None else array(v, 1, 1, 2) for v in settings.get("initial", (None, None))]
    x = array(settings.get("x", X), 2, batch, 2)
    made = layer(cell, "LSTM", given)
    y, (_, c) = run(made, x, initial, settings.get("lengths"), settings.get("reverse", False))
    np.testing.assert_allclose(y, array(wanted, 2, directions, batch, 2), atol=1e-5)
    np.testing.assert_allclose(c, array(memory, directions, batch, 2), atol=1e-5)


GRU_W = [-0.494659, 0.0453352, -0.487793, 0.417264, -0.0091708, -0.255364, -0.106952, -0.266717]
GRU_W += [-0.0888852, -0.428709, -0.283349, 0.208792]
GRU_R = [0.146626, -0.0620289, -0.0815302, 0.100482, -0.228172, 0.405972, 0.31576, 0.281487]
GRU_R += [-0.394864, 0.42111, -0.386624, -0.390225]
GRU_B = [0.381619, 0.0323954, -0.258721, 0.45056, -0.250755, 0.0967895]
GRU_WEIGHTS = {"W": array(GRU_W, 1, 6, 2), "R": array(GRU_R, 1, 6, 2), "B": array(GRU_B + 6 * [0.0], 1, 12)}
TWICE = [*X[:2], *X[:2], *X[2:], *X[2:]]
SHORTER = [-0.455351, -0.276391, 0.855351, 0.676391, -0.185934, -0.269585, 0.585934, 0.669585]

# test there: cell, x, batch, directions, lengths, initial state, Y [T, directions, B, H]
GRU = {
    "ForwardBasic": ("gru_cho", X, 1, 1, None, None, [-0.03255286, 0.0774838, -0.05556786, 0.0785508]),
    "BidirectionalBasic": (
        "gru_cho",
        X,
        1,
        2,
        None,
        None,
        [-0.03255286, 0.0774838, -0.05469977, 0.1004222, -0.05556786, 0.0785508, -0.04566499, 0.04621252],
    ),
    "ForwardInitialHiddenState": (
        "gru_cho",
        X,
        1,
        1,
        None,
        [0.5, -0.5],
        [0.2366661, -0.1500429, 0.07378622, -0.02782359],
    ),
    "ForwardBatch": (
        "gru_cho",
        TWICE,
        2,
        1,
        None,
        [0.5, -0.5, 0, 0],
        [0.2366661, -0.1500429, -0.03255286, 0.0774838, 0.07378622, -0.02782359, -0.05556786, 0.0785508],
    ),
    "ForwardBatchLinearBeforeReset": (
        "gru",
        TWICE,
        2,
        1,
        None,
        [0.5, -0.5, 0, 0],
        [
            0.2539424,
            -0.174207777,
            -0.0325528607,
            0.0774837881,
            0.0874997079,
            -0.0485242009,
            -0.0577347837,
            0.0796165839,
        ],
    ),
    "SequenceLengthWithBidirectionalLinearBeforeReset": (
        "gru",
        SHORTER,
        2,
        2,
        [2, 1],
        None,
        [
            -0.0325528607,
            0.0774837881,
            -0.275918573,
            -0.00228558504,
            -0.0559310019,
            0.101836264,
            -0.275918573,
            -0.00228558504,
            -0.0577347837,
            0.0796165839,
            0,
            0,
            -0.0456649922,
            0.0462125242,
            0,
            0,
        ],
    ),
}


@pytest.mark.parametrize("name", GRU)
def test_gru(name):
    cell, x, batch, directions, lengths, initial, wanted = GRU[name]
    given = {key: np.concatenate(directions * [value]) for key, value in GRU_WEIGHTS.items()}
    state = None if initial is None else array(initial, directions, batch, 2)
    y, _ = run(layer(cell, "GRU", given), array(x, 2, batch, 2), [state], lengths)
    np.testing.assert_allclose(y, array(wanted, 2, directions, batch, 2), atol=1e-5)

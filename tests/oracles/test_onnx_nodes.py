"""The backend node tests of ONNX for LSTM, GRU and RNN: its reference results, which come with its package.

Numbers: onnx/onnx, onnx/backend/test/case/node/lstm.py, gru.py and rnn.py, by their own NumPy.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from onnx import helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases

from oracles.onnx_cells import GATES, layer, run

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the tests of other operators, which are collected too
    COLLECTED = collect_testcases(None)
CASES = {case.name: case for case in COLLECTED if case.model.graph.node[0].op_type in GATES}


def arrays(values) -> list[np.ndarray]:
    return [v if isinstance(v, np.ndarray) else numpy_helper.to_array(v) for v in values]


def test_all_of_them_are_here():
    assert len(CASES) >= 12
    assert {"test_lstm_with_peepholes", "test_gru_seq_length", "test_simple_rnn_batchwise"} <= set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_node(name):
    case = CASES[name]
    (node,) = case.model.graph.node
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    batch_first = attributes.pop("layout", 0)
    assert set(attributes) <= {"hidden_size", "direction", "linear_before_reset"}
    ((inputs, outputs),) = case.data_sets
    given = dict(zip([i for i in node.input if i], arrays(inputs), strict=True))
    wanted = dict(zip([o for o in node.output if o], arrays(outputs), strict=True))
    cells = {"LSTM": "peephole_lstm" if "P" in given else "lstm", "GRU": "gru_cho", "RNN": "rnn"}
    cell = "gru" if attributes.get("linear_before_reset") else cells[node.op_type]
    x, lengths = given["X"], given.get("sequence_lens")
    initial = [given.get("initial_h"), given.get("initial_c")][: 2 if node.op_type == "LSTM" else 1]
    if batch_first:
        x, initial = x.swapaxes(0, 1), [None if v is None else v.swapaxes(0, 1) for v in initial]
    reverse = attributes.get("direction", b"forward") == b"reverse"
    y, final = run(layer(cell, node.op_type, given), x, initial, lengths, reverse)
    if batch_first:
        y, final = y.transpose(2, 0, 1, 3), [value.swapaxes(0, 1) for value in final]
    got = {"Y": y, "Y_h": final[0], "Y_c": final[-1]}
    assert wanted
    for output, value in wanted.items():
        assert got[output].shape == value.shape
        np.testing.assert_allclose(got[output], value, rtol=1e-5, atol=1e-6, err_msg=f"{name} {output}")

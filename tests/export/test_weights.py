from __future__ import annotations

import numpy as np
import pytest

from keepgate import cells
from keepgate.export.operators import operator
from keepgate.export.weights import OPEN, Weights, operator_weights


def prepared(cell, bias=True):
    equations, random = cells.get(cell).equations, np.random.default_rng(0)
    arrays = {p.name: random.normal(size=p.shape).astype(np.float32) for p in equations.parameters(2, 3, bias)}
    return Weights(equations, arrays, equations.resolve(2, 3)), arrays


def blocks(stacked, count):
    return np.split(stacked, count)


def test_an_lstm_in_the_order_of_onnx():
    """torch stacks i, f, g, o; ONNX i, o, f, c, and its biases one after the other."""
    weights, arrays = prepared("lstm")
    found = operator_weights(operator(weights.equations), weights)
    for name, source in (("W", "weight_ih"), ("R", "weight_hh")):
        i, f, g, o = blocks(arrays[source], 4)
        np.testing.assert_array_equal(found[name], np.concatenate([i, o, f, g]))
    i, f, g, o = (sum(pair) for pair in zip(blocks(arrays["bias_ih"], 4), blocks(arrays["bias_hh"], 4), strict=True))
    both = sum(blocks(found["B"], 2))
    np.testing.assert_allclose(both, np.concatenate([i, o, f, g]), rtol=1e-6)
    assert found["W"].dtype == np.float32


def test_without_biases_they_are_zeros():
    weights, _ = prepared("lstm", bias=False)
    found = operator_weights(operator(weights.equations), weights)
    assert found["B"].shape == (24,)
    assert not found["B"].any()


def test_a_gru_has_z_before_r():
    weights, arrays = prepared("gru")
    r, z, n = blocks(arrays["weight_ih"], 3)
    found = operator_weights(operator(weights.equations), weights)
    np.testing.assert_array_equal(found["W"], np.concatenate([z, r, n]))


def test_peepholes():
    weights, arrays = prepared("peephole_lstm")
    found = operator_weights(operator(weights.equations), weights)
    np.testing.assert_array_equal(found["P"], np.concatenate([arrays["p_i"], arrays["p_o"], arrays["p_f"]]))


def test_a_gate_that_is_not_there_is_open():
    weights, _ = prepared("lstm_1997")
    made = operator(weights.equations)
    assert made.gates[2] is None  # f
    found = operator_weights(made, weights)
    assert (found["B"][6:9] == OPEN).all()
    assert not found["W"][6:9].any()
    assert 1 / (1 + np.exp(-OPEN)) == 1.0


def test_the_product_with_a_projected_output_is_that_with_the_unprojected_one():
    weights, arrays = prepared("projected(lstm, 2)")
    found = operator_weights(operator(weights.equations), weights)
    np.testing.assert_allclose(found["R"], found["start"] @ arrays["weight_hr"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found["out"], arrays["weight_hr"].T)
    assert found["start"].shape == (12, 2)


@pytest.mark.parametrize(("gate", "rows"), [("i", slice(0, 3)), ("o", slice(9, 12))])
def test_rows_of_a_gate(gate, rows):
    weights, arrays = prepared("lstm")
    np.testing.assert_array_equal(weights.rows(gate, "i"), arrays["weight_ih"][rows])
    np.testing.assert_array_equal(weights.bias(gate, "h"), arrays["bias_hh"][rows])

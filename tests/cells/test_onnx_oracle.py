"""Cells against ONNX Runtime's operators, an implementation by others: peepholes, coupled gates, both GRUs, lengths."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from conformance.engines import HERE, run
from keepgate import cells
from keepgate.testing.problems import Outcome, Problem, Setting, problem
from keepgate.testing.tolerances import assert_all_close, assert_close

# ONNX stacks the rows of an LSTM as i, o, f, c and those of a GRU as z, r, h.
LSTM, GRU, RNN = ("LSTM", "iofg"), ("GRU", "zrn"), ("RNN", "n")
IDENTITY = {"activations": ["Sigmoid", "Tanh", "Affine"], "activation_alpha": [1.0], "activation_beta": [0.0]}
# g(a) = 4 sigmoid(a) - 2 = 2 tanh(a / 2) and h(s) = 2 sigmoid(s) - 1 = tanh(s / 2)
SQUASHED = {"activations": ["Sigmoid", "ScaledTanh", "ScaledTanh"], "activation_alpha": [2.0, 1.0]}
SQUASHED |= {"activation_beta": [0.5, 0.5]}

CASES = {
    "lstm": (LSTM, {}),
    "peephole_lstm": (LSTM, {}),
    "coupled_lstm": (LSTM, {"input_forget": 1}),
    "coupled(peephole_lstm)": (LSTM, {"input_forget": 1}),
    "no_output_activation(lstm)": (LSTM, IDENTITY),
    "no_output_activation(peephole_lstm)": (LSTM, IDENTITY),
    "lstm_1997": (LSTM, SQUASHED),
    "gru": (GRU, {"linear_before_reset": 1}),
    "gru_cho": (GRU, {"linear_before_reset": 0}),
    "rnn": (RNN, {}),
    "rnn('relu')": (RNN, {"activations": ["Relu"]}),
}
OPEN = 1e4  # as a bias: a gate that is always 1


def rows(tried: Problem, name: str, gates: str) -> np.ndarray:
    """Return the rows of a stacked parameter in ONNX's order; a gate that the cell does not have is zeros."""
    stacked = tried.parameters[name].numpy()
    order = next(p.gates for p in tried.equations.parameters(1, 1) if p.name == name)
    parts = dict(zip(order, np.split(stacked, len(order)), strict=True))
    return np.concatenate([parts.get(gate, np.zeros_like(parts[order[0]])) for gate in gates])


def onnx_run(tried: Problem, operator: str, gates: str, attributes: dict) -> Outcome:
    """Build a model of one operator, run it, and return its outputs in our shapes."""
    arguments, hidden = tried.arguments, tried.d_output.shape[-1]
    bias_ih = rows(tried, "bias_ih", gates)
    if "f" in gates and "f" not in tried.equations.gates:
        bias_ih[gates.index("f") * hidden :][:hidden] = OPEN  # no forget gate; where it is coupled, it is not read
    feed = {
        "X": arguments.x.numpy(),
        "W": rows(tried, "weight_ih", gates)[None],
        "R": rows(tried, "weight_hh", gates)[None],
        "B": np.concatenate([bias_ih, rows(tried, "bias_hh", gates)])[None],
    }
    if arguments.lengths is not None:
        feed["lengths"] = arguments.lengths.numpy().astype(np.int32)
    for state, value in arguments.state.items():
        feed[f"initial_{state}"] = value.numpy()[None]
    if "p_o" in tried.parameters:
        peepholes = [tried.parameters.get(name, torch.zeros(hidden)).numpy() for name in ("p_i", "p_o", "p_f")]
        feed["P"] = np.concatenate(peepholes)[None]
    wanted = ["X", "W", "R", "B", "lengths", "initial_h", "initial_c", "P"]
    slots = [name if name in feed else "" for name in wanted[: 8 if operator == "LSTM" else 6]]
    outputs = ["Y", "Y_h", "Y_c"][: 3 if operator == "LSTM" else 2]
    direction = "reverse" if arguments.reverse else "forward"
    node = helper.make_node(operator, slots, outputs, hidden_size=hidden, direction=direction, **attributes)
    kinds = {np.dtype("float32"): TensorProto.FLOAT, np.dtype("int32"): TensorProto.INT32}
    graph = helper.make_graph(
        [node],
        operator,
        [helper.make_tensor_value_info(name, kinds[value.dtype], value.shape) for name, value in feed.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    output, *final = session.run(None, feed)
    states = dict(zip(("h", "c"), final, strict=False))
    return Outcome(torch.tensor(output[:, 0]), {name: torch.tensor(value[0]) for name, value in states.items()})


SETTINGS = {
    "plain": Setting(steps=6, batch=3, inputs=5, hidden=4, dtype=torch.float32),
    "lengths": Setting(steps=6, batch=4, inputs=5, hidden=4, dtype=torch.float32, lengths=(2, 6, 1, 5)),
    "reverse": Setting(steps=6, batch=3, inputs=5, hidden=4, dtype=torch.float32, reverse=True),
    "reverse, lengths": Setting(
        steps=6, batch=4, inputs=5, hidden=4, dtype=torch.float32, lengths=(2, 6, 1, 5), reverse=True
    ),
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("cell", CASES)
@pytest.mark.parametrize("engine", HERE)
def test_as_onnx_runtime(engine: str, cell: str, setting: str):
    (operator, gates), attributes = CASES[cell]
    tried = problem(f"{cell}, {setting}", cells.get(cell).equations, SETTINGS[setting])
    got, wanted = run(engine, tried), onnx_run(tried, operator, gates, attributes)
    assert_close("output", got.output, wanted.output)
    assert_all_close("final", got.final, wanted.final)

"""What cannot be exported is told in one sentence, and nothing is left behind."""

from __future__ import annotations

import onnx
import pytest
import torch

from export.running import recurrent
from keepgate import SequenceClassifier, export
from keepgate.equations import Cell, affine, step_input, tanh
from keepgate.errors import InputError


def test_the_file_is_the_model(tmp_path):
    path = tmp_path / "layer.onnx"
    model = export.onnx(recurrent("lstm"), path)
    assert onnx.load(path) == model
    assert {row.key: row.value for row in model.metadata_props} == {"cell": "lstm", "operator": "LSTM"}
    assert [value.name for value in model.graph.input] == ["input", "initial_h", "initial_c"]
    assert [d.dim_param for d in model.graph.input[0].type.tensor_type.shape.dim] == ["time", "batch", ""]
    assert [value.name for value in model.graph.output] == ["output", "final_h", "final_c"]
    assert list(tmp_path.iterdir()) == [path]


def test_other_modules():
    with pytest.raises(InputError, match=r"takes a keepgate.nn layer or a fitted estimator, got LSTM"):
        export.onnx(torch.nn.LSTM(2, 3))


def test_half_precision():
    with pytest.raises(InputError, match=r"float32 or float64 weights, got torch.float16; convert by module.float\(\)"):
        export.onnx(recurrent("lstm").half())


def test_an_estimator_that_is_not_fitted():
    with pytest.raises(ValueError, match="not fitted"):
        export.onnx(SequenceClassifier())


def test_a_step_input_with_a_name_of_the_model_s_own():
    class Clash(Cell):
        def step(self, x, last):
            return self.State(h=tanh(affine("n", x, last.h)) * step_input("output"))

    with pytest.raises(InputError, match="has 'output' twice"):
        export.onnx(recurrent(Clash))


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot write"):
        export.onnx(recurrent("lstm"), tmp_path / "absent" / "layer.onnx")
    assert not list(tmp_path.iterdir())

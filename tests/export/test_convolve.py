"""Convolutional layers run by ONNX Runtime: spaces of any size, kernels of all kinds, lengths, resets, states."""

from __future__ import annotations

import pytest

from conformance.cells import CELLS
from export.running import BOUND, operators, recurrent, worst
from keepgate import export
from keepgate.maps import Convolution

KERNELS = {
    "one direction": (Convolution(3, 1), (9,)),
    "two": (Convolution((3, 5)), (4, 6)),
    "three": (Convolution(3, 3), (2, 3, 4)),
    "even": (Convolution((2, 4)), (5, 4)),
    "dilation": (Convolution(3, dilation=(1, 2)), (4, 6)),
    "circular": (Convolution((3, 4), padding="circular"), (3, 5)),
    "vectors of a place": (Convolution(3, space=(4, 5)), (4, 5)),
}
CELLS_TRIED = ("lstm", "peephole_lstm", "gru_cho", "layer_norm(lstm)", "zoneout(lstm, 0.25)", "everything")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("cell", CELLS_TRIED)
def test_one_direction(cell: str, kernel: str):
    product, space = KERNELS[kernel]
    module = recurrent(CELLS[cell], map=product)
    assert operators(export.onnx(module)) == ["Scan"]
    assert worst(module, steps=(1, 7), space=space) <= BOUND


@pytest.mark.parametrize("cell", ["peephole_lstm", "gru_cho"])
def test_stacks_of_both_directions(cell: str):
    options = {"num_layers": 2, "bidirectional": True, "batch_first": True, "map": Convolution(3)}
    module = recurrent(CELLS[cell], **options)
    assert operators(export.onnx(module)) == 4 * ["Scan"]
    assert worst(module, lengths=True, reset=True, steps=(1, 5), space=(4, 3)) <= BOUND
    assert worst(module, state=False, steps=(5,), space=(6, 2)) <= BOUND


def test_inputs_are_described():
    model = export.onnx(recurrent("lstm", map=Convolution(3)))
    told = {value.name: value.doc_string for value in model.graph.input}
    assert told["input"] == "[T, B, 5, S1, S2]"
    assert told["initial_c"] == "of state c, [layers * directions, B, W, S1, S2]"

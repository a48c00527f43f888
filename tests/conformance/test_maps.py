"""A second map, which is no matrix: whatever takes a matrix for granted gives another result here, or refuses.

Its outside oracle is the same cell with matrices that have the map's weights on their diagonals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from conformance.cells import CELLS
from export.running import operators
from export.running import run as run_onnx
from keepgate import cells, export
from keepgate.equations import Equations, WrittenCell, compile_program
from keepgate.errors import BackendError, CellError, InputError
from keepgate.export import steps
from keepgate.maps import DENSE, Map
from keepgate.native import Stepper, missing
from keepgate.nn import Recurrent
from keepgate.scan import cudnn, reference, scan
from keepgate.testing import interpreter
from keepgate.testing.engines import differentiate
from keepgate.testing.oracle import solve
from keepgate.testing.problems import Outcome, Problem, Setting, problem
from keepgate.testing.tolerances import assert_all_close, assert_close

UNITS = 5


@dataclass(frozen=True)
class Diagonal(Map):
    """Each unit is multiplied with a weight of its own, times ``scale``."""

    scale: int = 1

    def weight_shape(self, gates, width, source_width):
        """Return [gates * width]."""
        if width != source_width:
            raise InputError(f"a diagonal map joins equal widths, not {source_width} and {width}")
        return (gates * width,)

    def widths(self, shape, gates):
        """Return the units of a gate, twice."""
        return shape[-1] // gates, shape[-1] // gates

    def fan_in(self, source_width):
        """Return 1."""
        return 1


@dataclass(frozen=True)
class Unknown(Diagonal):
    """What no engine has a row for."""


def torch_product(map: Diagonal, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    gates = len(weight) // x.shape[-1]
    return map.scale * x.repeat(*[1] * (x.dim() - 1), gates) * weight + (0.0 if bias is None else bias)


def onnx_product(map: Diagonal, graph, x, weights, constant):
    parts = np.split(map.scale * weights, len(weights) // UNITS)
    return graph.joined([graph.node("Mul", x, constant(part)) for part in parts], -1)


NUMPY = interpreter.Product(
    lambda map, x, w: map.scale * x * w,
    lambda map, delta, w: map.scale * delta * w,
    lambda map, delta, x: map.scale * (delta * x).sum(0),
)


@pytest.fixture(autouse=True)
def rows(monkeypatch):
    """Give the engines that can have them their rows."""
    monkeypatch.setitem(interpreter.PRODUCTS, Diagonal, NUMPY)
    monkeypatch.setitem(reference.PRODUCTS, Diagonal, torch_product)
    monkeypatch.setitem(steps.PRODUCTS, Diagonal, onnx_product)


SETTINGS = {
    "plain": Setting(inputs=UNITS, hidden=UNITS),
    "one of each": Setting(steps=1, batch=1, inputs=1, hidden=1),
    "no bias": Setting(inputs=UNITS, hidden=UNITS, bias=False),
    "lengths and resets, reverse": Setting(
        steps=9, batch=4, inputs=UNITS, hidden=UNITS, resets=True, lengths=(4, 9, 0, 7), reverse=True
    ),
}
EQUAL = ("lstm", "gru", "gru_cho", "peephole_lstm", "multiplicative_lstm", "layer_norm(lstm)", "zoneout(lstm, 0.25)")


def diagonal(cell: str, scale: int = 2) -> Equations:
    return replace(CELLS[cell].equations, map=Diagonal(scale))


def with_matrices(tried: Problem) -> Problem:
    """Return the problem with the diagonal weights written out as matrices."""
    parameters = dict(tried.parameters)
    for block, products in tried.equations.products.items():
        parts = tried.parameters[f"weight_{block}"].chunk(len(products))
        parameters[f"weight_{block}"] = torch.cat([tried.equations.map.scale * torch.diag(part) for part in parts])
    return replace(tried, equations=replace(tried.equations, map=DENSE), parameters=parameters)


def on_the_diagonal(tried: Problem, outcome: Outcome) -> Outcome:
    """Return an outcome of `with_matrices` with the gradients of the matrices' diagonals."""
    gradients = dict(outcome.gradients)
    for block, products in tried.equations.products.items():
        parts = gradients[f"weight_{block}"].chunk(len(products))
        gradients[f"weight_{block}"] = torch.cat([tried.equations.map.scale * torch.diagonal(part) for part in parts])
    return replace(outcome, gradients=gradients)


def assert_same(got: Outcome, wanted: Outcome) -> None:
    assert_close("output", got.output, wanted.output)
    assert_all_close("final", got.final, wanted.final)
    assert_all_close("gradient of", got.gradients, wanted.gradients)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("cell", EQUAL)
def test_the_interpreter_and_torch_compute_what_matrices_compute(cell: str, setting: str):
    tried = problem(f"{cell}, {setting}", diagonal(cell), SETTINGS[setting])
    wanted = on_the_diagonal(tried, solve(with_matrices(tried)))
    assert_same(solve(tried), wanted)
    assert_same(differentiate(reference.scan, tried), wanted)


@pytest.mark.parametrize("cell", EQUAL)
def test_onnx(cell: str):
    torch.manual_seed(0)
    module = Recurrent(diagonal(cell), UNITS, UNITS, bidirectional=True).eval()
    model = export.onnx(module, state=False)
    assert operators(model) == ["Scan", "Scan"]
    x = torch.randn(7, 3, UNITS)
    with torch.no_grad():
        wanted = module(x)[0]
    assert_close("output", torch.from_numpy(run_onnx(model, {"input": x.numpy()})[0]), wanted)


def test_a_layer_has_the_shapes_of_the_map_and_begins_at_its_fan_in():
    torch.manual_seed(0)
    layer = Recurrent(diagonal("lstm"), 64, 64)
    assert {name: tuple(value.shape) for name, value in layer.named_parameters()} == {
        "weight_ih_l0": (256,),
        "weight_hh_l0": (256,),
        "bias_ih_l0": (256,),
        "bias_hh_l0": (256,),
    }
    assert 0.9 < layer.weight_hh_l0.abs().max() <= 1  # of a matrix, 1/8
    output, _ = layer(torch.randn(3, 2, 64))
    output.sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in layer.parameters())


def test_equations_keep_their_map():
    equations = diagonal("lstm", 3)
    again = Equations.from_json(equations.to_json())
    assert again.map == equations.map == Diagonal(3)
    assert again.dumps() == equations.dumps() != CELLS["lstm"].equations.dumps()
    assert equations.recording(["f"]).map == Diagonal(3)
    assert compile_program(equations).map == Diagonal(3)
    for modify in (cells.layer_norm, cells.zoneout, cells.coupled, cells.recurrent_dropout):
        assert modify(WrittenCell(equations)).equations.map == Diagonal(3)


def test_a_matrix_leaves_no_trace_in_the_model_file():
    assert "map" not in CELLS["lstm"].equations.to_json()
    assert Equations.from_json(CELLS["lstm"].equations.to_json()).map == DENSE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"kind": "sparse"}, "'sparse' is no kind of map; there are convolution, dense, "),
        ("dense", "None is no kind of map"),
        ({"kind": "dense", "size": 3}, r"the map dense has the fields \[\], got \['size'\]"),
        ({"kind": "diagonal"}, "the map diagonal has the fields"),
        ({"kind": "diagonal", "scale": 0}, "scale of Diagonal is an integer from 1 on, got 0"),
        ({"kind": "diagonal", "scale": True}, "scale of Diagonal is an integer from 1 on, got True"),
    ],
)
def test_a_damaged_map_is_refused(data, words):
    with pytest.raises(CellError, match=f"damaged: {words}"):
        Equations.from_json({**CELLS["lstm"].equations.to_json(), "map": data})


def test_widths_that_the_map_does_not_join_are_refused():
    with pytest.raises(InputError, match="a diagonal map joins equal widths, not 3 and 5"):
        Recurrent(diagonal("lstm"), 3, 5)


REASON = r"the core multiplies with matrices, not with the map Diagonal\(scale=2\)"


@pytest.mark.skipif(missing() is not None, reason="the core does not run here")
def test_the_core_refuses_it():
    tried = problem("refused", diagonal("lstm"), SETTINGS["plain"])
    with pytest.raises(BackendError, match=rf"backend 'native' cannot run this: {REASON}; use backend='auto'"):
        scan(tried.equations, tried.parameters, tried.arguments, "native")
    arrays = {name: value.numpy() for name, value in tried.parameters.items()}
    with pytest.raises(BackendError, match=f"^{REASON}$"):
        Stepper(tried.equations, UNITS, UNITS, arrays)


def test_auto_takes_the_engine_that_can():
    tried = problem("auto", diagonal("lstm"), SETTINGS["plain"])
    wanted = reference.scan(tried.equations, tried.parameters, tried.arguments)
    got = scan(tried.equations, tried.parameters, tried.arguments)
    assert torch.equal(got.recorded["h"], wanted.recorded["h"])
    assert cudnn._key(CELLS["lstm"].equations) in cudnn._kernels()
    assert cudnn._key(tried.equations) not in cudnn._kernels()


def test_a_map_without_a_row_is_refused_everywhere():
    tried = problem("unknown", diagonal("lstm"), SETTINGS["plain"])
    equations = replace(tried.equations, map=Unknown())
    with pytest.raises(BackendError, match=r"no engine can run this: .* has no row for the map Unknown\(scale=1\)"):
        scan(equations, tried.parameters, tried.arguments)
    with pytest.raises(InputError, match=r"ONNX has no product for the map Unknown\(scale=1\) of lstm"):
        export.onnx(Recurrent(equations, UNITS, UNITS))

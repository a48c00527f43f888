from __future__ import annotations

import numpy as np
import onnx
import pytest

from export.running import run
from keepgate.errors import InputError
from keepgate.export.graph import BOOL, FLOAT, INT64, Graph

X = np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32)


def computed(emit, shape=("time", "batch", 2), value=X):
    """Build a graph of one input and return what ONNX Runtime makes of it."""
    graph = Graph("tried")
    graph.output("y", emit(graph, graph.input("x", FLOAT, shape)), FLOAT, [None] * 9)
    model = onnx.helper.make_model(graph.proto(), opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    model.graph.output[0].type.CopyFrom(onnx.TypeProto())
    model = onnx.shape_inference.infer_shapes(model)
    (found,) = run(model, {"x": value})
    return found


@pytest.mark.parametrize(
    ("emit", "wanted"),
    [
        (lambda g, x: g.part(x, 1, 3, 0), X[1:3]),
        (lambda g, x: g.part(x, 0, 1, -1), X[..., :1]),
        (lambda g, x: g.swap(x, 2, 0, 1), X.transpose(2, 0, 1)),
        (lambda g, x: g.unsqueeze(x, 0, 4), X[None, ..., None]),
        (lambda g, x: g.squeeze(g.unsqueeze(x, 1), 1), X),
        (lambda g, x: g.joined([x, x], 1), np.concatenate([X, X], 1)),
        (lambda g, x: g.joined([x], 1), X),
        (lambda g, x: g.cast(g.cast(x, BOOL), FLOAT), (X != 0).astype(np.float32)),
        (lambda g, x: g.cast(g.steps(x), FLOAT), np.arange(4, dtype=np.float32)),
        (lambda g, x: g.cast(g.size(x, 1), FLOAT), np.array([3], np.float32)),
        (lambda g, x: g.node("Add", x, g.constant(np.float32([1, 2]))), X + np.float32([1, 2])),
    ],
)
def test_short_names_are_numpys(emit, wanted):
    found = computed(emit)
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(found, wanted)


def test_names_are_taken_once():
    graph = Graph("tried")
    assert graph.unused("a") == "a"
    graph.input("a", FLOAT, [1])
    again = graph.unused("a")
    assert again.startswith("a_")
    with pytest.raises(InputError, match=r"^the exported model has 'a' twice; give the cell's step input another"):
        graph.input("a", INT64, [1])
    with pytest.raises(InputError, match="'a' twice"):
        graph.output("a", "a", FLOAT, [1])


def test_a_node_has_as_many_results_as_are_asked_for():
    graph = Graph("tried")
    both = graph.nodes(2, "TopK", graph.input("x", FLOAT, [3]), graph.constant(np.array([1])))
    assert len(set(both)) == 2
    (node,) = graph.proto().node
    assert list(node.output) == both


def test_weights_of_a_loop_are_kept_outside_it():
    graph = Graph("outer")
    body = graph.body("inner")
    name = body.constant(np.ones(2, np.float32))
    assert [weight.name for weight in graph.proto().initializer] == [name]
    assert not body.proto().initializer
    assert graph.node("Neg", name) != body.node("Neg", name)  # names are of both together


def test_a_scalar_stays_a_scalar_and_strides_are_undone():
    graph = Graph("tried")
    graph.constant(np.array(3))
    graph.constant(np.arange(6.0).reshape(2, 3).T)
    scalar, turned = map(onnx.numpy_helper.to_array, graph.proto().initializer)
    assert scalar.shape == ()
    np.testing.assert_array_equal(turned, np.arange(6.0).reshape(2, 3).T)


def test_a_model_that_is_none_is_not_returned():
    graph = Graph("tried")
    graph.output("y", "nothing", FLOAT, [1])
    with pytest.raises(onnx.checker.ValidationError):
        graph.model()


def test_metadata_and_versions():
    graph = Graph("tried")
    graph.metadata["labels"] = "a, b"
    graph.output("y", graph.input("x", FLOAT, ["batch"]), FLOAT, ["batch"])
    model = graph.model()
    assert {one.key: one.value for one in model.metadata_props} == {"labels": "a, b"}
    assert (model.ir_version, model.opset_import[0].version, model.producer_name) == (8, 18, "keepgate")

"""An ONNX graph while it is built: nodes and weights by name, bodies of loops inside, and the finished model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, checker, helper, numpy_helper

from keepgate.errors import InputError

__all__ = ["BOOL", "DOUBLE", "FLOAT", "INT64", "Graph"]

OPSET = 18  # the first in which every reduction takes its axes alike
IR_VERSION = 8  # that of opset 18: older runtimes read it too
BOOL, DOUBLE, FLOAT, INT64 = TensorProto.BOOL, TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.INT64

Shape = Sequence[int | str | None]


class Graph:
    """Nodes in the order in which they are emitted; a value is known by its name.

    Attributes:
        metadata: what a user of the file has to know, by key.
    """

    def __init__(self, name: str, outer: Graph | None = None) -> None:
        self.name = name
        self.metadata: dict[str, str] = {}
        self._outer = outer
        self._taken: set[str] = set() if outer is None else outer._taken
        self._nodes: list[NodeProto] = []
        self._weights: list[TensorProto] = []
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []

    def body(self, name: str) -> Graph:
        """Return the body of a loop, which sees the values of this graph; its weights are kept here."""
        return Graph(name, self)

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Emit a node and return its value; an input that is left out is the empty name."""
        return self.nodes(1, op, *inputs, **attributes)[0]

    def nodes(self, count: int, op: str, *inputs: str, **attributes: Any) -> list[str]:
        """Emit a node with several results and return them."""
        results = [self._claimed(self.unused(op)) for _ in range(count)]
        self._nodes.append(helper.make_node(op, inputs, results, results[0], **attributes))
        return results

    def constant(self, value: Any, name: str = "constant") -> str:
        """Keep an array, or a whole number or numbers (int64), with the model and return its name."""
        if self._outer is not None:
            return self._outer.constant(value, name)
        array = np.ascontiguousarray(value).reshape(np.shape(value))
        self._weights.append(numpy_helper.from_array(array, self._claimed(self.unused(f"weights.{name}"))))
        return self._weights[-1].name

    def input(self, name: str, kind: int, shape: Shape, text: str = "") -> str:
        """Declare an input of the graph.

        Args:
            name: of the input.
            kind: ONNX's number of the element type.
            shape: a dimension is a size or a name.
            text: a description.

        Raises:
            InputError: the name is taken.
        """
        self._inputs.append(helper.make_tensor_value_info(self._claimed(name), kind, shape, text))
        return name

    def output(self, name: str, value: str, kind: int, shape: Shape, text: str = "") -> None:
        """Declare a value as an output of the graph.

        Args:
            name: of the output.
            value: of the graph.
            kind: ONNX's number of the element type.
            shape: a dimension is a size or a name.
            text: a description.

        Raises:
            InputError: the name is taken.
        """
        self._nodes.append(helper.make_node("Identity", [value], [self._claimed(name)]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape, text))

    def proto(self) -> GraphProto:
        """Return the graph as it stands."""
        return helper.make_graph(self._nodes, self.name, self._inputs, self._outputs, self._weights)

    def model(self) -> ModelProto:
        """Return the checked model; its types and shapes are inferred."""
        model = helper.make_model(
            self.proto(),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="keepgate",
        )
        helper.set_model_props(model, self.metadata)
        checker.check_model(model, full_check=True)
        return model

    def unused(self, name: str) -> str:
        """Return the name, or with a number behind it where it is taken."""
        unused, count = name, len(self._taken)
        while unused in self._taken:
            unused, count = f"{name}_{count}", count + 1
        return unused

    def _claimed(self, name: str) -> str:
        if name in self._taken:
            raise InputError(f"the exported model has '{name}' twice; give the cell's step input another name")
        self._taken.add(name)
        return name

    # Short names for what is emitted often

    def steps(self, sequence: str) -> str:
        """Return the numbers of the steps of a sequence [T, ...], int64 [T]."""
        zero, one = self.constant(np.array(0)), self.constant(np.array(1))
        return self.node("Range", zero, self.squeeze(self.size(sequence, 0), 0), one)

    def size(self, value: str, axis: int) -> str:
        """Return one dimension of a value, int64 [1]."""
        return self.node("Shape", value, start=axis, end=axis + 1)

    def unsqueeze(self, value: str, *axes: int) -> str:
        """Insert dimensions of size 1."""
        return self.node("Unsqueeze", value, self.constant(np.array(axes)))

    def squeeze(self, value: str, *axes: int) -> str:
        """Remove dimensions of size 1."""
        return self.node("Squeeze", value, self.constant(np.array(axes)))

    def part(self, value: str, start: int, stop: int, axis: int) -> str:
        """Return the slice `start:stop` along an axis."""
        return self.node("Slice", value, *(self.constant(np.array([number])) for number in (start, stop, axis)))

    def swap(self, value: str, *order: int) -> str:
        """Return the value with its dimensions in another order."""
        return self.node("Transpose", value, perm=order)

    def cast(self, value: str, kind: int) -> str:
        """Return the value in another type."""
        return self.node("Cast", value, to=kind)

    def joined(self, values: Sequence[str], axis: int) -> str:
        """Concatenate along an axis."""
        return values[0] if len(values) == 1 else self.node("Concat", *values, axis=axis)

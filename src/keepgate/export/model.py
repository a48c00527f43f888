"""`onnx`: a module as an ONNX model."""

from __future__ import annotations

import os
from typing import Any, Protocol, runtime_checkable

from onnx import ModelProto

from keepgate.errors import InputError
from keepgate.export.graph import Graph
from keepgate.export.layers import emit_module
from keepgate.nn import Recurrent
from keepgate.store import write_atomic

__all__ = ["Exportable", "onnx"]


@runtime_checkable
class Exportable(Protocol):
    """Something that can emit itself whole, such as a fitted estimator."""

    onnx_parts: tuple[str, ...]

    def to_onnx(self, graph: Graph, *part: str) -> None:
        """Emit inputs, computation and outputs, of a part if there are several."""
        ...


def onnx(
    module: Recurrent | Exportable | Any,
    path: str | os.PathLike[str] | None = None,
    *,
    state: bool = True,
    lengths: bool = False,
    reset: bool = False,
    part: str | None = None,
) -> ModelProto:
    """Return a module as an ONNX model, in evaluation, and write it to `path` if given.

    Time (at least one step) and batch are free. Layers whose equations an operator of ONNX computes (LSTM, GRU or RNN,
    with peepholes, coupled gates, other activations, clipping or projection) are one node each, both directions
    together, however the cell was written; all others, those in float64 and with `reset` are a `Scan` of the
    equations.

    A `Recurrent` has the inputs `input`, `initial_<state>` for each state, `lengths` (int64) and `reset`
    (bool) as asked for, and the cell's step inputs by name; and the outputs `output` and `final_<state>`; shapes
    are those of its `forward`. A fitted estimator is exported from what its front end gives (raw values, features of
    a recording, numbers of symbols) to predictions; these options are not for it. Inputs and outputs are described in
    the file.

    Args:
        module: a `keepgate.nn.Recurrent`, or a fitted estimator.
        path: of the file; replaced as a whole.
        state: whether initial states are inputs; else they are zeros.
        lengths: whether the length of each row is an input.
        reset: whether the steps that restart from the initial state are an input.
        part: of an estimator that is exported in parts: `"encoder"` or `"decoder"` of a translator.

    Raises:
        InputError: the module is none that can be exported, its weights are neither float32 nor float64, or the file
            cannot be written.
    """
    graph = Graph("keepgate")
    if isinstance(module, Recurrent):
        emit_module(graph, module, state, lengths, reset)
    elif isinstance(module, Exportable):
        if part not in (module.onnx_parts or (None,)):
            parts = ", ".join(module.onnx_parts) or "which has no parts"
            raise InputError(f"part={part!r} is none of the parts of this model: {parts}")
        module.to_onnx(graph, *([] if part is None else [part]))
    else:
        what = f"a keepgate.nn layer or a fitted estimator, got {type(module).__name__}"
        raise InputError(f"export.onnx takes {what}")
    model = graph.model()
    if path is not None:
        write_atomic(path, model.SerializeToString())
    return model

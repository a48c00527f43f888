"""Exported models run by ONNX Runtime, an implementation by others, beside the modules that they came from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnxruntime
import torch
from onnx import ModelProto

from keepgate import export
from keepgate.nn import Recurrent
from keepgate.testing.tolerances import error

__all__ = ["BOUND", "INPUTS", "UNITS", "operators", "recurrent", "run", "worst"]

INPUTS, UNITS, BOUND = 5, 7, 1e-5
OPERATORS = ("LSTM", "GRU", "RNN", "Scan")


def run(model: ModelProto, feed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return the outputs of a model."""
    return session(model).run(None, dict(feed))


def session(model: ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def operators(model: ModelProto) -> list[str]:
    """Return the recurrent operators of a model."""
    return [node.op_type for node in model.graph.node if node.op_type in OPERATORS]


def recurrent(cell, **options) -> Recurrent:
    """Return layers with weights that depend on nothing but their shapes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Recurrent(cell, INPUTS, UNITS, **options).eval()


def worst(
    module: Recurrent, state=True, lengths=False, reset=False, steps=(1, 7, 100), batches=(1, 3), space=()
) -> float:
    """Return the largest error of all outputs and final states over sizes that the export knew nothing of."""
    model = export.onnx(module, state=state, lengths=lengths, reset=reset)
    running, names = session(model), ["output", *(f"final_{name}" for name in module.widths)]
    errors = []
    for t in steps:
        for b in batches:
            given, hx, feed = arguments(module, t, b, state, lengths, reset, space)
            with torch.no_grad():
                output, final = module(given.pop("input"), hx, **given)
            wanted = (output, *(final if isinstance(final, tuple) else (final,)))
            got = [torch.from_numpy(value) for value in running.run(names, feed)]
            assert [value.shape for value in got] == [value.shape for value in wanted]
            errors += [error(a, b) for a, b in zip(got, wanted, strict=True)]
    return max(errors)


def arguments(module: Recurrent, t: int, b: int, state: bool, lengths: bool, reset: bool, space=()):
    """Return random arguments for a module's forward, the initial state, and all of it for the exported model."""
    random, dtype = torch.Generator().manual_seed(100 * t + b), module.all_weights[0][0].dtype
    size = module.equations.resolve(module.input_size, module.hidden_size)

    def timed(*rest: int) -> tuple[int, ...]:
        return (b, t, *rest) if module.batch_first else (t, b, *rest)

    rows = module.num_layers * module.directions
    initial = {
        name: torch.randn(rows, b, w, *space, generator=random, dtype=dtype) for name, w in module.widths.items()
    }
    given = {"input": torch.randn(timed(INPUTS, *space), generator=random, dtype=dtype)}
    extra = {
        name: torch.rand(timed(size[width], *space), generator=random, dtype=dtype)
        for name, width in module.equations.step_inputs.items()
    }
    if lengths:
        given["lengths"] = torch.randint(0, t + 1, (b,), generator=random)
    if reset:
        given["reset"] = torch.rand(timed(), generator=random) < 0.3
    entering = {f"initial_{name}": value for name, value in initial.items()} if state else {}
    feed = {name: value.numpy() for name, value in {**given, **extra, **entering}.items()}
    states = tuple(initial.values()) if len(initial) > 1 else next(iter(initial.values()))
    return given | {"step_inputs": extra}, states if state else None, feed

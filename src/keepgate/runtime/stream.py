"""`Stream`: a network step by step, for input that comes in pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from keepgate import networks as blocks
from keepgate.errors import InputError
from keepgate.networks import INT64, Block
from keepgate.runtime.blocks import FUNCTIONS, At
from keepgate.runtime.recurrent import steppers
from keepgate.runtime.run import Runner

__all__ = ["Stream"]


class Stream:
    """A network on a sequence that comes in pieces; the results together are those of `Runner.run`.

    Args:
        runner: the network.
        source: the value that is fed: [batch, steps, width], or with time first.
        wanted: the value that is asked for.
        batch: rows that are fed at once.

    Raises:
        InputError: a block between them needs the future, as layers that read in both directions do.
    """

    def __init__(self, runner: Runner, source: str, wanted: str, batch: int = 1) -> None:
        self.runner, self.source, self.wanted = runner, source, wanted
        network, values = runner.network, runner.network.values()
        lengths = {name for name, value in values.items() if value.dtype == INT64 and len(value.shape) == 1}
        left_out = lengths | {entry.name for entry in network.inputs if entry.optional}
        self._steps: list[tuple[list[str], str, Piece]] = []
        for step in network.between({source, *lengths}, (wanted,)):
            sources = [name for name in step.sources if name and name not in left_out]
            self._steps.append((sources, network.results(step)[0], _piece(runner.at(step), step.name, batch)))

    def feed(self, piece: Any) -> np.ndarray:
        """Return what a piece of any number of steps adds; it may be nothing yet."""
        return self._run(self.runner.array(self.source, piece), last=False)

    def finish(self, piece: Any) -> np.ndarray:
        """Return what the last piece, which may have no step, and the end add."""
        return self._run(self.runner.array(self.source, piece), last=True)

    def _run(self, piece: np.ndarray, last: bool) -> np.ndarray:
        values = {self.source: piece}
        for sources, name, run in self._steps:
            values[name] = run([values[source] for source in sources], last)
        return values[self.wanted]


Piece = Callable[[list[np.ndarray], bool], np.ndarray]


def _recurrent(at: At, batch: int) -> Piece:
    """Layers that go on from piece to piece."""
    block: blocks.Recurrent = at.block
    layers = steppers(block, at.tensors, batch, at.dtype)

    def run(sources: list[np.ndarray], last: bool) -> np.ndarray:
        x = sources[0] if block.time_first else sources[0].swapaxes(0, 1)
        output = np.empty((*x.shape[:2], block.output_size), at.dtype)
        for step, to in zip(x, output, strict=True):
            step = np.ascontiguousarray(step)
            for stepper in layers:
                step = stepper.step(step)
            to[:] = step
        return output if block.time_first else output.swapaxes(0, 1)

    return run


def _stack(at: At, batch: int) -> Piece:
    """Stack steps; those that make no whole group wait for the next piece."""
    waiting: list[np.ndarray] = []

    def run(sources: list[np.ndarray], last: bool) -> np.ndarray:
        x = np.concatenate([*waiting, sources[0]], 1)
        missing = -x.shape[1] % at.block.count
        if last:
            x = np.pad(x, ((0, 0), (0, missing), (0, 0)))
        whole = x.shape[1] // at.block.count * at.block.count
        waiting[:] = [x[:, whole:]]
        return x[:, :whole].reshape(batch, whole // at.block.count, at.block.count * x.shape[2])

    return run


KEEPING = {blocks.Recurrent: _recurrent, blocks.Stack: _stack}  # what remembers something between two pieces
STEPWISE: tuple[type[Block], ...] = (  # what sees each step for itself
    blocks.Activation,
    blocks.AdaptiveSoftmax,
    blocks.Add,
    blocks.Average,
    blocks.Concat,
    blocks.Dropout,
    blocks.Embedding,
    blocks.Linear,
    blocks.Noise,
    blocks.Reshape,
    blocks.Select,
    blocks.Softmax,
    blocks.Standardize,
    blocks.SymbolDropout,
)


def _piece(at: At, name: str, batch: int) -> Piece:
    kind = type(at.block)
    if kind in STEPWISE:
        return lambda sources, last: FUNCTIONS[kind](at, *sources)
    if kind not in KEEPING or (isinstance(at.block, blocks.Recurrent) and at.block.bidirectional):
        raise InputError(f"the network cannot be streamed: {name} ({kind.__name__}) reads a sequence to its end first")
    return KEEPING[kind](at, batch)

"""The registry: which cell at which shape in which mode, beside which peer, and what is asked of the ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks import peers, shapes
from benchmarks.foreign import JaxScan, OnnxRuntime, TorchRecurrentPeephole
from benchmarks.language import Language, TorchLanguage
from benchmarks.objectives import Compression, Crf, Ctc, TorchCtc
from benchmarks.peers import Peer
from benchmarks.problems import Frozen, Population, Problem, Ragged, Recomputed, Streaming
from benchmarks.shapes import Shape
from benchmarks.steps import MixedTrainingStep, TrainingStep
from benchmarks.wishes import Deep, DeepPacked, Resets, Stated, Whole
from keepgate import cells

__all__ = ["SUITES", "Case", "Suite", "cases"]

Row = tuple[Shape, str, str, Peer | None, float]


@dataclass(frozen=True)
class Case:
    """One row to measure.

    Attributes:
        mode: ``train`` (forward and backward), ``inference``, or inference with weights stored in the way named.
        peer: None where only two builds of keepgate are compared.
        goal: the least ratio asked for.
    """

    suite: str
    shape: Shape
    cell: str
    mode: str
    peer: Peer | None
    goal: float

    def __str__(self) -> str:
        return f"{self.name} beside {self.peer.name}" if self.peer else self.name

    @property
    def name(self) -> str:
        """What we do, whatever it is beside."""
        return f"{self.suite} {self.shape} {self.cell} {self.mode}"

    def goal_at(self, threads: int) -> float:
        """Return the least ratio asked for at a number of threads."""
        single = SUITES[self.suite].single
        return single if threads == 1 and single else self.goal

    def problem(self) -> Problem:
        """Return the values and our side."""
        return SUITES[self.suite].problem(self.cell, self.shape, self.mode)


@dataclass(frozen=True)
class Suite:
    """Rows that answer one question.

    Attributes:
        title: the question, as the table shows it.
        rows: shape, cell, mode, peer and least ratio of each.
        means: the least geometric mean of the ratios for each number of threads, where one is asked for.
        single: the least ratio of each row at one thread, where another one is asked for there.
        scaling: how many times as fast a second thread must make what takes more than 5 ms on one, if that is asked.
        unit: of what is measured: milliseconds of a run, or MiB at its peak.
        tolerance: largest difference from the peer, as a part of the largest element.
    """

    title: str
    rows: Sequence[Row] = field(repr=False)
    problem: type[Problem] = Problem
    means: Mapping[int, float] = field(default_factory=dict)
    single: float | None = None
    scaling: float | None = None
    unit: str = "ms"
    tolerance: float = 1e-4  # of float32 sums over thousands of steps and rows


_LSTM, _GRU = peers.TorchModule("LSTM"), peers.TorchModule("GRU")
_ONE_NETWORK = Shape(200, 1, 8, 32)


def _inference() -> list[Row]:
    rows: list[Row] = []
    for shape in (*shapes.TRAINING, *shapes.STREAMING):
        single = shape.steps == 1
        beside = {_LSTM: 4.0 if single else 0.97, OnnxRuntime(): 0.97}
        beside |= {peers.TorchLSTMCell(): 3.0} if single else {}
        rows += [(shape, "lstm", "inference", peer, goal) for peer, goal in beside.items()]
    return rows


def _others(shape: Shape) -> list[str]:
    """Return every other registered cell, and each modifier of the plain LSTM."""
    options = {"zoneout": ", 0.1", "activation": ", 'relu'", "projected": f", {shape.hidden // 2}"}
    modified = [f"{name}(lstm{options.get(name, '')})" for name in cells.modifiers()]
    return [name for name in cells.registry() if name != "lstm"] + modified


SUITES: dict[str, Suite] = {
    "steps": Suite(
        "Whole training steps: LSTM, linear layer, cross-entropy, backward, clipping, AdamW",
        [(shape, "lstm", "train", _LSTM, 1.0) for shape in shapes.STEPS],
        problem=TrainingStep,
        means={2: 1.2, 1: 1.15},
        scaling=1.7,
    ),
    "bfloat16": Suite(
        "Whole training steps under `torch.autocast` to bfloat16",
        [
            (shape, "lstm", "train", peer, goal)
            for peer, goal in ((peers.WholePrecision(), 1.4), (peers.TorchAutocast(), 1.1))
            for shape in shapes.MIXED
        ],
        problem=MixedTrainingStep,
        tolerance=0.1,  # of numbers with 8 bits, and their gradients
    ),
    "training": Suite(
        "Plain LSTM, forward and backward",
        [(shape, "lstm", "train", _LSTM, 1.0) for shape in shapes.TRAINING],
        means={2: 1.6, 1: 1.6},
    ),
    "language": Suite(
        "Training step of the language model of tiny Shakespeare; sizes are (T, B, embedding, H)",
        [(shapes.LANGUAGE, "lstm", "train", TorchLanguage("LSTM"), 1.3)],
        problem=Language,
    ),
    "inference": Suite("Plain LSTM, forward, from a given state", _inference()),
    "frozen": Suite(
        "Frozen LSTM, forward, from a given state",
        [
            (shape, "lstm", "inference", peer, 1.0)
            for shape in (*shapes.TRAINING, *shapes.STREAMING)
            for peer in (_LSTM, OnnxRuntime())
        ],
        problem=Frozen,
    ),
    "stream": Suite(
        "One step of a stream: its states stay in the core",
        [
            (shape, "lstm", "inference", peers.Streamed(peer), 3.0 if shape == shapes.SINGLE[0] else 1.0)
            for shape in shapes.SINGLE
            for peer in (_LSTM, peers.TorchLSTMCell(), OnnxRuntime())
        ],
        problem=Streaming,
    ),
    "storage": Suite(
        "One step of a stream with weights in fewer bits",
        [
            (shape, "lstm", mode, peers.WholeWeights(), 2.0 if mode == "int8" and shape.hidden >= 256 else 1.0)
            for mode in ("bfloat16", "int8")
            for shape in (*shapes.SINGLE, shapes.WIDE_STEP)
        ],
        problem=Streaming,
        tolerance=0.05,  # of rounded weights
    ),
    "storage of sequences": Suite(
        "Frozen LSTM with weights in fewer bits",
        [
            (shape, "lstm", mode, peers.WholeWeights(), 2.0 if mode == "int8" else 1.0)
            for mode in ("bfloat16", "int8")
            for shape in shapes.WIDE
        ],
        problem=Frozen,
        tolerance=0.05,
    ),
    "share": Suite(
        "Share of the rate of a large matrix product",
        [
            (shape, "lstm", mode, peers.Matmul(), goal)
            for mode, goal in (("inference", 0.85), ("train", 0.75))
            for shape in shapes.LARGE
        ],
    ),
    "cells": Suite(
        "Every other cell and each modifier, per operation of their products",
        [(s, cell, "train", peers.PlainLSTM(), 1 / 1.25) for s in shapes.LOOPS for cell in _others(s)],
    ),
    "peephole": Suite(
        "Peephole LSTM",
        [
            (shape, "peephole_lstm", "train", TorchRecurrentPeephole(), goal)
            for shape, goal in zip(shapes.LOOPS, (12.0, 6.0), strict=True)
        ],
    ),
    "gru": Suite("GRU", [(shape, "gru", "train", _GRU, 2.0) for shape in shapes.LOOPS]),
    "lengths": Suite(
        "Rows of lengths from 1 to T, shuffled",
        [
            (shape, "lstm", "train", peer, goal)
            for peer, goal in ((peers.Padded(), 1 / 0.65), (peers.TorchPacked(), 3.0))
            for shape in shapes.RAGGED
        ],
        problem=Ragged,
    ),
    "deep lengths": Suite(
        "Two layers, rows of lengths from 1 to T, shuffled",
        [(shapes.DEEP, "lstm", "train", Whole(), 1.0)],
        problem=Deep,
    ),
    "packed": Suite(
        "Two layers, the same rows as a PackedSequence",
        [(shapes.DEEP, "lstm", "train", Whole(), 1.0)],
        problem=DeepPacked,
    ),
    "states": Suite(
        "Every state at every step returned",
        [(shape, "lstm", "train", Whole(), 1 / 1.1) for shape in shapes.LOOPS],
        problem=Stated,
    ),
    "resets": Suite(
        "One step in a hundred starts anew",
        [(shape, "lstm", "train", Whole(), 1 / 1.05) for shape in shapes.LOOPS],
        problem=Resets,
    ),
    "memory": Suite(
        "Peak memory of a training step",
        [(shape, "lstm", "train", _LSTM, 1.0) for shape in shapes.MEMORY],
        unit="MiB",
    ),
    "recompute": Suite(
        "Peak memory of a training step with `recompute=True`",
        [(shape, "lstm", "train", _LSTM, 3.0) for shape in shapes.LONG],
        problem=Recomputed,
        unit="MiB",
    ),
    "recompute time": Suite(
        "Time of a training step with `recompute=True`",
        [(shape, "lstm", "train", peers.Kept(), 1 / 1.4) for shape in shapes.LONG],
        problem=Recomputed,
    ),
    "population": Suite(
        f"{Population.NETWORKS} networks by vmap",
        [(_ONE_NETWORK, "lstm", mode, peers.TorchCalls(), 10.0) for mode in ("train", "inference")],
        problem=Population,
        single=5.0,
    ),
    "loops": Suite(
        "Plain LSTM beside loops over time",
        [
            (shape, "lstm", mode, peer, 1.0)
            for peer in (JaxScan(), peers.TorchLoop())
            for mode in ("train", "inference")
            for shape in shapes.LOOPS
        ],
    ),
    "ctc": Suite(
        "CTC, forward and backward; sizes are (T, B, symbols, symbols of a target)",
        [(shapes.CTC, loss, "train", TorchCtc(), 3.0) for loss in ("ctc_loss_from_logits", "ctc_loss")],
        problem=Ctc,
    ),
    "crf": Suite("CRF, forward and backward", [(shapes.CRF, "crf", "train", None, 1.0)], problem=Crf),
    "compress": Suite("Compression", [(shapes.COMPRESSION, "compress", "inference", None, 1.0)], problem=Compression),
}


def cases() -> list[Case]:
    """Return every row, in the order of the table."""
    return [Case(name, *row) for name, suite in SUITES.items() for row in suite.rows]

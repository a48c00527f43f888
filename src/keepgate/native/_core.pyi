from collections.abc import Sequence
from typing import Any

import numpy as np

class Plan:
    def __init__(self, numbers: dict[str, Any]) -> None: ...

class Buffers:
    """The buffers of a scan by name, each written and never read: an address, or how far on the next network's lies."""

    x: int
    lengths: int
    reset: int
    row_numbers: int
    output: int
    dx: int
    weights: Sequence[int]
    biases: Sequence[int]
    initial: Sequence[int]
    step_inputs: Sequence[int]
    vectors: Sequence[int]
    states: Sequence[int]
    tape: Sequence[int]
    checkpoints: Sequence[int]
    final: Sequence[int]
    d_states: Sequence[int]
    d_final: Sequence[int]
    d_initial: Sequence[int]
    d_step_inputs: Sequence[int]
    d_weights: Sequence[int]
    d_biases: Sequence[int]
    d_vectors: Sequence[int]

class Scan(Buffers):
    plan: Plan
    strides: Buffers
    networks: int
    steps: int
    rows: int
    segment: int
    wide: bool
    reverse: bool
    training: bool
    rings: Sequence[bool]
    keys: Sequence[int]
    threads: int
    storage: int

def forward(scan: Scan) -> None: ...
def backward(scan: Scan) -> None: ...

class TensorReader:
    """Reads tensors of torch; see native/src/tensors.h."""

    def __init__(self, exchange: Any, single: Any, wide: Any, strided: Any) -> None: ...

class TensorMaker:
    """Makes tensors of torch; see native/src/tensors.h."""

    def __init__(self, exchange: Any, empty: Any) -> None: ...

class Layers:
    """All layers and directions in one call; see native/src/layers_module.cpp."""

    def __init__(
        self,
        reader: TensorReader,
        maker: TensorMaker,
        wide: bool,
        directions: int,
        rows: Sequence[
            tuple[Plan, Sequence[str], Sequence[Sequence[int]], Sequence[int], Sequence[int], Sequence[int]]
        ],
        hold: bool,
        storage: int,
    ) -> None: ...
    def run(
        self,
        parameters: dict[str, Any],
        x: Any,
        initial: Sequence[Any],
        step_inputs: Sequence[Any],
        lengths: int,
        reset: int,
        threads: int,
    ) -> tuple[Any, tuple[Any, ...]] | None: ...

class Stepper:
    place: int
    def step(self, x: Any, output: Any, step_inputs: Sequence[Any]) -> None: ...
    def step_at(self, x: int, output: int, step_inputs: Sequence[int]) -> None: ...
    def state(self, number: int) -> np.ndarray: ...

class StepperStackSingle:
    def __init__(self, reader: TensorReader, steppers: Sequence[Stepper]) -> None: ...
    def step(self, x: Any, output: Any) -> bool: ...

class StepperStackDouble(StepperStackSingle): ...

def stepper_single(
    plan: Plan, weights: list[int], biases: list[int], vectors: list[int], rows: int, threads: int, storage: int
) -> Stepper: ...
def stepper_double(
    plan: Plan, weights: list[int], biases: list[int], vectors: list[int], rows: int, threads: int, storage: int
) -> Stepper: ...

class PopulationSingle:
    place: int
    def __init__(self, plan: Plan, networks: int, rows: int, output: int, threads: int) -> None: ...
    def load(self, weights: list[int], biases: list[int], vectors: list[int], apart: int) -> None: ...
    def step(self, x: Any, output: Any) -> None: ...
    def reset(self, mask: int) -> None: ...
    def state(self, number: int) -> np.ndarray: ...

class PopulationDouble(PopulationSingle): ...

def function_single(op: int, source: int, target: int, count: int) -> None: ...
def function_double(op: int, source: int, target: int, count: int) -> None: ...
def bernoulli(key: int, rows: int, units: int, threshold: int, target: int) -> None: ...
def take_rows(source: int, target: int, order: int, blocks: int, rows: int, bytes: int, threads: int) -> None: ...
def fall(lengths: int, rows: int, places: int, falling: int, count: int) -> bool: ...
def empty(shape: Sequence[int], wide: bool) -> np.ndarray: ...
def instruction_sets() -> list[tuple[str, bool]]: ...
def choose(name: str) -> bool: ...
def in_environment(name: str) -> bool: ...
def choose_pool(of_openmp: bool) -> bool: ...
def openmp_library() -> str: ...
def ctc_single(shape: tuple[Any, ...], buffers: tuple[int, ...], threads: int) -> None: ...
def ctc_double(shape: tuple[Any, ...], buffers: tuple[int, ...], threads: int) -> None: ...
def crf_single(shape: tuple[Any, ...], buffers: tuple[int, ...], threads: int) -> None: ...
def crf_double(shape: tuple[Any, ...], buffers: tuple[int, ...], threads: int) -> None: ...
def beam_search(
    shape: tuple[Any, ...],
    letters: tuple[Any, ...],
    lexicon: tuple[Any, ...],
    words: tuple[Any, ...],
    buffers: tuple[int, ...],
    threads: int,
) -> None: ...

class Predictor:
    byte: int
    def __init__(
        self, shape: tuple[Any, ...], weights: np.ndarray | None, contexts: bool, size: int, help: bool
    ) -> None: ...
    def probability(self) -> int: ...
    def see(self, bit: int) -> int: ...
    def learned(self, to: np.ndarray) -> None: ...
    def follow(self, data: np.ndarray, to: np.ndarray) -> None: ...

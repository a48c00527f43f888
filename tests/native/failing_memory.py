"""Let the n-th allocation of the core fail, for every n, in everything it does: a MemoryError, and right numbers after;
and before that, let a thread not start.

Run with a library preloaded that `failing_memory.cpp` is compiled to, its path in ``KEEPGATE_FAILING``. It is armed in
calls of the core alone: torch and NumPy have their memory. Prints, as JSON, for each task how many allocations failed.
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from conformance.cells import CELLS
from keepgate.native import Predictor, engine, objectives, predictor
from keepgate.native.predictor import Shape
from keepgate.nn import LSTM
from keepgate.objectives import LinearChainCRF, NGram, beam_search, ctc_loss_from_logits, symbol_language
from keepgate.scan import ENGINES, buffers, layers, memory, order
from keepgate.testing.engines import differentiate
from keepgate.testing.problems import Problem, Setting, problem

LIBRARY = ctypes.CDLL(os.environ["KEEPGATE_FAILING"])
LIBRARY.allocations.restype = ctypes.c_long

LARGE = problem("large", CELLS["lstm"].equations, Setting(steps=40, batch=20, inputs=5, hidden=40))

Task = Callable[[], list[Tensor]]


class Watched:
    """A module or an object of the core, in whose calls memory may run out."""

    def __init__(self, inside: Any) -> None:
        object.__setattr__(self, "inside", inside)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inside, name)
        return Watched(value) if callable(value) else value

    def __setattr__(self, name: str, value: Any) -> None:
        LIBRARY.arm(1)
        try:
            setattr(self.inside, name, _inside(value))
        finally:
            LIBRARY.arm(0)

    def __call__(self, *arguments: Any) -> Any:
        arguments = tuple(_inside(argument) for argument in arguments)
        LIBRARY.arm(1)
        try:
            result = self.inside(*arguments)
        finally:
            LIBRARY.arm(0)
        return Watched(result) if type(result).__module__.endswith("_core") else result


def _inside(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(_inside(item) for item in value)
    return value.inside if isinstance(value, Watched) else value


def main() -> None:
    torch.set_num_threads(1)
    os.environ["KEEPGATE_THREADS"] = "1"
    engine.instruction_set()
    for module in (engine, objectives, predictor, buffers, layers, memory, order):
        module._core = Watched(module._core)
    miss_a_thread()
    print(json.dumps({name: exhaust(task) for name, task in tasks()}))


def miss_a_thread() -> None:
    """The second of two that a scan would have beside it does not start; then it does."""
    wanted = scan(LARGE)()
    os.environ["KEEPGATE_THREADS"] = "3"
    LIBRARY.fail_thread(2)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="the system starts no more than 1 of 2 threads"):
            scan(LARGE)()
        LIBRARY.fail_thread(1)
    LIBRARY.fail_thread(0)
    assert same(scan(LARGE)(), wanted)
    os.environ["KEEPGATE_THREADS"] = "2"


def exhaust(task: Task) -> int:
    """Return how many allocations a task makes, having let each of them fail once."""
    wanted, failed = task(), 0
    while True:
        LIBRARY.fail_at(failed + 1)
        try:
            found = task()
        except MemoryError:
            found = None
        made = LIBRARY.allocations()
        LIBRARY.fail_at(0)
        assert found is None or same(found, wanted)
        assert same(task(), wanted)
        if made <= failed:
            return failed
        failed += 1


def same(found: list[Tensor], wanted: list[Tensor]) -> bool:
    return all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))


def tasks() -> Iterator[tuple[str, Task]]:
    rows = Setting(steps=30, batch=12, inputs=5, hidden=40, resets=True, lengths=(30, 2, *[17] * 10), seed=5)
    units = Setting(steps=20, batch=2, inputs=5, hidden=140, dtype=torch.float32)
    for cell, setting in (("everything", rows), ("lstm", replace(rows, reverse=True)), ("lstm", units)):
        yield f"{cell} {setting.hidden}", scan(problem(cell, CELLS[cell].equations, setting))
    yield "plan", plan
    yield "recompute", recompute
    yield "population", population
    yield "layers", inference
    for storage in ("full", "int8"):
        yield f"stream, {storage}", lambda storage=storage: stream(storage)
    yield "CTC", ctc
    yield "CRF", crf
    yield "beam", beam
    yield "predictor", predict


def outcome(tried: Problem) -> list[Tensor]:
    found = differentiate(ENGINES["native"].run, tried)
    return [found.output, *found.final.values(), *found.gradients.values()]


def scan(tried: Problem) -> Task:
    return lambda: outcome(tried)


def plan() -> list[Tensor]:
    engine.engine.cache_clear()
    return outcome(problem("plan", CELLS["lstm"].equations, Setting(steps=1, batch=1)))


def recompute() -> list[Tensor]:
    buffers.SEGMENT_ROWS = 1
    tried = problem("recompute", CELLS["lstm"].equations, Setting(steps=5, batch=3, resets=True))
    return outcome(replace(tried, arguments=replace(tried.arguments, recompute=True)))


def population() -> list[Tensor]:
    torch.manual_seed(0)
    layer, x = LSTM(3, 40, backend="native"), torch.randn(30, 4, 3)
    stacked = {name: torch.stack([value.detach()] * 3) for name, value in layer.named_parameters()}
    return list(vmap(grad(lambda values: functional_call(layer, values, (x,))[0].sum()))(stacked).values())


def inference() -> list[Tensor]:
    """All layers in one call, and again with the weights that were kept."""
    torch.manual_seed(0)
    layer, x = LSTM(3, 40, num_layers=2, bidirectional=True, backend="native"), torch.randn(30, 4, 3)
    with torch.no_grad():
        output, final = layer(x, lengths=[30, 0, 7, 12])
        return [output, *final, layer(x)[0]]


def stream(storage: str) -> list[Tensor]:
    torch.manual_seed(0)
    steps = LSTM(3, 200).stream(batch=40, storage=storage)
    return [steps.step(x).clone() for x in torch.randn(3, 40, 3)]


def ctc() -> list[Tensor]:
    torch.manual_seed(0)
    scores = torch.randn(40, 12, 18, requires_grad=True)
    targets, lengths = torch.ones(12, 17, dtype=torch.long), torch.full((12,), 40)
    loss = ctc_loss_from_logits(scores, targets, lengths, torch.full((12,), 9))
    loss.backward()
    return [loss.detach(), scores.grad]


def crf() -> list[Tensor]:
    torch.manual_seed(0)
    layer, scores = LinearChainCRF(18), torch.randn(40, 12, 18, requires_grad=True)
    loss = layer(scores, torch.zeros(40, 12, dtype=torch.long), torch.full((12,), 40)).sum()
    loss.backward()
    return [loss.detach(), scores.grad, *(value.grad for value in layer.parameters())]


def beam() -> list[Tensor]:
    torch.manual_seed(0)
    spellings = ["", *"abcdefghijklmnop "]
    language = symbol_language(NGram.train(map(list, ["ab ba", "cab"]), 3), spellings)
    found = beam_search(torch.randn(9, 3, 18).log_softmax(-1), [9, 0, 4], beam=7, best=3, language=language)
    return [torch.tensor([row[0].score for row in found if row])]


def predict() -> list[Tensor]:
    """A new predictor: one that has run out of memory is not there, and one that is there takes no more."""
    made = Predictor(700, shape=Shape(hidden=17, layers=2, main_rows=2, rows=5, steps=4, history=64))
    before = LIBRARY.allocations()
    followed = made.follow((np.arange(700) ** 2 % 257 % 256).astype(np.uint8))
    assert LIBRARY.allocations() == before
    return [torch.from_numpy(followed.astype(np.int32))]


if __name__ == "__main__":
    main()

"""A few dozen small scans of every cell, and random ones, for a core that is built with sanitizers to look over.

An argument is the number of random cells.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch.func import functional_call, grad, vmap

from conformance.cells import CELLS
from fuzz import cells
from fuzz.harness import case_of
from keepgate.native import Population, Predictor
from keepgate.native.predictor import Shape
from keepgate.nn import LSTM, Recurrent
from keepgate.objectives import (
    LinearChainCRF,
    NGram,
    beam_search,
    ctc_align,
    ctc_loss,
    ctc_loss_from_logits,
    symbol_language,
    word_language,
)
from keepgate.scan import ENGINES, buffers
from keepgate.testing.engines import differentiate
from keepgate.testing.problems import Setting, problem

RANDOM_CELLS = 150
SMALL = Setting(steps=3, batch=4, inputs=3, hidden=5)
ALL = {"lengths": (2, 0, 3, 1), "resets": True}
OF_EVERY_CELL = [
    SMALL,
    replace(SMALL, **ALL, dtype=torch.float32),
    replace(SMALL, **ALL, reverse=True, seed=5),
    Setting(batch=0, seed=5),
    replace(SMALL, **ALL, inputs=0),
]
ODD = [
    Setting(steps=0),
    Setting(batch=0),
    Setting(steps=0, batch=0, reverse=True, resets=True),
    Setting(batch=0, inputs=0),
    Setting(batch=2, lengths=(0, 0), reverse=True),
    Setting(steps=1, batch=1, inputs=1, hidden=1),
    Setting(steps=2, batch=3, inputs=17, hidden=33, dtype=torch.float32),
    Setting(steps=2, batch=13, inputs=65, hidden=65),
    Setting(steps=9, batch=2, hidden=16, bias=False),
    Setting(saturated=True, dtype=torch.float32),
    Setting(batch=4, lengths=(4, 0, 5, 2), padding=torch.nan),
    # Large enough for threads, which share the rows or the steps.
    Setting(steps=30, batch=25, inputs=5, hidden=40, resets=True),
    Setting(steps=530, batch=1, inputs=5, hidden=40, dtype=torch.float32),
    Setting(steps=3, batch=2, inputs=5, hidden=250, lengths=(3, 2), dtype=torch.float32),
]


def settings() -> Iterator[tuple[str, Setting]]:
    for name in CELLS:
        yield from ((name, setting) for setting in OF_EVERY_CELL)
    for name in ("lstm", "everything"):
        yield from ((name, setting) for setting in ODD)


def main() -> None:
    torch.set_num_threads(1)
    os.environ["KEEPGATE_THREADS"] = "3"
    count = 0
    for count, (name, setting) in enumerate(settings(), 1):  # noqa: B007
        differentiate(ENGINES["native"].run, problem(name, CELLS[name].equations, setting))
    tried = problem("evaluation", CELLS["lstm"].equations, SMALL)
    with torch.no_grad():
        ENGINES["native"].run(tried.equations, tried.parameters, tried.arguments)
    recompute()
    population()
    layers()
    stream()
    policies()
    objectives()
    predict()
    print(count, random_cells(int(sys.argv[1]) if sys.argv[1:] else RANDOM_CELLS))


def random_cells(count: int) -> int:
    """Scan cells of the fuzzer, of which some have no step, no row or no input."""
    for number in range(count):
        case = case_of("cells", 0, number)
        differentiate(cells.scan_of(case), cells.problem_of(case))
    return count


def recompute() -> None:
    """Segments of three steps, the last one shorter."""
    buffers.SEGMENT_ROWS = 1
    long = replace(SMALL, steps=11, lengths=(2, 0, 11, 7), resets=True, seed=5)
    for name in ("lstm", "everything"):
        for reverse in (False, True):
            tried = problem(name, CELLS[name].equations, replace(long, reverse=reverse))
            tried = replace(tried, arguments=replace(tried.arguments, recompute=True))
            differentiate(ENGINES["native"].run, tried)


def population() -> None:
    """Scan five networks in one call, and take the gradient of each."""
    layer = LSTM(3, 7, backend="native")
    x = torch.randn(4, 2, 3)
    stacked = {name: torch.stack([value.detach()] * 5) for name, value in layer.named_parameters()}
    vmap(grad(lambda parameters: functional_call(layer, parameters, (x,))[0].sum()))(stacked)


def layers() -> None:
    """Call layers of every cell without gradients: bound, frozen, with tensors that are read and that are not."""
    for cell in CELLS.values():
        for directions in (1, 2):
            layer = Recurrent(cell, 3, 7, num_layers=3, bidirectional=directions == 2).eval()
            widths = layer.equations.step_inputs
            for steps, rows in ((0, 2), (1, 1), (5, 3), (2, 0)):
                x = torch.randn(steps, rows, 3)
                given = {key: torch.rand(steps, rows, 1 if width == "unit" else 7) for key, width in widths.items()}
                lengths = torch.arange(rows).clamp(max=steps)
                for run in (layer, layer.frozen()):
                    with torch.no_grad():
                        _, final = run(x, step_inputs=given)
                        run(x, final, lengths, step_inputs=given)
                        run(torch._neg_view(x), final, step_inputs=given)


def stream() -> None:
    """Step through layers of every cell."""
    for cell in CELLS.values():
        layer = Recurrent(cell, 3, 7, num_layers=2)
        given = {key: torch.rand(2, 1 if width == "unit" else 7) for key, width in layer.equations.step_inputs.items()}
        stream = layer.stream(batch=2)
        for x in torch.randn(3, 2, 3):
            stream.step(x, step_inputs=given)
    wide = LSTM(40, 250).stream()  # whose steps are tried with one thread and with several
    for x in torch.randn(20, 1, 40):
        wide.step(x)
    for storage in ("bfloat16", "int8"):
        LSTM(3, 41).stream(storage=storage).step(torch.randn(1, 3))


def policies() -> None:
    """Step networks of every cell that takes no more than x, blocks of them and rows that fill no tile."""
    for cell in CELLS.values():
        if cell.equations.step_inputs:
            continue
        for hidden, networks, rows in ((1, 1, 1), (7, 3, 5), (33, 90, 1)):
            policy = Population(cell.equations, 3, hidden, 2, networks, rows, squash="tanh")
            policy.load(np.zeros((networks, policy.size)))
            for reset in (None, np.ones((networks, rows), bool)):
                policy.step(np.ones((networks, rows, 3), np.float32))
                policy.reset(reset)


def objectives() -> None:
    """CTC and CRF forwards, backwards and along the best path; lengths from none to all, odd sizes."""
    for dtype in (torch.float32, torch.float64):
        for steps, rows, symbols in ((0, 2, 3), (5, 4, 3), (9, 3, 18)):
            scores = torch.randn(steps, rows, symbols, dtype=dtype, requires_grad=True)
            lengths, targets = torch.arange(rows).clamp(max=steps), torch.ones(rows, 17, dtype=torch.long)
            short = (lengths + 1) // 2
            ctc_loss_from_logits(scores, targets, lengths, 17 - lengths, zero_infinity=True).backward()
            ctc_align(scores, targets, lengths, short, logits=True)
            with torch.no_grad():
                ctc_loss(scores, targets, lengths, short)
            crf = LinearChainCRF(symbols).to(dtype)
            crf(scores, torch.zeros(steps, rows, dtype=torch.long), lengths).sum().backward()
            crf.decode(scores, lengths)
    spellings = ["", *"abcdefghijklmnop "]
    words = word_language(["ab", "ba", "cab"], spellings, model=NGram.train(["ab ba", "cab"], 2))
    letters = symbol_language(NGram.train(map(list, ["ab ba", "cab"]), 3), spellings)
    for language in (None, words, letters):
        beam_search(torch.randn(9, 3, 18).log_softmax(-1), [9, 0, 4], beam=7, best=7, language=language)


def predict() -> None:
    """Follow bytes of every value with odd shapes, both threads, contexts and readers that lose their place."""
    data = np.arange(1200, dtype=np.int64) ** 2 % 257 % 256
    for hidden, layers in ((7, 1), (33, 3)):
        shape = Shape(hidden=hidden, layers=layers, main_rows=2, rows=5, steps=4, history=64)
        predictor = Predictor(len(data), shape=shape)
        predictor.follow(data.astype(np.uint8))
        for bit in (1, 0, 1, 1, 0, 0, 0, 1):
            predictor.see(bit)


if __name__ == "__main__":
    main()

"""Objectives of the core: the same bits in every instruction set, with any number of threads, with any neighbours."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from keepgate.native import engine
from keepgate.objectives import crf_log_partition, crf_marginals, crf_viterbi, ctc_align, ctc_loss_from_logits
from native.process import SETS
from objectives.problems import random_ctc

pytestmark = pytest.mark.skipif(not SETS, reason="the native core is not built")
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


@pytest.fixture(autouse=True)
def restore():
    """Afterwards the instruction set in use is chosen again."""
    yield
    engine._core.choose(engine.instruction_set())


def results(dtype: torch.dtype, rows: slice = slice(None)) -> list[Tensor]:
    """Losses, gradients, alignments, partitions, marginals and paths; the batch last."""
    ctc = random_ctc(1, 50, 7, 37, 20, dtype)
    lengths = ctc.input_lengths[rows], torch.minimum(ctc.target_lengths, ctc.input_lengths // 2)[rows]
    logits = ctc.logits.detach()[:, rows].requires_grad_()
    losses = ctc_loss_from_logits(logits, ctc.targets[rows], *lengths, reduction="none", backend="native")
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    aligned = ctc_align(logits, ctc.targets[rows], *lengths, logits=True, backend="native")
    generator = torch.Generator().manual_seed(2)
    weights = [torch.randn(shape, dtype=dtype, generator=generator) for shape in ((37, 37), (37,), (37,))]
    crf = (logits, *weights, lengths[0])
    partition = crf_log_partition(*crf, backend="native")
    (slope,) = torch.autograd.grad(partition.sum(), logits)
    path, best = crf_viterbi(*crf, backend="native")
    per_step = [gradient, aligned.path, slope, crf_marginals(*crf, backend="native"), path]
    return [losses, partition, best, *(value.transpose(0, 1) for value in per_step)]


def same(got: list[Tensor], wanted: list[Tensor]) -> None:
    for a, b in zip(got, wanted, strict=True):
        assert torch.equal(a.nan_to_num(), b.nan_to_num())
        assert torch.equal(a.isnan(), b.isnan())


@DTYPES
def test_any_instruction_set(dtype):
    found = []
    for name in (name for name, here in SETS.items() if here):
        assert engine._core.choose(name)
        found.append(results(dtype))
    for other in found[1:]:
        same(other, found[0])


@DTYPES
@pytest.mark.parametrize("threads", ["2", "3", "16"])
def test_any_number_of_threads(dtype, threads, monkeypatch):
    monkeypatch.setenv("KEEPGATE_THREADS", "1")
    alone = results(dtype)
    monkeypatch.setenv("KEEPGATE_THREADS", threads)
    same(results(dtype), alone)


@DTYPES
def test_rows_alone_or_together(dtype):
    whole = results(dtype)
    for row in range(7):
        same(results(dtype, slice(row, row + 1)), [value[row : row + 1] for value in whole])

"""CTC beside torch's, beside the enumeration of all alignments, and beside difference quotients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import ctc_loss as torch_ctc_loss

from keepgate.errors import BackendError, InputError
from keepgate.objectives import ctc_align, ctc_loss, ctc_loss_from_logits
from objectives.problems import BACKENDS, TOLERANCE, Ctc, alignments, collapse, random_ctc

ENGINES = pytest.mark.parametrize("backend", BACKENDS)
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
SIZES = [(1, 1, 2, 1), (7, 5, 2, 4), (12, 9, 3, 6), (33, 5, 17, 15), (40, 6, 33, 16), (65, 4, 80, 17)]


def assert_close(got: Tensor, wanted: Tensor, dtype: torch.dtype) -> None:
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance, equal_nan=True, check_dtype=False)


def gradient(loss: Tensor, of: Tensor) -> Tensor:
    return torch.autograd.grad(loss, of)[0]


def theirs(problem: Ctc, **options) -> Tensor:
    """torch's loss, of the same numbers in float64."""
    return torch_ctc_loss(problem.logits.double().log_softmax(-1), *problem.given, **options)


@ENGINES
@DTYPES
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_losses_and_gradients_are_torchs(size, zero_infinity, dtype, backend):
    problem = random_ctc(3, *size, dtype=dtype, blank=size[2] - 1)
    options = {"blank": size[2] - 1, "zero_infinity": zero_infinity, "reduction": "none"}
    wanted = theirs(problem, **options)
    weights = torch.linspace(-1, 2, size[1], dtype=dtype)
    wanted_gradient = gradient((wanted * weights).sum(), problem.logits)
    log_probs = problem.logits.log_softmax(-1)
    for loss in (
        ctc_loss_from_logits(problem.logits, *problem.given, **options, backend=backend),
        ctc_loss(log_probs, *problem.given, **options, backend=backend),
    ):
        assert loss.dtype == dtype
        assert_close(loss, wanted, dtype)
        assert_close(gradient((loss * weights).sum(), problem.logits), wanted_gradient, dtype)


@ENGINES
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_reductions_are_torchs(reduction, backend):
    problem = random_ctc(5, 20, 6, 5, 4)
    options = {"reduction": reduction, "zero_infinity": True}
    loss = ctc_loss_from_logits(problem.logits, *problem.given, **options, backend=backend)
    wanted = theirs(problem, **options)
    assert_close(loss, wanted, torch.float64)
    assert_close(gradient(loss.sum(), problem.logits), gradient(wanted.sum(), problem.logits), torch.float64)


@ENGINES
def test_targets_one_after_the_other(backend):
    problem = random_ctc(6, 20, 6, 5, 4)
    whole = torch.cat([row[:n] for row, n in zip(problem.targets, problem.target_lengths, strict=True)])
    options = {"reduction": "none", "backend": backend}
    padded = ctc_loss_from_logits(problem.logits, *problem.given, **options)
    joined = ctc_loss_from_logits(problem.logits, whole, *problem.given[1:], **options)
    assert torch.equal(joined, padded)


@ENGINES
@pytest.mark.parametrize("target", [(), (1,), (1, 1), (1, 2), (2, 1, 2), (1, 1, 1)])
def test_all_alignments_add_up(target, backend):
    steps, symbols = 5, 3
    log_probs = torch.randn(steps, 1, symbols, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    log_probs = log_probs.log_softmax(-1)
    scores = {
        path: sum(float(log_probs[t, 0, symbol]) for t, symbol in enumerate(path))
        for path in alignments(steps, symbols, target)
    }
    targets = torch.tensor([target], dtype=torch.long)
    given = (targets, [steps], [len(target)])
    loss = ctc_loss(log_probs, *given, reduction="none", backend=backend)
    assert_close(loss, -torch.tensor(list(scores.values()), dtype=torch.float64).logsumexp(0)[None], torch.float64)

    aligned = ctc_align(log_probs, *given, backend=backend)
    extended = [0] + [part for symbol in target for part in (symbol, 0)]
    path = tuple(extended[place] for place in aligned.path[:, 0].tolist())
    assert path == max(scores, key=scores.__getitem__)
    total = sum(math.exp(score) for score in scores.values())
    for t in range(steps):
        for symbol in range(symbols):
            wanted = sum(math.exp(score) for path, score in scores.items() if path[t] == symbol) / total
            got = sum(float(aligned.posteriors[t, 0, i]) for i, part in enumerate(extended) if part == symbol)
            assert got == pytest.approx(wanted, abs=1e-12)


def test_both_engines_align_alike():
    problem = random_ctc(8, 45, 7, 6, 9)
    lengths = torch.minimum(problem.target_lengths, problem.input_lengths // 2)
    options = {"input_lengths": problem.input_lengths, "target_lengths": lengths, "logits": True}
    native, reference = (ctc_align(problem.logits, problem.targets, **options, backend=b) for b in BACKENDS)
    for got, wanted in zip(native, reference, strict=True):
        assert_close(got, wanted, torch.float64)
    inside = torch.arange(45)[:, None] < problem.input_lengths
    assert_close(native.posteriors.sum(-1), inside.double(), torch.float64)
    assert ((native.path >= 0) == inside).all()
    for row, length in enumerate(lengths.tolist()):
        begin, end = native.begin[row, :length], native.end[row, :length]
        assert (begin < end).all()
        assert (end[:-1] <= begin[1:]).all()
        assert (native.begin[row, length:] == -1).all()
        assert (native.confidence[row, length:] == 0).all()
        places = native.path[: problem.input_lengths[row], row].tolist()
        symbols = [0 if p % 2 == 0 else p for p in places]  # places stand for symbols: equal neighbours stay apart
        assert collapse(tuple(symbols)) == tuple(range(1, 2 * length, 2))


@ENGINES
def test_the_gradient_is_that_of_the_loss_for_any_scores(backend):
    """For log-probabilities too, which need not add up to 1."""
    problem = random_ctc(9, 4, 3, 3, 2)
    lengths = torch.tensor([4, 2, 3]), torch.tensor([2, 0, 1])
    for loss in (ctc_loss, ctc_loss_from_logits):

        def run(x: Tensor, loss=loss) -> Tensor:
            return loss(x, problem.targets, *lengths, reduction="none", backend=backend)

        assert torch.autograd.gradcheck(run, problem.logits)
        assert torch.autograd.gradgradcheck(run, problem.logits)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-3)], ids=str)
def test_long_inputs(dtype, tolerance):
    """Losses of thousands: in float32 ten times as near to the truth as torch, for scores are kept near 0."""
    problem = random_ctc(10, 3000, 2, 30, 200, dtype=dtype)
    given = (problem.targets, torch.tensor([3000, 2500]), torch.tensor([200, 150]))
    exact = problem.logits.detach().double().requires_grad_()
    wanted = torch_ctc_loss(exact.log_softmax(-1), *given, reduction="none")
    wanted_gradient = gradient(wanted.sum(), exact)
    loss = ctc_loss_from_logits(problem.logits, *given, reduction="none")
    torch.testing.assert_close(loss.double(), wanted, rtol=TOLERANCE[dtype], atol=0)
    error = (gradient(loss.sum(), problem.logits) - wanted_gradient).abs().max()
    assert error < tolerance
    if dtype == torch.float32:
        beside = torch_ctc_loss(problem.logits.log_softmax(-1), *given, reduction="sum")
        assert error < (gradient(beside, problem.logits) - wanted_gradient).abs().max() / 10


@ENGINES
def test_symbols_of_probability_zero(backend):
    log_probs = torch.full((3, 1, 3), -torch.inf, dtype=torch.float64)
    log_probs[0, 0, 1] = log_probs[1, 0, 0] = log_probs[2, 0, 1] = 0.0
    log_probs.requires_grad_()
    certain = ctc_loss(log_probs, torch.tensor([[1, 1]]), [3], [2], reduction="none", backend=backend)
    assert certain.tolist() == [0.0]
    wanted = torch.where(log_probs.detach() == 0, -1.0, 0.0)
    assert torch.equal(gradient(certain.sum(), log_probs), wanted)
    impossible = ctc_loss(log_probs, torch.tensor([[1, 2]]), [3], [2], reduction="none", backend=backend)
    assert impossible.tolist() == [torch.inf]


@ENGINES
def test_large_logits(backend):
    problem = random_ctc(11, 30, 4, 5, 6)
    logits = (30 * problem.logits.detach()).requires_grad_()
    given = (problem.targets, [30] * 4, [6] * 4)
    loss = ctc_loss_from_logits(logits, *given, reduction="sum", backend=backend)
    wanted = torch_ctc_loss(logits.log_softmax(-1), *map(torch.as_tensor, given), reduction="sum")
    assert_close(loss, wanted, torch.float64)
    assert_close(gradient(loss, logits), gradient(wanted, logits), torch.float64)


@ENGINES
@pytest.mark.parametrize("shape", [(0, 2, 3), (4, 0, 3)])
def test_no_steps_or_no_rows(shape, backend):
    logits = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    rows = shape[1]
    targets, lengths = torch.ones(rows, 1, dtype=torch.long), torch.arange(rows)
    loss = ctc_loss_from_logits(logits, targets, torch.full((rows,), 0), lengths, reduction="none", backend=backend)
    assert loss.tolist() == [0.0, torch.inf][:rows]
    assert gradient(loss.sum(), logits).shape == shape


def test_inputs_that_are_not_contiguous():
    problem = random_ctc(12, 11, 4, 5, 3)
    turned = problem.logits.detach().transpose(0, 2).contiguous().transpose(0, 2)
    got = ctc_loss_from_logits(turned, *problem.given, reduction="none")
    assert torch.equal(got, ctc_loss_from_logits(problem.logits, *problem.given, reduction="none"))


def test_a_target_that_is_too_long_is_named():
    logits = torch.zeros(4, 3, 5)
    targets = torch.tensor([[1, 2, 3], [2, 2, 2], [1, 2, 0]])
    lengths = [4, 4, 4], [3, 3, 2]
    assert ctc_loss_from_logits(logits, targets, *lengths, reduction="none").isinf().tolist() == [False, True, False]
    message = "utterance b.wav: its target of 3 symbols takes 5 steps, a blank .* but its input has 4; "
    with pytest.raises(InputError, match=message):
        ctc_loss_from_logits(logits, targets, *lengths, utterances=["a.wav", "b.wav", "c.wav"])
    with pytest.raises(InputError, match="utterance 1: "):
        ctc_align(logits, targets, *lengths)


LOGITS, TARGETS = torch.zeros(4, 2, 5), torch.tensor([[1, 2], [3, 1]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((LOGITS[0], TARGETS, [4, 4], [2, 2]), r"scores \[T, B, C\]"),
        ((LOGITS.long(), TARGETS, [4, 4], [2, 2]), "floating point"),
        ((LOGITS, TARGETS.double(), [4, 4], [2, 2]), "targets are integers"),
        ((LOGITS, TARGETS[:1], [4, 4], [2, 2]), "targets have 1 rows where the scores have 2"),
        ((LOGITS, TARGETS.flatten(), [4, 4], [2, 1]), "add up to 3, but targets hold 4"),
        ((LOGITS, TARGETS, [4, 5], [2, 2]), "input_lengths are from 0 to 4; got 4 to 5"),
        ((LOGITS, TARGETS, [4, 4], [-1, 2]), "target_lengths are from 0 to 2; got -1 to 2"),
        ((LOGITS, TARGETS, [4], [2, 2]), "input_lengths are 2 integers"),
        ((LOGITS, TARGETS, [4, 4], [2.0, 2.0]), "target_lengths are 2 integers"),
        ((LOGITS, TARGETS + 2, [4, 4], [2, 2]), "symbol 5 in row 1"),
        ((LOGITS, TARGETS, [4, 4], [2, 2], 3), "symbol 3 in row 1 is none of .* without the blank, 3"),
        ((LOGITS, TARGETS, [4, 4], [2, 2], 5), "blank is one of the C=5 symbols"),
        ((LOGITS, TARGETS, [4, 4], [2, 2], 0, "average"), "reduction is one of none, mean, sum; got 'average'"),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        ctc_loss_from_logits(*arguments)


def test_a_backend_that_cannot_says_why():
    half = LOGITS.to(torch.bfloat16)
    with pytest.raises(BackendError, match="float32 and float64, not in"):
        ctc_loss_from_logits(half, TARGETS, [4, 4], [2, 2], backend="native")
    assert ctc_loss_from_logits(half, TARGETS, [4, 4], [2, 2]).isfinite()
    with pytest.raises(InputError, match="backend is one of auto, native, reference"):
        ctc_loss_from_logits(LOGITS, TARGETS, [4, 4], [2, 2], backend="cudnn")

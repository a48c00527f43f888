"""The linear-chain CRF beside the enumeration of all paths, and beside difference quotients."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from keepgate.errors import InputError
from keepgate.objectives import LinearChainCRF, crf_log_partition, crf_marginals, crf_score, crf_viterbi
from objectives.problems import BACKENDS, random_lengths

ENGINES = pytest.mark.parametrize("backend", BACKENDS)


def scores(seed: int, steps: int, rows: int, tags: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    """Emissions, transitions, start and end."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((steps, rows, tags), (tags, tags), (tags,), (tags,))
    return tuple(torch.randn(shape, dtype=dtype, generator=generator).requires_grad_() for shape in shapes)


def enumerate_row(given: tuple[Tensor, ...], row: int, length: int) -> dict[tuple[int, ...], float]:
    """Score of every path of one row, added up one number after the other."""
    emissions, transitions, start, end = (value.tolist() for value in given)
    found = {}
    for path in itertools.product(range(len(start)), repeat=length):
        score = sum(emissions[t][row][tag] for t, tag in enumerate(path))
        score += sum(transitions[i][j] for i, j in itertools.pairwise(path))
        found[path] = score + (start[path[0]] + end[path[-1]] if path else 0.0)
    return found


@ENGINES
@pytest.mark.parametrize("size", [(0, 2, 3), (1, 3, 1), (4, 5, 3), (5, 4, 4), (3, 3, 17)], ids=str)
def test_every_path(size, backend):
    steps, rows, tags = size
    given = tuple(value.detach() for value in scores(1, *size))
    lengths = random_lengths(rows, steps, 2)
    partition = crf_log_partition(*given, lengths, backend=backend)
    marginals = crf_marginals(*given, lengths, backend=backend)
    path, best = crf_viterbi(*given, lengths, backend=backend)
    for row, length in enumerate(lengths.tolist()):
        paths = enumerate_row(given, row, length)
        every = torch.tensor(list(paths.values()), dtype=torch.float64)
        assert float(partition[row]) == pytest.approx(float(every.logsumexp(0)), abs=1e-12)
        top = max(paths, key=paths.__getitem__)
        assert tuple(path[:length, row].tolist()) == top
        assert (path[length:, row] == -1).all()
        assert float(best[row]) == pytest.approx(paths[top], abs=1e-12)
        wanted = torch.zeros(steps, tags, dtype=torch.float64)
        for states, probability in zip(paths, every.softmax(0), strict=True):
            for t, tag in enumerate(states):
                wanted[t, tag] += probability
        torch.testing.assert_close(marginals[:, row], wanted, rtol=0, atol=1e-12)
        if length:
            tried = torch.tensor(list(paths)).t()[:, :7]
            few = (given[0][:length, row : row + 1].expand(-1, tried.shape[1], -1), tried, *given[1:])
            torch.testing.assert_close(crf_score(*few), every[: tried.shape[1]], rtol=0, atol=1e-12)


@ENGINES
def test_gradients(backend):
    given = scores(3, 3, 4, 2)
    lengths = torch.tensor([3, 0, 1, 2])

    def run(*values: Tensor) -> Tensor:
        return crf_log_partition(*values, lengths, backend=backend)

    assert torch.autograd.gradcheck(run, given)
    assert torch.autograd.gradgradcheck(run, given)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [(60, 5, 16), (33, 3, 45), (200, 2, 9)], ids=str)
def test_both_engines_agree(size, dtype):
    tolerance = 1e-11 if dtype == torch.float64 else 2e-5
    exact = scores(4, *size)
    lengths = random_lengths(size[1], size[0], 5)
    wanted = crf_log_partition(*exact, lengths, backend="reference")
    wanted_gradients = torch.autograd.grad(wanted.sum(), exact)
    given = tuple(value.detach().to(dtype).requires_grad_() for value in exact)
    partition = crf_log_partition(*given, lengths, backend="native")
    torch.testing.assert_close(partition.double(), wanted, rtol=tolerance, atol=tolerance)
    for got, gradient in zip(torch.autograd.grad(partition.sum(), given), wanted_gradients, strict=True):
        torch.testing.assert_close(got.double(), gradient, rtol=tolerance, atol=10 * tolerance)
    if dtype == torch.float64:
        paths = [crf_viterbi(*given, lengths, backend=backend)[0] for backend in BACKENDS]
        assert torch.equal(*paths)


@ENGINES
def test_what_is_forbidden_has_no_path(backend):
    emissions, transitions, start, end = (value.detach() for value in scores(6, 6, 2, 3))
    transitions[0, 1], start[2] = -torch.inf, -torch.inf
    given = (emissions, transitions, start, end)
    paths = enumerate_row(given, 1, 6)
    wanted = torch.tensor(list(paths.values()), dtype=torch.float64).logsumexp(0)
    torch.testing.assert_close(crf_log_partition(*given, backend=backend)[1], wanted)
    path, _ = crf_viterbi(*given, backend=backend)
    assert tuple(path[:, 1].tolist()) == max(paths, key=paths.__getitem__)
    assert (crf_marginals(*given, backend=backend)[0, :, 2] == 0).all()
    transitions.requires_grad_()
    crf_log_partition(*given, backend=backend).sum().backward()
    assert transitions.grad is not None
    assert transitions.grad[0, 1] == 0
    assert transitions.grad.isfinite().all()


@ENGINES
@pytest.mark.parametrize("batch_first", [False, True])
def test_the_module_learns_what_follows_what(batch_first, backend):
    """Tags that alternate, and emissions that tell nothing after the first step."""
    torch.manual_seed(0)
    crf = LinearChainCRF(2, batch_first, backend=backend)
    first = torch.tensor([0, 1, 0, 1])
    tags = (torch.arange(8)[:, None] + first) % 2
    emissions = torch.zeros(8, 4, 2)
    emissions[0, torch.arange(4), first] = 3.0
    lengths = torch.tensor([8, 8, 5, 0])
    if batch_first:
        emissions, tags = emissions.transpose(0, 1), tags.transpose(0, 1)
    optimizer = torch.optim.Adam(crf.parameters(), 0.1)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = crf(emissions, tags, lengths)
        assert loss.shape == (4,)
        loss.sum().backward()
        optimizer.step()
        losses.append(loss.detach())
    assert (losses[-1][:3] < 0.2).all()
    assert (losses[-1][3] == 0).all()
    decoded, marginals = crf.decode(emissions, lengths), crf.marginals(emissions, lengths)
    assert decoded.shape == tags.shape
    assert torch.equal(decoded[decoded >= 0], tags[decoded >= 0])
    assert int((decoded >= 0).sum()) == 21
    assert torch.equal(marginals.argmax(-1)[decoded >= 0], tags[decoded >= 0])


E, W = torch.zeros(4, 2, 3), (torch.zeros(3, 3), torch.zeros(3), torch.zeros(3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: crf_log_partition(E[0], *W), r"emissions are floating-point scores \[T, B, C\]"),
        (lambda: crf_log_partition(E[:, :, :2], *W), r"transitions are \(2, 2\)"),
        (lambda: crf_log_partition(E.double(), *W), "torch.float64"),
        (lambda: crf_log_partition(E, *W, [4, 5]), "lengths are from 0 to T=4; got 4 to 5"),
        (lambda: crf_log_partition(E, *W, [4]), "lengths are 2 integers"),
        (lambda: crf_score(E, torch.full((4, 2), 3), *W), "tags: 3 at step 0 of row 0 is none of the C=3 tags"),
        (lambda: crf_score(E, torch.zeros(2, 4), *W), "tags are integers"),
        (lambda: LinearChainCRF(0), "num_tags is an integer of at least 1, got 0"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()

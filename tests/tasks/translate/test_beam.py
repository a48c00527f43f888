"""Beam search against enumeration, a greedy loop and the formula."""

import itertools
import math

import pytest
import torch

from keepgate.tasks.translate.beam import Ranking, Start, different_starts, search

END, SYMBOLS, PLACES, KINDS = 3, 4, 3, 11
TABLES = torch.Generator().manual_seed(5)
LOGITS = 2 * torch.randn(KINDS, SYMBOLS, generator=TABLES, dtype=torch.float64)
WEIGHTS = torch.rand(KINDS, PLACES, generator=TABLES, dtype=torch.float64)


def step(symbols, state):
    """What comes next depends on all that was said: the state is a number for it."""
    state = (7 * state + symbols + 1) % KINDS
    weights = WEIGHTS[state]
    return LOGITS[state].log_softmax(-1), weights / weights.sum(-1, keepdim=True), state


def start(count):
    inside = torch.ones(count, PLACES, dtype=torch.bool)
    return Start.of(END, inside, torch.arange(count))._replace(
        log_probability=torch.zeros(count, dtype=torch.float64), weights=torch.zeros(count, 0, PLACES).double()
    )


def said_alone(first, symbols):
    """Log-probability and attention of one output, symbol by symbol."""
    total, weights, state, last = 0.0, [], first, END
    for symbol in symbols:
        state = (7 * state + last + 1) % KINDS
        row = [math.exp(x) for x in LOGITS[state].tolist()]
        total += math.log(row[symbol] / sum(row))
        attention = WEIGHTS[state].tolist()
        weights.append([a / sum(attention) for a in attention])
        last = symbol
    return total, weights


def enumerated(first, limit, alpha, beta):
    """All outputs of at most `limit` symbols, the end included, with their scores by equation 14, best first."""
    found = []
    for length in range(limit):
        for symbols in itertools.product(range(END), repeat=length):
            total, weights = said_alone(first, [*symbols, END])
            penalty = (5 + length + 1) ** alpha / (5 + 1) ** alpha
            covered = beta * sum(math.log(min(1.0, sum(row[i] for row in weights))) for i in range(PLACES))
            found.append((total / penalty + covered, list(symbols)))
    return sorted(found, reverse=True)


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.0), (1.0, 0.0), (0.6, 0.2)])
def test_a_beam_wide_enough_finds_what_enumeration_finds(alpha, beta):
    limits = torch.tensor([4, 3, 4])
    found = search(step, start(3), END, 200, limits, Ranking(alpha, beta))
    for first, (limit, rows) in enumerate(zip(limits.tolist(), found, strict=True)):
        wanted = enumerated(first, limit, alpha, beta)
        assert [row.symbols for row in rows] == [symbols for _, symbols in wanted]
        assert [row.score for row in rows] == pytest.approx([score for score, _ in wanted])
        for row in rows:
            total, weights = said_alone(first, [*row.symbols, END])
            assert row.log_probability == pytest.approx(total)
            torch.testing.assert_close(row.weights, torch.tensor(weights, dtype=torch.float64))


def test_a_beam_of_one_is_greedy():
    limits = torch.full((KINDS,), 12)
    for first, rows in enumerate(search(step, start(KINDS), END, 1, limits)):
        symbols, state, last = [], first, END
        while last != END or not symbols:
            state = (7 * state + last + 1) % KINDS
            last = int(LOGITS[state].argmax()) if len(symbols) < 11 else END
            symbols.append(last)
        assert [row.symbols for row in rows] == [symbols[:-1]]


def test_a_wider_beam_finds_no_worse_and_sentences_do_not_depend_on_each_other():
    limits = torch.full((KINDS,), 9)
    best = [[rows[0].log_probability for rows in search(step, start(KINDS), END, k, limits)] for k in (1, 3, 40)]
    assert all(c >= b - 1e-12 and c >= a - 1e-12 for a, b, c in zip(*best, strict=True))
    assert any(c > a for a, c in zip(best[0], best[2], strict=True))
    together = search(step, start(KINDS), END, 3, limits)
    for i in range(KINDS):
        alone = search(step, start(KINDS).rows(torch.tensor([i])), END, 3, limits[:1])[0]
        assert [row.symbols for row in alone] == [row.symbols for row in together[i]]


def test_ranking_is_equation_14():
    weights = torch.tensor([[0.5, 0.5, 0.0], [0.7, 0.1, 0.2]], dtype=torch.float64)
    inside = torch.tensor([True, True, False])
    wanted = -3.0 / (7**0.8 / 6**0.8) + 0.3 * (math.log(1.0) + math.log(0.6))
    total = torch.tensor(-3.0, dtype=torch.float64)
    assert Ranking(0.8, 0.3).score(total, weights, inside).item() == pytest.approx(wanted)


def test_different_starts_are_the_most_probable_first_symbols():
    begun = different_starts(step, start(2), END, 2)
    found = search(step, begun, END, 5, torch.full((4,), 6))
    for first in range(2):
        logits = LOGITS[(7 * first + END + 1) % KINDS].clone()
        logits[END] = -math.inf
        best = logits.topk(2).indices.tolist()
        for rows, symbol in zip(found[2 * first : 2 * first + 2], best, strict=True):
            assert {row.symbols[0] for row in rows} == {symbol}
            for row in rows:
                total, weights = said_alone(first, [*row.symbols, END])
                assert row.log_probability == pytest.approx(total)
                assert row.weights.shape == (len(weights), PLACES)

"""Symbols in time against the best of all alignments, written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from keepgate.tasks.transcribe.alignment import Place, Transcript, align


def best_by_hand(log_probs, path):
    """Of all labellings of the steps that collapse to the path, the most probable one."""

    def collapsed(labels):
        return [k for k, _ in itertools.groupby(labels) if k]

    steps, symbols = log_probs.shape
    ways = [w for w in itertools.product(range(symbols), repeat=steps) if collapsed(w) == list(path)]
    return max(ways, key=lambda way: sum(log_probs[t, k] for t, k in enumerate(way)))


@pytest.mark.parametrize("path", [[1], [1, 2], [2, 2], [1, 2, 1]])
@pytest.mark.parametrize("stack", [1, 2])
def test_symbols_lie_where_the_best_of_all_alignments_has_them(path, stack):
    scores = torch.randn(5, 3, generator=torch.Generator().manual_seed(len(path) + stack)).double().log_softmax(-1)
    times = np.arange(5 * stack + 1) * 0.1
    begins, ends = align(scores, path, times, stack)
    way = best_by_hand(scores.numpy(), path)
    spans = [(k, [t for t, _ in group]) for k, group in itertools.groupby(enumerate(way), lambda pair: pair[1])]
    wanted = [(steps[0] * stack * 0.1, (steps[-1] + 1) * stack * 0.1) for k, steps in spans if k]
    np.testing.assert_allclose(list(zip(begins, ends, strict=True)), wanted, atol=1e-9)


def test_no_symbols_lie_nowhere():
    assert align(torch.zeros(3, 2), [], np.arange(4.0), 1) == ([], [])


def test_the_last_step_ends_with_the_frames():
    """Three frames in steps of two: the second step has one frame only."""
    scores = torch.tensor([[0.0, -50.0], [-50.0, 0.0]]).log_softmax(-1)
    assert align(scores, [1], np.array([0.0, 1.0, 2.0, 3.0]), 2) == ([2.0], [3.0])


def test_a_pen_that_goes_back_has_its_place_in_order():
    scores = torch.tensor([[-50.0, 0.0], [-50.0, 0.0], [0.0, -50.0]]).log_softmax(-1)
    assert align(scores, [1], np.array([5.0, 2.0, 4.0, 9.0]), 1) == ([2.0], [5.0])


def transcript(text, symbols):
    places = list(range(len(symbols)))
    sure = [k / 10 for k in range(len(text.split()))]
    return Transcript(text, symbols, places, [k + 1 for k in places], [1.0 for _ in places], sure)


def test_words_are_the_symbols_between_spaces():
    found = transcript(" ab  c", list(" ab  c")).words
    assert found == [Place("ab", 1, 3, 0.0), Place("c", 5, 6, 0.1)]


def test_symbols_that_are_words_are_the_words():
    found = transcript("ab c ab", ["ab", "c", "ab"]).words
    assert found == [Place("ab", 0, 1, 0), Place("c", 1, 2, 0.1), Place("ab", 2, 3, 0.2)]
    assert transcript("", []).words == []


def test_a_word_whose_pen_goes_back_lies_between_its_ends():
    found = Transcript("ab", ["a", "b"], [2.0, 1.0], [3.0, 2.5], [0.9, 0.9], [0.5]).words
    assert found == [Place("ab", 1.0, 3.0, 0.5)]

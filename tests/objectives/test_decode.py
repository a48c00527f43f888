"""Decoders beside the enumeration of all alignments, and beam search beside the textbook's with dictionaries."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.native import engine
from keepgate.objectives import NGram, beam_search, best_path, symbol_language, word_language
from native.process import SETS
from objectives.problems import collapse

needs_core = pytest.mark.skipif(not SETS, reason="the native core is not built")
SYMBOLS = ("", "a", "b", " ")  # the blank first


def log_probs(seed: int, steps: int, rows: int, symbols: int, sharpness: float = 2.0) -> np.ndarray:
    x = sharpness * np.random.default_rng(seed).normal(size=(steps, rows, symbols))
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def readings(values: np.ndarray, blank: int = 0) -> dict[tuple[int, ...], float]:
    """Log-probability of every reading of [T, C], from all alignments."""
    found: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(values.shape[1]), repeat=len(values)):
        found[collapse(path, blank)] += math.exp(sum(values[t, symbol] for t, symbol in enumerate(path)))
    return {reading: math.log(probability) for reading, probability in found.items()}


def check_ranking(values: np.ndarray, scores: dict[tuple[int, ...], float], **options) -> None:
    """Check the best readings of a search wide enough to lose none."""
    found = beam_search(values, beam=2000, best=8, **options)[0]
    wanted = sorted(scores, key=scores.__getitem__, reverse=True)[:8]
    assert [tuple(h.symbols) for h in found[: len(wanted)]] == wanted
    assert [h.score for h in found[: len(wanted)]] == pytest.approx([scores[w] for w in wanted], abs=1e-9)
    every = readings(values[:, 0])
    assert [h.log_prob for h in found] == pytest.approx([every[tuple(h.symbols)] for h in found], abs=1e-9)


@needs_core
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_finds_all_readings(seed):
    values = log_probs(seed, 6, 1, 4)
    check_ranking(values, readings(values[:, 0]))


@needs_core
def test_a_model_of_symbols():
    model = NGram.train(map(list, ["ab ab", "ba", "ab b", "aab"]), order=3)
    values = log_probs(5, 6, 1, 4)
    spelled = {r: [SYMBOLS[s] for s in r] for r in readings(values[:, 0])}
    wanted = {
        reading: log + 0.7 * model.log_prob(spelled[reading]) + 0.3 * len(reading)
        for reading, log in readings(values[:, 0]).items()
    }
    check_ranking(values, wanted, language=symbol_language(model, SYMBOLS), weight=0.7, bonus=0.3)


@needs_core
@pytest.mark.parametrize("others", [False, True])
def test_a_word_list_and_a_model_of_words(others):
    words = ["a", "ab", "bb", "aba"]
    model = NGram.train(["a ab", "ab a", "bb ab a", "zz a"], order=2)
    values = log_probs(6, 6, 1, 4)
    wanted = {}
    for reading, log in readings(values[:, 0]).items():
        text = "".join(SYMBOLS[symbol] for symbol in reading)
        spelled = text.removesuffix(" ").split(" ") if text else []
        if "" in spelled or not (others or set(spelled) <= set(words)):
            continue
        known = [word if word in words else "never seen" for word in spelled]
        wanted[reading] = log + 0.5 * model.log_prob(known) + 0.2 * len(spelled)
    language = word_language(words, SYMBOLS, model=model, others=others)
    check_ranking(values, wanted, language=language, weight=0.5, bonus=0.2)


@needs_core
def test_single_words():
    values = log_probs(7, 5, 1, 4)
    wanted = {r: p for r, p in readings(values[:, 0]).items() if r in {(), (1,), (1, 2), (2, 2, 1)}}
    language = word_language(["a", "ab", "bba"], SYMBOLS, separator=None)
    found = beam_search(values, beam=500, best=6, language=language)[0]
    assert {tuple(h.symbols): h.score for h in found[:4]} == pytest.approx(wanted)
    assert {tuple(h.symbols) for h in found[4:]} == {(2,), (2, 2)}
    assert all(h.score == -math.inf for h in found[4:])  # within a word


def textbook(values: np.ndarray, beam: int) -> list[tuple[tuple[int, ...], float]]:
    """Prefix beam search as Hannun et al. 2014 write it down, in probabilities."""
    prefixes = {(): (1.0, 0.0)}
    for step in np.exp(values):
        grown: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for prefix, (blank, other) in prefixes.items():
            grown[prefix][0] += (blank + other) * step[0]
            for symbol in range(1, len(step)):
                if prefix and prefix[-1] == symbol:
                    grown[prefix][1] += other * step[symbol]
                    grown[(*prefix, symbol)][1] += blank * step[symbol]
                else:
                    grown[(*prefix, symbol)][1] += (blank + other) * step[symbol]
        best = sorted(grown, key=lambda p: sum(grown[p]), reverse=True)[:beam]
        prefixes = {prefix: tuple(grown[prefix]) for prefix in best}
    return [(prefix, math.log(sum(found))) for prefix, found in prefixes.items()]


@needs_core
@pytest.mark.parametrize("beam", [1, 2, 5, 20])
def test_a_narrow_beam_keeps_what_the_textbook_keeps(beam):
    values = log_probs(8, 60, 3, 7, 1.0)
    for row, found in enumerate(beam_search(values, beam=beam, best=beam)):
        wanted = textbook(values[:, row], beam)
        assert [tuple(h.symbols) for h in found] == [prefix for prefix, _ in wanted]
        assert [h.score for h in found] == pytest.approx([score for _, score in wanted], abs=1e-9)


@needs_core
def test_rows_lengths_blank_and_threads(monkeypatch):
    values = log_probs(9, 30, 5, 6)
    lengths = [30, 0, 7, 1, 18]
    whole = beam_search(values, lengths, blank=5, beam=7, best=3)
    monkeypatch.setenv("KEEPGATE_THREADS", "3")
    assert beam_search(values, lengths, blank=5, beam=7, best=3) == whole
    for row, length in enumerate(lengths):
        alone = beam_search(values[:length, row : row + 1], blank=5, beam=7, best=3)
        assert alone[0] == whole[row]
    assert whole[1] == [([], 0.0, 0.0)]


@needs_core
def test_the_same_readings_in_every_instruction_set():
    values = log_probs(10, 40, 3, 9, 0.5)
    found = []
    try:
        for name in (name for name, here in SETS.items() if here):
            assert engine._core.choose(name)
            found.append(beam_search(values, beam=20, best=20))
    finally:
        engine._core.choose(engine.instruction_set())
    assert all(other == found[0] for other in found)


def test_best_path():
    values = log_probs(11, 25, 4, 3)
    lengths = [25, 0, 3, 12]
    for row, found in enumerate(best_path(values, lengths, blank=1)):
        assert tuple(found) == collapse(tuple(values[: lengths[row], row].argmax(-1).tolist()), 1)


VALUES = log_probs(0, 4, 2, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_path(VALUES[0]), r"takes floating-point scores \[T, B, C\]"),
        (lambda: best_path(VALUES, [4, 5]), "lengths are from 0 to T=4; got 4 to 5"),
        (lambda: best_path(VALUES, [4.0, 4.0]), "lengths are 2 integers"),
        (lambda: best_path(VALUES, blank=4), "blank is one of the C=4 symbols"),
        (lambda: beam_search(VALUES, beam=2, best=3), "best from 1 to beam; got beam=2, best=3"),
        (lambda: beam_search(VALUES, weight=-1.0), "weight is a number of at least 0"),
        (lambda: beam_search(-VALUES), "take a log-softmax"),
        (lambda: beam_search(VALUES * math.nan), "got NaN"),
        (lambda: word_language([""], SYMBOLS), "the word list is empty"),
        (lambda: word_language(["abc"], SYMBOLS), "the word 'abc' has 'c', which is none"),
        (lambda: word_language(["ab"], SYMBOLS, separator="_"), "the separator '_' is none"),
        (lambda: symbol_language(NGram.train(["x"], 1), SYMBOLS), "knows none of the network's symbols"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()

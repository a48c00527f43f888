"""The tasks of the example are those of the paper: their sequences are read back by other means."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import lag_tasks
import numpy as np
import pytest
from lag_tasks import ADDING, MULTIPLICATION, NOISY_SIGNAL, NOISY_TARGET, ORDER_OF_THREE, ORDER_OF_TWO, TASKS, Stop

LOOP = "(?:T*VPX)*T*V(?:PS|V)"  # from the state that P leads to, solved by hand for the automaton's state equations
EMBEDDED_REBER = re.compile(f"B([TP])B(?:TS*X(?:S|X{LOOP})|P{LOOP})E\\1E")


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("name", TASKS)
def test_a_batch_has_the_shapes_that_it_states(name: str, random):
    batch = TASKS[name].draw(7, random)
    steps, count, _ = batch.x.shape
    assert (count, steps) == (7, batch.lengths.max())
    assert batch.target.shape == batch.truth.shape == ((steps, 7, 7) if name == "reber" else (7, batch.truth.shape[1]))
    if name != "reber":
        assert ((batch.lengths >= 100) & (batch.lengths <= 110)).all()
    one = batch.take(np.array([4]))
    for part, whole, axis in ((one.x, batch.x, 1), (one.truth, batch.truth, int(batch.stepwise))):
        np.testing.assert_array_equal(part, whole.take([4], axis))


def test_reber_strings_are_those_of_a_regular_expression(random):
    strings = [lag_tasks.reber_string(random) for _ in range(3000)]
    assert all(EMBEDDED_REBER.fullmatch(text) for text, _ in strings)
    followed, times = defaultdict(set), Counter()
    for text, nexts in strings:
        assert len(nexts) == len(text) - 1
        for end in range(1, len(text)):
            followed[text[:end]].add(text[end])
            times[text[:end]] += 1
    for text, nexts in strings:  # what has followed a beginning that came often is what is said to be able to
        for end, legal in enumerate(nexts, start=1):
            assert text[end] in legal
            if times[text[:end]] >= 40:
                assert set(legal) == followed[text[:end]]
    assert min(len(text) for text, _ in strings) == 9  # "as few as 9 steps"


def test_reber_batches_are_the_strings_and_keep_test_strings_from_training(random):
    batch = lag_tasks.reber(600, random)
    texts = []
    for row, length in enumerate(batch.lengths):
        assert (batch.x[length + 1 :, row] == 0).all()
        assert (batch.truth[length:, row] == 0).all()
        symbols = np.append(batch.x[:length, row].argmax(1), batch.target[length - 1, row].argmax())
        texts.append("".join(lag_tasks.REBER[symbol] for symbol in symbols))
    assert all(EMBEDDED_REBER.fullmatch(text) for text in texts)
    assert set(texts[:256]).isdisjoint(texts[256:])
    assert ((batch.target <= batch.truth) | (batch.truth.sum(-1, keepdims=True) == 0)).all()


@pytest.mark.parametrize(("draw", "product"), [(ADDING, False), (MULTIPLICATION, True)])
def test_sums_and_products_of_the_marked(draw, product: bool, random):
    batch = draw(4000, random)
    marked = np.zeros(4000)
    for row, length in enumerate(batch.lengths):
        values, marks = batch.x[:length, row].T
        assert (marks[0], marks[-1]) == (-1, -1)
        places = np.flatnonzero(marks == 1)
        marked[row] = len(places)
        chosen = values[places]
        expected = np.prod(chosen) if product else 0.5 + chosen.sum() / 4
        assert batch.truth[row, 0] == pytest.approx(expected, abs=1e-15)
        assert places[0] < 10 or len(places) == 1
        assert places[-1] < 50
        assert values.min() >= (0 if product else -1)
    # the first pair is hit by one mark in ten, and by the other in one of the 49 places left in nine of ten
    assert set(marked) == {1, 2}
    assert (marked == 1).mean() == pytest.approx(0.1 + 0.9 / 49, abs=0.02)
    assert 0 <= batch.truth.min() < 0.1 < 0.9 < batch.truth.max() <= 1


@pytest.mark.parametrize(("draw", "count"), [(ORDER_OF_TWO, 2), (ORDER_OF_THREE, 3)])
def test_classes_are_the_letters_in_their_order(draw, count: int, random):
    batch = draw(4000, random)
    pattern = re.compile("E" + "[abcd]+([XY])" * count + "[abcd]+B")
    windows = {2: [(10, 20), (50, 60)], 3: [(10, 20), (33, 43), (66, 76)]}[count]
    for row, length in enumerate(batch.lengths):
        text = "".join(lag_tasks.ORDER[symbol] for symbol in batch.x[:length, row].argmax(1))
        found = pattern.fullmatch(text)
        assert int("".join(found.groups()).replace("X", "0").replace("Y", "1"), 2) == batch.truth[row].argmax()
        assert all(low <= found.start(n) <= high for n, (low, high) in enumerate(windows, start=1))
    assert (batch.truth.sum(1) == 1).all()
    np.testing.assert_allclose(batch.truth.mean(0), 1 / 2**count, atol=0.03)


def test_two_sequence_noise_is_where_it_should_be(random):
    for draw in (TASKS["two_sequence"].draw, NOISY_SIGNAL, NOISY_TARGET):
        batch = draw(4000, random)
        sign = np.where(batch.truth[:, 0] == batch.truth.max(), 1, -1) * (-1 if draw is NOISY_TARGET else 1)
        signal_variance, target_variance = 0.2 * (draw is NOISY_SIGNAL), 0.1 * (draw is NOISY_TARGET)
        assert (batch.x[:3, :, 0] - sign).var() == pytest.approx(signal_variance, abs=0.01)
        assert batch.x[3:100].var() == pytest.approx(0.2, abs=0.002)
        assert abs(batch.x[3:100].mean()) < 0.003
        assert (batch.target - batch.truth).var() == pytest.approx(target_variance, abs=0.01)
        assert set(np.unique(batch.truth)) == ({0.2, 0.8} if draw is NOISY_TARGET else {0, 1})
        assert sign.mean() == pytest.approx(0, abs=0.06)


def test_when_a_sequence_is_wrong():
    truth = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert lag_tasks.beyond(0.3, np.array([[0.8, 0.2], [0.0, 0.6]]), truth).tolist() == [False, True]
    steps = np.array([[[1.0, 1, 0]], [[0, 1, 0]], [[0, 0, 0]]])  # the last is past the end
    right = np.array([[[0.3, 0.2, 0.1]], [[0, 0.2, 0.1]], [[9, 9, 9]]])
    assert lag_tasks.not_most_active(right, steps).tolist() == [False]
    right[0, 0, 2] = 0.25
    assert lag_tasks.not_most_active(right, steps).tolist() == [True]


def test_when_training_may_stop():
    stop = Stop(4, 1, 0.1)
    assert stop.met(np.array([0, 0, 1, 0]), np.full(4, 0.09))
    assert not stop.met(np.array([0, 1, 1, 0]), np.full(4, 0.09))
    assert not stop.met(np.array([0, 0, 1, 0]), np.full(4, 0.1))
    assert not stop.met(np.zeros(3), np.zeros(3))

"""What is held out: how much, of what, and nothing twice."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate.training import Part, held_out_indices


def test_a_share_is_held_out():
    held_out = held_out_indices(1000, 0.1, seed=0)
    assert len(held_out) in (100, 101)
    assert len({*held_out.tolist()}) == len(held_out)
    assert held_out_indices(1000, 0.1, seed=0).tolist() == held_out.tolist() == sorted(held_out)
    assert held_out_indices(1000, 0.1, seed=1).tolist() != held_out.tolist()
    assert held_out_indices(1000, 0.0, seed=0, groups=[1] * 1000).tolist() == []


def test_every_class_gives_its_share_and_keeps_two():
    classes = ["a"] * 500 + ["b"] * 60 + ["c"] * 2 + ["d"]
    held_out = held_out_indices(len(classes), 0.2, seed=3, classes=classes)
    counts = [sum(classes[i] == name for i in held_out) for name in "abcd"]
    assert counts[0] in (100, 101)
    assert counts[1] in (12, 13)
    assert counts[2:] == [0, 0]


def test_rare_classes_come_by_their_share_in_the_mean():
    held = [len(held_out_indices(200, 0.1, seed, classes=np.arange(200) // 4)) for seed in range(50)]
    assert np.mean(held) == pytest.approx(20, abs=2)  # of 50 classes of four examples each, 0.4 of an example


def test_groups_are_held_out_whole():
    groups = [f"speaker {i % 7}" for i in range(700)]
    held_out = held_out_indices(700, 0.2, seed=0, groups=groups)
    inside = {groups[i] for i in held_out}
    assert len(held_out) == 200  # two of seven groups are the least that is a fifth
    assert inside.isdisjoint(groups[i] for i in np.setdiff1d(np.arange(700), held_out))


def test_a_group_always_is_left():
    assert held_out_indices(10, 0.9, seed=0, groups=[0] * 5 + [1] * 5).size == 5
    assert held_out_indices(10, 0.9, seed=0, groups=[0] * 10).size == 0


def test_a_part_has_the_batches_of_its_examples(problem):
    data = problem.Sums(9, seed=2)
    part = Part(data, np.array([7, 2, 4]))
    assert len(part) == 3
    assert [part.length(i) for i in range(3)] == [data.length(i) for i in (7, 2, 4)]
    for mine, theirs in zip(part.batch(np.array([2, 0])), data.batch(np.array([4, 7])), strict=True):
        assert mine.equal(theirs)
    batch = part.batch(np.array([0, 1]))
    assert part.weight(batch, 2) == data.weight(batch, 2)
    assert all(a.equal(b) for a, b in zip(part.window(batch, 1, 3), data.window(batch, 1, 3), strict=True))


def test_a_part_is_known_by_its_examples(problem):
    data, other = problem.Sums(5, seed=2), problem.Sums(5, seed=3)
    prints = [Part(d, np.array(i)).fingerprint() for d, i in ((data, [0, 1]), (data, [0, 2]), (other, [0, 1]))]
    assert len({*prints}) == 3
    assert Part(problem.Sums(5, seed=2), np.array([0, 1])).fingerprint() == prints[0]

"""Features of ink against their definition, point by point."""

import math

import numpy as np
import torch

from keepgate.data.ink.strokes import STEP, points
from keepgate.tasks.common.ink_features import CELL, FAR, FEATURES, FULL, ROWS, VIEWS, ink_features


def scribble(seed, strokes=3):
    rng = np.random.default_rng(seed)
    return points([rng.normal(size=(6, 2)).cumsum(axis=0) + np.array([6 * k, 0]) for k in range(strokes)]).astype(
        np.float64
    )


def by_definition(ink):
    """The features of one utterance, by loops."""
    found = []
    left = ink[:, 0].min()
    columns = [math.floor((x - left) / CELL) for x in ink[:, 0]]
    rows = [sum(y > edge for edge in ROWS) for y in ink[:, 1]]
    last = None
    for t, (x, y, begin) in enumerate(ink):
        before = ink[max(t - 1, 0)]
        way = (x - before[0], y - before[1])
        angle = math.atan2(way[1], way[0]) if any(way) else None
        turn = (math.cos(angle - last), math.sin(angle - last)) if None not in (angle, last) else (0.0, 0.0)
        last = angle
        fields = []
        for start, stop in VIEWS:
            for row in range(len(ROWS) + 1):
                here = sum(r == row and start <= c - columns[t] < stop for c, r in zip(columns, rows, strict=True))
                fields.append(min(here, FULL) / FULL)
        short = [min(max(w / STEP, -FAR), FAR) for w in way]
        found.append([*short, begin, y, *turn, *fields])
    return np.array(found)


def test_features_are_as_defined_whatever_lies_beside():
    inks = [scribble(0), scribble(1, strokes=1), np.array([[0.0, 0.0, 1.0], [90.0, 0.0, 1.0]])]
    lengths = torch.tensor([len(ink) for ink in inks])
    padded = torch.full((len(inks), int(lengths.max()), 3), -7.0, dtype=torch.float64)
    for to, ink in zip(padded, inks, strict=True):
        to[: len(ink)] = torch.from_numpy(ink)
    found = ink_features(padded, lengths)
    assert found.shape[2] == FEATURES
    for row, ink in zip(found, inks, strict=True):
        np.testing.assert_allclose(row[: len(ink)], by_definition(ink), atol=1e-9)


def test_a_dot_put_in_afterwards_is_seen_where_it_lies():
    stem, on = np.linspace([0.0, 0.0], [0.0, 1.0], 4), np.linspace([0.0, 0.0], [6.0, 0.0], 20)
    ink = np.concatenate([stem, on, [[0.1, 2.0]]])
    ink = torch.tensor(np.column_stack([ink, np.zeros(len(ink))]))
    size = torch.tensor([len(ink)])
    with_dot, without = (ink_features(ink[None], size - k)[0, 0, 6:].unflatten(0, (3, -1)) for k in (0, 1))
    changed = (with_dot != without).nonzero().tolist()
    assert changed == [[1, 4]]  # straight above, at a height of 1.5 to 2.5

"""Segments of a live stream are those of the whole recording, as soon as they are sure."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate import Segmenter
from keepgate.errors import InputError
from keepgate.tasks.segment.frames import smooth
from keepgate.tasks.segment.live import Stretches
from tasks.segment.data import RATE, SMALL, beeps


@pytest.mark.parametrize("min_on", [-0.1, 2.9, 6.9])
@pytest.mark.parametrize("min_off", [-0.1, 1.9, 4.9])
def test_stretches_are_those_of_all_values_at_once(min_on, min_off):
    rng = np.random.default_rng(0)
    for _ in range(30):
        values = np.repeat(rng.random(60), rng.integers(1, 6, 60)).astype(np.float32)
        thresholds = (0.7, 0.4, min_on, min_off)
        one = Stretches(*thresholds)
        found = [stretch for piece in np.array_split(values, 17) for stretch in one.feed(piece)] + one.finish()
        wanted = smooth(values, *thresholds)
        assert [stretch[:2] for stretch in found] == wanted
        assert [stretch[2] for stretch in found] == [float(values[a:b].mean()) for a, b in wanted]


def test_a_stretch_is_given_when_nothing_can_continue_it_and_silence_is_forgotten():
    one = Stretches(0.6, 0.4, 2, 3)
    assert one.feed(np.array([0, 1, 1, 1, 0, 0])) == []  # a gap of two may still be closed
    assert one.feed(np.array([0])) == [(1, 4, 1.0)]
    one.feed(np.zeros(1000))
    assert not one._values
    assert one.feed(np.ones(5)) == []
    assert one.finish() == [(1007, 1012, 1.0)]


def test_a_recording_in_pieces_has_the_segments_of_the_whole(fitted):
    for samples in beeps(4, seed=8)[0]:
        samples = samples.astype(np.float32)
        live = fitted.live()
        first = [live.feed(piece) for piece in np.array_split(samples, 50)]
        found = sorted([one for part in first for one in part] + live.finish())
        [wanted] = fitted.predict([samples], RATE)
        assert [one[:3] for one in found] == [one[:3] for one in wanted]
        np.testing.assert_allclose([one.confidence for one in found], [one.confidence for one in wanted], atol=2e-4)
        assert any(first[:25])  # half way, some have been given


def test_a_bidirectional_model_does_not_hear_live():
    model = Segmenter(**SMALL, epochs=1).fit(*beeps(1), rate=RATE)
    with pytest.raises(InputError, match=r"cannot segment a live stream; fit one with --no-bidirectional$"):
        model.live()

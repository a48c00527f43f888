from __future__ import annotations

import learned_optimizer
import numpy as np
import one_shot_letters
import pytest

from keepgate.meta.rivals import RIVALS, run


def test_a_letter_is_drawn_upright_in_the_middle():
    stroke = [[[0, 0], [0, 50]], [[0, 50], [20, 50]]]  # up, then to the right at the top; y is upward
    image = one_shot_letters.picture(stroke)
    assert image.shape == (12, 12)
    rows, columns = np.nonzero(image > 0.5)
    assert (rows.min(), rows.max()) == (1, 10)
    assert abs(columns.min() + columns.max() - 11) <= 1
    assert image[:, columns.min()].sum() > 2 * image[:, columns.max()].sum()
    assert image[rows.min()].sum() > 2 * image[rows.max()].sum()
    assert one_shot_letters.picture([[[3, 3]]]).sum() == pytest.approx(1)  # a dot


def test_letters_that_are_turned_are_classes_of_their_own():
    images = np.arange(8.0).reshape(2, 2, 2)
    turned, names = one_shot_letters.turned(images, np.array(["a", "b"]))
    assert len(turned) == len(set(names)) == 8
    assert np.array_equal(turned[2], [[1, 3], [0, 2]])


def test_digits_are_learned_by_adam():
    values = run(RIVALS["Adam"], 0.03, learned_optimizer.digits(8, 50), 2, 50, 0).mean(1)
    assert values[0] > 2
    assert values[-1] < values[0] / 2

"""The picture of predicted against true numbers."""

import numpy as np

from keepgate.tasks.regress.figures import MOST, predicted_figure


def test_points_and_bars_are_where_the_numbers_are():
    truth = np.arange(3 * MOST, dtype=float)
    axes = predicted_figure(truth, truth + 0.5, (truth - 1, truth + 2), "dose $x$").axes[0]
    points, line = (each.get_xydata() for each in axes.lines)
    assert len(points) == MOST
    assert (points[:, 1] - points[:, 0] == 0.5).all()
    assert line.tolist() == [[0, 0], [3 * MOST - 0.5] * 2]
    bars = np.array(axes.collections[0].get_segments())
    assert (np.diff(bars[:, :, 1], axis=1) == 3).all()
    assert axes.get_xlabel() == r"true dose \$x\$"

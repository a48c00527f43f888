from __future__ import annotations

import numpy as np

from keepgate.data.tables.reading import panel
from keepgate.tasks.evolino.figures import free_run_figure
from tasks.evolino.test_estimator import waves


def test_a_pair_of_axes_for_up_to_four_series_with_the_residual_below():
    data = panel(waves(*[0.1] * 6))
    runs = np.stack([one[-20:] + 0.5 for one in np.split(data.values[:, 0], data.starts[1:-1])])
    figure = free_run_figure(data, runs)
    assert len(figure.axes) == 8
    for above, below in zip(figure.axes[::2], figure.axes[1::2], strict=True):
        assert np.allclose(below.lines[0].get_ydata(), 0.5)
        assert above.lines[1].get_xdata().tolist() == below.lines[0].get_xdata().tolist()

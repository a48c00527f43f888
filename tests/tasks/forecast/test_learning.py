"""What is learned first, and again from all rows."""

from __future__ import annotations

import numpy as np

from keepgate import Forecaster
from tasks.forecast.data import SMALL, values, waves


def test_after_the_best_epoch_all_rows_are_learned() -> None:
    """The last rows jump: a model that learned them forecasts otherwise than one that only held them out."""
    table = waves(levels=(0.0,))
    jumped = table.assign(y=table["y"].where(table.index < 100, 3 - 2 * table["y"]))
    again, once = (Forecaster(horizon=5, **SMALL, refit=refit).fit(jumped) for refit in (True, False))
    assert again.history_[-1]["valid_loss"] == once.history_[-1]["valid_loss"]
    assert np.abs(values(again.predict(table)) - values(once.predict(table))).max() > 0.01


def test_where_no_epoch_helps_the_linear_part_stands_alone() -> None:
    """A step size that is far too large makes every epoch worse than the start."""
    model = Forecaster(horizon=5, **SMALL, learning_rate=50.0, clip_norm=None, refit=False).fit(waves())
    assert model.best_ == 0
    for name in ("head.weight", "linear.weight"):
        assert np.isfinite(model.network_.get_parameter(name).detach().numpy()).all()
    assert (model.network_.get_parameter("head.weight") == 0).all()

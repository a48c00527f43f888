from __future__ import annotations

import numpy as np
import pytest

from keepgate import Evolino
from keepgate.tasks.evolino.face import EvolinoFace
from tasks.evolino.test_estimator import OPTIONS, waves


def test_scores_are_over_the_variance_and_beside_naive_ones(tmp_path):
    path = tmp_path / "waves.csv"
    waves(0.3).to_csv(path, index=False)
    model = Evolino(**OPTIONS)
    face = EvolinoFace(model)
    data = face.read(path)
    model.fit(data)
    part, where = face.shown(data, None)
    rows = {row["model"]: row["NMSE"] for row in face.scores(part, face.predictions(part))}
    y = waves(0.3)["y"].to_numpy()
    assert where == "held-out end"
    assert rows["last value"] == pytest.approx(np.square(y[-20:] - y[-21]).mean() / y.var())
    assert rows["mean"] == pytest.approx(np.square(y[-20:] - y[:-20].mean()).mean() / y.var())
    assert rows["lstm"] < 0.1
    figure = face.figure(part, face.predictions(part))
    truth, free = figure.axes[0].lines
    assert (len(truth.get_xdata()), len(free.get_xdata())) == (40, 20)
    assert face.about(data)[1] == "learned from 130 rows, the first 30 of each series only set the state"


def test_a_gap_is_told_and_filled(tmp_path):
    table = waves(0.3)
    table.loc[50, "y"] = np.nan
    path = tmp_path / "waves.csv"
    table.to_csv(path, index=False)
    model = Evolino(**{**OPTIONS, "epochs": 2})
    face = EvolinoFace(model)
    model.fit(face.read(path))
    assert face.notes(face.read(path)) == ["1 of 150 values of y are missing: the one before stands for it"]
    assert np.isfinite(model.predict(face.read(path))["y_hat"].to_numpy()).all()

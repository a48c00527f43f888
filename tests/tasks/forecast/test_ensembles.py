"""Ensembles of forecasters: the mean of networks that are fitted alone, beside one linear part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from keepgate import Forecaster
from keepgate.runtime import Runner
from keepgate.tasks import face
from keepgate.tasks.common.ensembles import member
from keepgate.tasks.forecast import learning
from keepgate.tasks.forecast.examples import Prepared
from tasks.forecast.data import SMALL, values, waves

COUNT = 3


def given(model: Forecaster) -> dict[str, np.ndarray]:
    """Return what the network reads of the ends of some series."""
    data = model.to_panel(waves())
    return Prepared(data, model.reads_, ahead=True).given(data.starts[1:], np.arange(len(data.ids)))


def tensors(model: Forecaster) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in given(model).items()}


def scaled(model: Forecaster) -> torch.Tensor:
    with torch.inference_mode():
        return model.network_.run(tensors(model), "scaled")


@pytest.fixture(autouse=True)
def _recurrent_parts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "_sure", lambda gain: True)


def test_forecasts_are_the_mean_of_those_of_forecasters_fitted_alone(tmp_path: Path) -> None:
    options = {**SMALL, "horizon": 5, "epochs": 1}  # so all have the same best epoch
    whole = Forecaster(**options, ensemble=COUNT).fit(waves(), run=tmp_path / "run")
    alone = [Forecaster(**options, seed=k).fit(waves()) for k in range(COUNT)]
    each = [scaled(one) for one in alone]
    torch.testing.assert_close(scaled(whole), torch.stack(each).mean(0))
    assert not torch.equal(each[0], each[1])
    for k, found in enumerate(each):
        torch.testing.assert_close(scaled(member(whole, k)), found, rtol=0, atol=0)
    assert (tmp_path / "run" / "member-2" / "metrics.jsonl").exists()
    assert [row["member"] for row in whole.history_] == [1, 2, 3]


def test_one_folder_that_runs_without_torch_and_goes_on(tmp_path: Path) -> None:
    table = waves()
    whole = Forecaster(horizon=5, ensemble=2, **SMALL).fit(table.groupby("unique_id").head(100))
    whole.save(tmp_path)
    loaded = Forecaster.load(tmp_path)
    assert (values(loaded.predict(table)) == values(whole.predict(table))).all()
    found = Runner.load(tmp_path).run(given(whole), "forecast")
    with torch.inference_mode():
        np.testing.assert_allclose(found, whole.network_.run(tensors(whole), "forecast"), rtol=1e-4)
    names = [row["model"] for row in face(loaded).evaluate(table)]
    assert names[-2:] == ["single members: mean", "single members: deviation"]
    before = values(loaded.predict(table))
    assert [row["member"] for row in loaded.update(table, epochs=1).history_] == [1, 2]
    assert not np.allclose(values(loaded.predict(table)), before)


def test_without_a_gain_it_is_the_linear_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "_sure", lambda gain: False)
    one, two = (Forecaster(horizon=5, ensemble=count, **SMALL).fit(waves()) for count in (1, 2))
    assert two.best_ == 0
    np.testing.assert_allclose(values(two.predict(waves())), values(one.predict(waves())), rtol=1e-6)

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from keepgate import Evolino, load
from keepgate.cli import main
from keepgate.errors import InputError

OPTIONS = {"hidden_size": 4, "epochs": 15, "batch_size": 12, "washout": 30, "horizon": 20, "progress": False}


def waves(*speeds, rows=150):
    tables = [
        pd.DataFrame(
            {"unique_id": f"s{k}", "ds": np.arange(rows + 7 * k), "y": 3 + np.sin(speed * np.arange(rows + 7 * k))}
        )
        for k, speed in enumerate(speeds)
    ]
    return pd.concat(tables, ignore_index=True)


@pytest.mark.parametrize(
    "options", [{}, {"search": "esp", "input_spread": 1e-3}, {"cell": "gru"}, {"readout": "svm", "epochs": 3}]
)
def test_a_sine_is_continued(options):
    table = waves(0.3)
    model = Evolino(**{**OPTIONS, **options}).fit(table.iloc[:-20])
    error = model.predict(table.iloc[:-20])["y_hat"].to_numpy() - table["y"].to_numpy()[-20:]
    assert np.square(error).mean() < (0.5 if "readout" in options else 0.05) * 0.5


def test_several_series_of_several_lengths_are_continued_each():
    table = waves(0.3, 0.4)
    model = Evolino(**{**OPTIONS, "hidden_size": 6, "epochs": 40}).fit(table)
    found = model.predict(table)
    assert found["unique_id"].tolist() == ["s0"] * 20 + ["s1"] * 20
    assert found["ds"].tolist() == [*range(150, 170), *range(157, 177)]
    assert model.score(table) > -0.2


def test_the_last_rows_are_not_learned():
    table, other = waves(0.3), waves(0.3)
    other.loc[130:, "y"] = 0.0
    first, second = Evolino(**OPTIONS).fit(table), Evolino(**OPTIONS).fit(other)
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.network_.state_dict().values(), second.network_.state_dict().values(), strict=True)
    )
    assert first.split(first.to_panel(table))[0].lengths.tolist() == [130]


def test_the_same_seed_gives_the_same_model_and_a_file_gives_it_back(tmp_path):
    table = waves(0.3)
    first, second = Evolino(**OPTIONS).fit(table), Evolino(**OPTIONS).fit(table)
    other = Evolino(**OPTIONS, seed=1).fit(table)
    expected = first.predict(table)["y_hat"].to_numpy().tobytes()
    assert second.predict(table)["y_hat"].to_numpy().tobytes() == expected
    assert other.predict(table)["y_hat"].to_numpy().tobytes() != expected
    first.save(tmp_path)
    assert load(tmp_path).predict(table)["y_hat"].to_numpy().tobytes() == expected


class Killed(Exception):
    pass


def test_a_search_that_was_stopped_goes_on_to_the_same_model(tmp_path):
    table = waves(0.3)

    def stopping(row, network):
        if row["epoch"] == 5:
            raise Killed

    whole = Evolino(**OPTIONS).fit(table)
    with pytest.raises(Killed):
        Evolino(**OPTIONS).fit(table, run=tmp_path, callbacks=[stopping])
    again = Evolino(**OPTIONS).fit(table, run=tmp_path)
    assert again.predict(table).equals(whole.predict(table))
    with pytest.raises(InputError, match="holds a search with data="):
        Evolino(**OPTIONS).fit(waves(0.5), run=tmp_path)


def test_the_network_says_one_step_ahead_what_the_free_run_says_first():
    table = waves(0.3)
    model = Evolino(**OPTIONS).fit(table)
    x = torch.tensor(table["y"].to_numpy())[None, :, None]
    ahead = model.network_.run({"x": x}, "next")[0, -1, 0].item()
    assert model.predict(table)["y_hat"][0] == pytest.approx(ahead, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"num_layers": 2}, "num_layers=2 is not possible: Evolino evolves one layer"),
        ({"batch_size": 1}, "population=1 is not possible: it takes at least 2 to compare"),
        ({"search": "luck"}, "search='luck' is none of snes, esp, cosyne, cmaes"),
        (
            {"cell": "time_aware_lstm"},
            "cell time_aware_lstm needs the step inputs elapsed, which 'evolino' cannot give",
        ),
    ],
)
def test_what_cannot_be_is_named(options, sentence):
    with pytest.raises(InputError) as caught:
        Evolino(**options).fit(waves(0.3))
    assert str(caught.value) == sentence


def test_too_few_rows_and_other_steps_are_named():
    with pytest.raises(InputError, match="has 3 rows where 4 are needed"):
        Evolino(**OPTIONS).fit(waves(0.3, rows=3))
    model = Evolino(**{**OPTIONS, "epochs": 1}).fit(waves(0.3))
    table = waves(0.3)
    table["ds"] *= 2
    with pytest.raises(InputError, match="its rows are 2 steps apart, the model was fitted to steps of 1 step"):
        model.predict(table)
    with pytest.raises(InputError, match="fit has no argument 'colour'"):
        Evolino(**OPTIONS).fit(table, colour="y")


def test_sums_of_four_sines_are_continued_for_three_hundred_rows():
    t = np.arange(700)
    table = pd.DataFrame({"ds": t, "y": sum(np.sin(speed * t) for speed in (0.2, 0.311, 0.42, 0.51))})
    model = Evolino(hidden_size=20, horizon=300, epochs=5, progress=False).fit(table)
    assert model.score(table) > -0.11


def test_the_network_keeps_all_digits(tmp_path):
    model = Evolino(**{**OPTIONS, "epochs": 2}).fit(waves(0.3))
    model.save(tmp_path)
    assert {tensor.dtype for tensor in load(tmp_path).network_.state_dict().values()} == {torch.float64}


def test_the_spread_of_the_input_is_chosen_by_the_first_generation():
    table, options = waves(0.3), {**OPTIONS, "epochs": 1}
    found = {spread: Evolino(**options, input_spread=spread).fit(table).fitness_ for spread in (1e-6, 1e-4, 1e-2, 1.0)}
    assert Evolino(**options).fit(table).fitness_ == max(found.values())


def test_a_search_shows_where_it_is(capsys, monkeypatch):
    monkeypatch.setattr("keepgate.training.progress.BETWEEN_LINES", 0.0)
    Evolino(**{**OPTIONS, "epochs": 2, "progress": True}).fit(waves(0.3))
    assert "epoch 2/2, 100% of the training" in capsys.readouterr().err


def test_settings_of_gradients_are_not_offered(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "evolino", "--help"])
    text = capsys.readouterr().out
    assert "--input-spread" in text
    assert not [name for name in Evolino.unused if "--" + name.replace("_", "-") in text]
    assert "learning_rate" not in Evolino.__doc__

"""Faces: they are found by the task, and what is held out runs through the network once."""

from pathlib import Path

import pytest

from keepgate.errors import InputError
from keepgate.tasks import TASKS, face, face_class, load
from keepgate.tasks.common import batching
from keepgate.tasks.common.face import Face
from keepgate.tasks.write import estimator as language
from tasks.tiny import TINY

OLD = Path(__file__).parents[1] / "old_runs" / "0.1.0"


@pytest.mark.parametrize("task", TASKS)
def test_a_face_is_found_by_its_task(task):
    kind = face_class(task)
    assert issubclass(kind, Face)
    model = load(OLD / task, "cpu")
    assert type(face(model)) is kind
    assert face(model).estimator is model
    with pytest.raises(InputError, match="unknown task 'juggle'"):
        face_class("juggle")


@pytest.mark.parametrize(
    "name", [name for name in TINY if TINY[name].task not in ("control", "evolino", "forecast", "suggest", "write")]
)
def test_a_report_takes_each_example_through_the_network_once(name, monkeypatch):
    model = load(OLD / name.replace(" ", "_"), "cpu")
    data = face(model).read_alike(OLD / name.replace(" ", "_") / TINY[name].data)
    sizes, each_example = [], batching.each_example

    def counted(network, examples, batch_size, compute):
        sizes.append(len(examples))
        return each_example(network, examples, batch_size, compute)

    monkeypatch.setattr(batching, "each_example", counted)
    sections = face(model).report(data, None)
    assert len(sizes) == 1
    assert sizes[0] > 1
    assert sections[0].rows == face(model).scores(data, face(model).predictions(data))


def test_a_report_of_a_language_model_reads_its_text_once(monkeypatch):
    model, read, whole = load(OLD / "write", "cpu"), [], language.text_log_probs
    monkeypatch.setattr(
        language, "text_log_probs", lambda network, text: read.append(len(text)) or whole(network, text)
    )
    face(model).report("the cat sat on the mat . " * 20, None)
    assert read == [50]


def test_a_report_of_forecasts_asks_for_each_window_once(monkeypatch):
    model = load(OLD / "forecast", "cpu")
    data = face(model).read_alike(OLD / "forecast" / "load.csv")
    asked, whole = [], model.forecast_windows
    monkeypatch.setattr(model, "forecast_windows", lambda given: asked.append(len(given["window"])) or whole(given))
    face(model).report(data, data)
    assert asked == [sum(length - model.window_ - model.horizon + 1 for length in data.lengths)]

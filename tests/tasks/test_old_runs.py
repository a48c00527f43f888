"""Runs that keepgate 0.1.0 wrote: they load, and answer as they did then."""

import json
from pathlib import Path

import pytest

from keepgate import load
from tasks.tiny import TINY, answers

OLD = Path(__file__).parent / "old_runs"
SINCE = {"transcribe": ("probability",)}  # columns that mean something else now: how sure all readings are of a text


@pytest.mark.parametrize("version", sorted(folder.name for folder in OLD.iterdir()))
@pytest.mark.parametrize("name", TINY)
def test_an_old_run_answers_as_it_did(version, name, tmp_path):
    folder = OLD / version / name.replace(" ", "_")
    then = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    model = load(folder)
    model.progress = False
    now = answers(model, folder / TINY[name].data)
    then |= {column: now[column] for column in SINCE.get(TINY[name].task, ())}
    assert_alike(now, then)
    model.save(tmp_path)  # and what it is now saved as is the same again
    assert_alike(answers(load(tmp_path), folder / TINY[name].data), then)


def assert_alike(found, then):
    assert found.keys() == then.keys()
    for name, values in then.items():
        if any(isinstance(value, float) for value in values):
            assert found[name] == pytest.approx(values, rel=1e-6, abs=1e-9)
        else:
            assert found[name] == values

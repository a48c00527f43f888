"""`keepgate fit control`, `evaluate` and `film` as they are typed."""

from __future__ import annotations

import json

import pytest

from keepgate import load
from tasks.tiny import ROOM

FLAGS = [
    "--hidden-size",
    "5",
    "--environments",
    "4",
    "--window",
    "16",
    "--epochs",
    "1",
    "--steps",
    "640",
    "--episodes",
    "4",
    "--no-progress",
]
DRAWN = ROOM.replace(
    "    observation_space",
    '    metadata = {"render_modes": ["rgb_array"], "render_fps": 5}\n    observation_space',
    1,
).replace(
    "def make():\n    return Room()",
    """\
    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def render(self):
        return np.full((20, 30, 3), 60 * self.t, np.uint8)


def make(**options):
    return Room(**options)""",
)


def test_fit_evaluate_predict_and_film(keepgate, tmp_path):
    run = tmp_path / "run"
    done = keepgate("fit", "control", "CartPole-v1", "--hide", "velocity", "--out", run, *FLAGS)
    assert done.code == 0, done.err
    assert "environment 'CartPole-v1' shows 2 of 4 values; an action is one of 2" in done.out
    assert "the same without memory" in done.out
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["steps"] == pytest.approx(640, abs=64)
    report = (run / "report.html").read_text()
    for title in ("Returns of fresh episodes", "Return over the training", "One episode"):
        assert title in report
    done = keepgate("evaluate", run, "--episodes", 7, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [row["model"] for row in found] == ["lstm", "the same without memory", "chance"]
    assert found[0]["return"] == load(run).evaluate(episodes=7).returns.mean()
    done = keepgate("predict", run, "CartPole-v1")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == '"seed","return","length"'
    assert len(done.out.splitlines()) == 5


def test_a_file_is_named_again_and_filmed(keepgate, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "room.py").write_text(DRAWN)
    done = keepgate("fit", "control", "room.py:make", "--out", "run", *FLAGS)
    assert done.code == 0, done.err
    done = keepgate("evaluate", "run")
    assert done.code == 2
    assert "the model was trained in 'room.py:make', and a model does not run files by itself" in done.err
    assert keepgate("evaluate", "run", "room.py").code == 0
    done = keepgate("film", "run", "room.py:make", "--out", "room.gif", "--episodes", 5)
    assert done.code == 0, done.err
    assert "film in room.gif" in done.out
    assert (tmp_path / "room.gif").read_bytes()[:4] == b"GIF8"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "control", "CartPol-v1", "--out", "new"], "similar are 'CartPole-v1'"),
        (["fit", "control", "CartPole-v1", "--observe", "9", "--out", "new"], "observe=9 is no value"),
        (["fit", "control", "none.py:make", "--out", "new"], "there is no file none.py"),
        (["evaluate", "RUN", "--episodes", "0"], "episodes=0 is not at least 1"),
        (["film", "RUN", "room.py", "--out", "x.mp4"], "cannot be made: TypeError: make() got an unexpected keyword"),
        (["film", "RUN", "room.py", "--out", "x.txt"], "x.txt is no film: its name ends in .mp4 or .gif"),
    ],
)
def test_what_is_wrong_is_one_sentence(keepgate, tmp_path, monkeypatch, arguments, message):
    from tasks.tiny import fit

    monkeypatch.chdir(tmp_path)
    if "RUN" in arguments:
        fit("control", tmp_path)[0].save(tmp_path / "RUN")
    done = keepgate(*arguments)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob("x.*"))


def test_a_model_of_files_needs_one_and_has_no_episodes(keepgate, run):
    done = keepgate("evaluate", run)
    assert done.code == 2
    assert "is a model of classify: name the file to score it on" in done.err
    done = keepgate("evaluate", run, "x.csv", "--episodes", 3)
    assert done.code == 2
    assert "--episodes is for models of control" in done.err


def test_an_environment_that_fails_leaves_a_training_that_goes_on(keepgate, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "room.py").write_text(ROOM)
    whole = keepgate("fit", "control", "room.py", "--out", "whole", *FLAGS)
    assert whole.code == 0, whole.err
    broken = ROOM.replace(
        "        self.t += 1\n", "        self.t += 1\n        count[0] += 1\n        1 / (count[0] != 900)\n"
    )
    (tmp_path / "room.py").write_text(broken.replace("def make", "count = [0]\n\n\ndef make"))
    done = keepgate("fit", "control", "room.py", "--out", "part", *FLAGS)
    assert done.code == 2
    assert "environment 'room.py' raised ZeroDivisionError after " in done.err
    (tmp_path / "room.py").write_text(ROOM)
    again = keepgate("fit", "control", "room.py", "--out", "part", *FLAGS)
    assert again.code == 0, again.err
    same = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "part")]
    assert same[0] == same[1]

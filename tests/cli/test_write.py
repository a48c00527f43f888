"""fit, write, evaluate and predict of the language model, from files to files."""

import csv
import io

import pytest

from cli.files import FAST, refused
from keepgate.tasks.write.estimator import LanguageModel

LINES = ["the cat sat on the mat", "the dog sat on the log"] * 20
OPTIONS = (*FAST, "--window", "8", "--batch-size", "4")


@pytest.fixture
def written(keepgate, file, tmp_path):
    outcome = keepgate("fit", "write", file("train.txt", LINES), "--out", tmp_path / "run", *OPTIONS)
    assert (outcome.code, outcome.err) == (0, "")
    assert "6-gram" in outcome.out
    assert "characters to train on, 14 different ones\n" in outcome.out
    assert "read in 4 places at once, the gradient goes back over 8 of them\n" in outcome.out
    assert "Surprise on the held-out text" in (tmp_path / "run" / "report.html").read_text()
    return tmp_path / "run"


def test_write_goes_on_from_the_prompt(keepgate, written):
    flags = ("--prompt", "the ", "--length", "20", "--temperature", "0.7", "--top-p", "0.9", "--seed", "4")
    outcome = keepgate("write", written, *flags)
    expected = "".join(LanguageModel.load(written).write("the ", 20, 0.7, 0.9, 4))
    assert (outcome.code, outcome.out, outcome.err) == (0, f"the {expected}\n", "")


def test_several_samples_from_a_piped_prompt_end_where_they_are_told(keepgate, written, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("the \n"))
    flags = ("--prompt", "-", "--length", "30", "--samples", "2", "--seed", "1", "--top-k", "5", "--stop", "\n")
    outcome = keepgate("write", written, *flags)
    model = LanguageModel.load(written)
    each = ["the " + "".join(model.write("the ", 30, 0.8, seed=seed, top_k=5, stop="\n")) for seed in (1, 2)]
    assert outcome.out == f"{each[0]}\n---\n{each[1]}\n"
    assert all("\n" not in text for text in each)
    refused(keepgate("write", written, "--samples", "0"), "--samples 0")


def test_evaluate_and_predict_read_a_text(keepgate, file, written):
    other = file("other.txt", LINES[:2])
    assert keepgate("evaluate", written, other).out.splitlines()[0].split()[:2] == ["model", "perplexity"]
    rows = list(csv.DictReader(io.StringIO(keepgate("predict", written, other).out)))
    assert "".join(row["unit"] for row in rows) == other.read_text()


def test_any_file_is_read_by_bytes(keepgate, tmp_path):
    path = tmp_path / "any.bin"
    path.write_bytes(bytes(range(256)) * 4)
    outcome = keepgate("fit", "write", path, "--units", "bytes", "--out", tmp_path / "run", *OPTIONS)
    assert (outcome.code, outcome.err) == (0, "")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ["is empty"]),
        (b"too short", ["8 characters", "no more than one window of 8"]),
        (b"caf\xe9" * 20, ["is not UTF-8 at byte 3", "units bytes"]),
    ],
)
def test_texts_that_cannot_be_fitted_to(keepgate, tmp_path, data, words):
    path = tmp_path / "train.txt"
    path.write_bytes(data)
    refused(keepgate("fit", "write", path, "--out", tmp_path / "run", *OPTIONS), *words)
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--prompt", "the ß"], ["the prompt has 'ß'", "not in the training text"]),
        (["--temperature", "-1"], ["temperature=-1.0"]),
        (["--top-p", "1.5"], ["top_p=1.5"]),
        (["--seed", "-1"], ["--seed -1"]),
    ],
)
def test_prompts_and_options_that_are_not_possible(keepgate, written, flags, words):
    refused(keepgate("write", written, *flags), *words)


def test_a_run_of_another_task_is_refused(keepgate, run):
    refused(keepgate("write", run), "holds a model for 'classify', not for 'write'")

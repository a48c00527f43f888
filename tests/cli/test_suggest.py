"""fit, suggest and evaluate of the suggester: for a text, and typed in a terminal."""

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from cli.files import FAST, refused
from keepgate.cli.suggest import session, shown
from keepgate.tasks.suggest.estimator import Suggester

LINES = ["the cat sat on the mat", "the dog sat on the log"] * 20


@pytest.fixture
def suggesting(keepgate, file, tmp_path):
    flags = ("--window", "8", "--batch-size", "4", *FAST)
    outcome = keepgate("fit", "suggest", file("train.txt", LINES), "--out", tmp_path / "suggester", *flags)
    assert (outcome.code, outcome.err) == (0, "")
    assert "keystrokes saved" in outcome.out
    assert "words and marks to train on; the network knows " in outcome.out
    return tmp_path / "suggester"


def test_suggestions_are_a_line_each(keepgate, file, suggesting):
    outcome = keepgate("suggest", suggesting, "the cat s", "--count", "1")
    assert (outcome.code, outcome.out, outcome.err) == (0, "sat\n", "")
    assert keepgate("suggest", suggesting, "the ").out.split() == Suggester.load(suggesting).suggest("the ")
    assert "keystrokes saved" in keepgate("evaluate", suggesting, file("other.txt", LINES[:2])).out


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("the c\t\r", "the cat "),
        ("the m\x1bOP\r", "the mat "),  # F1
        ("the ca\x7f\x7fd\tx\r", "the dog x"),
        ("zzz\t\r", "zzz"),  # nothing to take
    ],
)
def test_a_line_is_typed_with_suggestions(suggesting, keys, text):
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        line = session(Suggester.load(suggesting).keyboard())
        pipe.send_text(keys)
        assert line.prompt("> ") == text


def test_the_toolbar_names_the_keys():
    assert shown(["cat", "cow"]) == "F1 cat   F2 cow"
    assert shown([]) == ""


def test_what_is_not_possible_is_refused(keepgate, suggesting, run):
    refused(keepgate("suggest", suggesting, "the ", "--count", "0"), "--count 0")
    refused(keepgate("suggest", run, "the "), "holds a model for 'classify', not for 'suggest'")

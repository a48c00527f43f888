"""Several inputs of one command: where outputs go, and what is told of bad inputs."""

import pytest

from keepgate.cli.several import Outputs, Refusals
from keepgate.errors import InputError

FORMATS = ("txt", "srt", "TextGrid")


def test_the_good_inputs_go_on_and_the_bad_ones_are_told_at_the_end(capsys):
    refusals = Refusals("transcribe")
    done = []
    for k in range(5):
        with refusals.kept():
            if k % 2:
                raise InputError(f"{k} is bad")
            done.append(k)
    assert done == [0, 2, 4]
    with pytest.raises(InputError, match=r"^2 inputs could not be used; each is named above$"):
        refusals.tell()
    assert capsys.readouterr().err == "keepgate transcribe: 1 is bad\nkeepgate transcribe: 3 is bad\n"


def test_a_single_bad_input_is_the_error_and_none_is_none(capsys):
    refusals = Refusals("transcribe")
    refusals.tell()
    with refusals.kept():
        raise InputError("a.wav is bad")
    with pytest.raises(InputError, match=r"^a\.wav is bad$"):
        refusals.tell()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("out", "format", "found"),
    [
        (None, None, ("txt", None, None)),
        ("-", "srt", ("srt", None, None)),
        ("a.SRT", None, ("srt", "a.SRT", None)),
        ("a.textgrid", "TextGrid", ("TextGrid", "a.textgrid", None)),
        ("talks", "srt", ("srt", None, "talks")),
        ("talks.2024", None, ("txt", None, "talks.2024")),
    ],
)
def test_a_suffix_makes_a_file_and_anything_else_a_folder(out, format, found):
    outputs = Outputs(out, format, FORMATS)
    named = [None if path is None else str(path) for path in (outputs.file, outputs.folder)]
    assert (outputs.format, *named) == found


def test_a_suffix_that_is_not_the_format_is_refused():
    with pytest.raises(InputError, match=r"^--out a\.txt is no file of --format srt; leave out one of the two$"):
        Outputs("a.txt", "srt", FORMATS)


def test_no_output_replaces_that_of_another_input(tmp_path):
    outputs = Outputs(str(tmp_path / "new" / "folder"), "srt", FORMATS)
    outputs.write("x/a.wav", "a", "one")
    with pytest.raises(InputError, match=r"y/a\.wav is left out, for .*a\.srt holds what came of x/a\.wav; rename"):
        outputs.write("y/a.wav", "a", "two")
    assert (tmp_path / "new" / "folder" / "a.srt").read_text() == "one"

"""What reaches the terminal: names of columns, labels and files carry nothing that steers it, and are not endless."""

import pytest

from cli.files import FAST, csv_lines, refused
from keepgate.cli.text import print_notes, table

RED = "\x1b[31mred\x1b[0m"


def plain(text: str) -> bool:
    return all(line.isprintable() and len(line) < 2000 for line in text.splitlines())


@pytest.mark.parametrize("name", [RED, "\u202eabc", "x" * 100_000, "a\x07b", "\x9b2J"])
def test_odd_names_of_columns(keepgate, file, tmp_path, name):
    path = file("train.csv", csv_lines(header=f"{name},ds,a,b,label"))
    outcome = keepgate("fit", "classify", path, "--out", tmp_path / "run", *FAST)
    refused(outcome, "no column 'unique_id'")
    assert plain(outcome.err)


@pytest.mark.parametrize("label", [RED, "$x^{", "_", "y" * 900, "<script>alert(1)</script>", "日本😀"])
def test_odd_labels(keepgate, file, tmp_path, label):
    lines = [line.replace("up", label) for line in csv_lines()]
    outcome = keepgate("fit", "classify", file("train.csv", lines), "--out", tmp_path / "run", *FAST)
    assert (outcome.code, outcome.err) == (0, "")
    assert plain(outcome.out)
    assert "<script>" not in (tmp_path / "run" / "report.html").read_text()
    outcome = keepgate("evaluate", tmp_path / "run", file("test.csv", csv_lines()))
    refused(outcome, "class 'up' was not in the training data")
    assert plain(outcome.err)


def test_a_file_with_an_odd_name(keepgate, file, tmp_path):
    path = file(f"{RED}.csv", csv_lines())
    outcome = keepgate("fit", "classify", path, "--out", tmp_path / f"{RED}run", *FAST)
    assert (outcome.code, outcome.err) == (0, "")
    assert plain(outcome.out)


def test_tables_and_notes(capsys):
    print(table([{RED: "a\tb", "long": "x" * 1000, "number": 1 / 3}]))
    print_notes("fit", [f"{RED} is left out"])
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split() == ["a\\tb", "x" * 79 + "…", "0.3333"]
    assert plain(out)
    assert err == "keepgate fit: \\x1b[31mred\\x1b[0m is left out\n"

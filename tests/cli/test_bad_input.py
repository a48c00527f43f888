"""Bad input on the command line: one sentence on standard error, exit code 2, nothing half-written."""

import json

import pytest

from cli.files import FAST, csv_lines, refused, ts_lines


def changed(lines, row, old, new):
    """The lines with one cell of one row replaced."""
    assert old in lines[row]
    return [*lines[:row], lines[row].replace(old, new, 1), *lines[row + 1 :]]


LINES = csv_lines()

BAD_TABLES = {
    "empty file": ([], ["is empty"]),
    "header only": (LINES[:1], ["is empty"]),
    "missing column": (csv_lines(header="unique_id,ds,a,b,kind"), ["no column 'label'"]),
    "text in a channel": (changed(LINES, 3, ",2,", ",2,warm"), ["column 'a', row 3", "is no number"]),
    "class changes": (changed(LINES, 3, "down", "up"), ["column 'label', row 3", "changes from 'down' to 'up'"]),
    "one class": ([line.replace("up", "down") for line in LINES], ["only 1 class"]),
    "step twice": ([*LINES, LINES[1]], ["'s0' has the step 0.0 twice"]),
}


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_tables_that_cannot_be_fitted_to(keepgate, file, tmp_path, kind):
    lines, words = BAD_TABLES[kind]
    path = file("train.csv", lines)
    refused(keepgate("fit", "classify", path, "--out", tmp_path / "run", *FAST), *words)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: [], ["is empty"]),
        (lambda lines: lines[:5], ["no series"]),
        (lambda lines: [lines[0].replace("false", "true"), *lines[1:]], ["line 1", "time stamps"]),
        (lambda lines: [*lines[:5], lines[5].split(":", 1)[1], *lines[6:]], ["line 6", "1 channels where 2"]),
        (lambda lines: [*lines[:5], lines[5] + "s", *lines[6:]], ["line 6", "class label"]),
    ],
    ids=["empty", "no series", "time stamps", "channels", "label"],
)
def test_ts_files_that_cannot_be_fitted_to(keepgate, file, tmp_path, change, words):
    path = file("train.ts", change(ts_lines()))
    refused(keepgate("fit", "classify", path, "--out", tmp_path / "run", *FAST), path, *words)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--cell", "nope"], ["unknown cell 'nope'", "peephole_lstm"]),
        (["--cell", "absent.py:Cell"], ["there is no file absent.py"]),
        (["--cell", "time_aware_lstm"], ["needs the step inputs elapsed"]),
        (["--backend", "abacus"], ["backend", "abacus"]),
        (["--device", "abacus"], ["device 'abacus' cannot be used"]),
        (["--epochs", "0"], ["epochs=0"]),
        (["--dropout", "2"], ["dropout=2.0"]),
        (["--patience", "3"], ["patience=3 needs a held-out part"]),
        (["--valid", "absent.csv"], ["absent.csv cannot be read: No such file"]),
        (["--time-column", "when"], ["no column 'when'"]),
        (["--channel-columns", "a", "c"], ["no column 'c'"]),
    ],
    ids=lambda value: value[0] + " " + value[1] if value[0].startswith("--") else "",
)
def test_flags_that_cannot_be_followed(keepgate, file, tmp_path, flags, words):
    path = file("train.csv", LINES)
    refused(keepgate("fit", "classify", path, "--out", tmp_path / "run", *FAST, *flags), *words)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_an_unknown_kind(keepgate, file, tmp_path):
    refused(keepgate("fit", "classify", file("train.xls", LINES), "--out", tmp_path / "run"), "train.xls", ".csv")


def test_a_run_that_is_another(keepgate, file, run):
    before = (run / "config.json").read_bytes()
    path = file("train.csv", LINES)
    refused(keepgate("fit", "classify", path, "--out", run, *FAST, "--seed", "1"), "seed=0 instead of 1")
    assert (run / "config.json").read_bytes() == before


def test_a_run_in_the_place_of_a_file(keepgate, file, tmp_path):
    path = file("train.csv", LINES)
    refused(keepgate("fit", "classify", path, "--out", path, *FAST), path)
    assert path.read_text().splitlines() == LINES


def test_a_class_that_only_the_held_out_file_has(keepgate, file, tmp_path):
    train, valid = file("train.csv", LINES), file("valid.csv", [line.replace("up", "level") for line in LINES])
    outcome = keepgate("fit", "classify", train, "--valid", valid, "--out", tmp_path / "run", *FAST)
    refused(outcome, "class 'level' was not in the training data", "'down', 'up'")
    assert not (tmp_path / "run").exists()


def test_a_class_that_only_the_test_file_has(keepgate, file, run):
    path = file("test.csv", [line.replace("up", "level") for line in LINES])
    refused(keepgate("evaluate", run, path), "class 'level' was not in the training data")


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_another_number_of_channels(keepgate, file, run, command):
    path = file("test.csv", [",".join(line.split(",")[:3] + line.split(",")[4:]) for line in LINES])
    refused(keepgate(command, run, path), "no column 'b'")
    path = file("test.ts", [line.replace("@dimensions 2", "@univariate true") for line in ts_lines()[:5]] + ["1,2:up"])
    refused(keepgate(command, run, path), "1 channels ('1')", "2 ('a', 'b')")


def test_a_prediction_that_is_refused_writes_no_file(keepgate, file, run, tmp_path):
    path = file("test.csv", csv_lines(header="unique_id,ds,a,c,label"))
    refused(keepgate("predict", run, path, "--out", tmp_path / "p.csv"), "no column 'b'")
    refused(keepgate("predict", run, path, "--out", tmp_path / "p.xls"), "p.xls", ".parquet")
    assert not list(tmp_path.glob("p.*"))


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def alter(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def other_format(path):
    path.write_text(json.dumps({"hello": "world"}))


def remove(path):
    path.unlink()


@pytest.mark.parametrize("command", ["predict", "evaluate"])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("harm", [cut, alter, other_format, remove])
def test_model_files_that_were_harmed(keepgate, file, run, command, name, harm):
    harm(run / name)
    refused(keepgate(command, run, file("test.csv", LINES)), name)


def test_a_folder_that_is_no_run(keepgate, file, tmp_path):
    refused(keepgate("predict", tmp_path / "absent", file("test.csv", LINES)), "absent is no folder")


def test_the_data_are_never_what_is_written(keepgate, run, tmp_path):
    data = tmp_path / "train.csv"
    before = data.read_bytes()
    (tmp_path / "same.csv").symlink_to(data)
    for name in ("train.csv", "same.csv"):
        refused(keepgate("predict", run, data, "--out", tmp_path / name), "is the file that is read")
    for flag in ("--out", "--report"):
        refused(keepgate("detect", run, data, flag, data), "is the file that is read")
    assert data.read_bytes() == before

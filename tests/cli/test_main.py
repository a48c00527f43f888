"""The frame of the command line: help, versions, exits."""

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import keepgate as package
from cli.files import csv_lines
from keepgate import cells
from keepgate.cli import COMMANDS
from keepgate.extras import EXTRAS, missing_extra
from keepgate.tasks import TASKS, estimator_class
from keepgate.tasks.common.parameters import parameters

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}


def test_help_lists_the_commands_and_examples(keepgate):
    outcome = keepgate("--help")
    assert outcome.code == 0
    assert all(f"\n  {name} " in outcome.out for name in COMMANDS)
    assert "examples:" in outcome.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_examples_that_its_parser_takes(keepgate, command):
    outcome = keepgate(command, "--help")
    assert outcome.code == 0
    assert f"\nexamples:\n  keepgate {command}" in outcome.out


@pytest.mark.parametrize("task", TASKS)
def test_help_of_fit_has_a_flag_for_every_parameter_with_help_and_default(keepgate, task):
    outcome = keepgate("fit", task, "--help")
    assert outcome.code == 0
    words = " ".join(outcome.out.split())
    kind = estimator_class(task)
    for name, _, meta in [*parameters(kind), *parameters(kind.Columns)]:
        flag, told = "--" + name.replace("_", "-") + " ", " ".join(meta["help"].split()) + " (default: "
        assert (flag in words and told in words) == (name not in kind.unused)


CPU = [  # most seconds of processor time, of the command's own process
    (["--help"], 0.1),
    (["fit", "forecast", "--help"], 0.6),
    (["fit", "tag", "--help"], 0.6),
    (["fit", "tag", "a.conll", "--out", "b", "--hidden-sise", "3"], 0.6),
    (["fit", "classify", "a.ts", "--out", "b", "--hidden-size", "0"], 0.6),
    (["fit", "embed", "a.ts", "--out", "b", "--cell", "lstn"], 0.6),
    (["predict", "--help"], 0.6),
]


@pytest.mark.skipif(os.name != "posix", reason="asks for the processor time of a child")
@pytest.mark.parametrize(
    ("arguments", "most"), CPU, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_help_and_wrong_usage_wait_for_no_heavy_import(arguments, most):
    import resource

    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = python("-m", "keepgate", *arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == (0 if "--help" in arguments else 2)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) <= most


def test_version(keepgate):
    assert keepgate("--version").out == f"keepgate {package.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["fit"], ["fit", "juggle"], ["fit", "classify"], ["show"]])
def test_wrong_usage_exits_with_2(keepgate, arguments):
    outcome = keepgate(*arguments)
    assert outcome.code == 2
    assert outcome.err.startswith("usage: ")


def test_cells_is_a_table_of_the_registry(keepgate):
    outcome = keepgate("cells")
    assert outcome.code == 0
    lines = {line.split()[0]: line for line in outcome.out.splitlines()[1:] if line}
    for name, cell in cells.registry().items():
        assert cell.paper in lines[name]
    assert lines["lstm"].endswith(f"{4 * 128 * (128 + 128 + 2):,}")
    assert lines["gru"].endswith(f"{3 * 128 * (128 + 128 + 2):,}")
    assert lines["peephole_lstm"].endswith(f"{4 * 128 * (128 + 128 + 2) + 3 * 128:,}")


def test_show_prints_the_equations(keepgate):
    outcome = keepgate("show", "rnn")
    assert outcome.out == "rnn (Elman 1990)\n\n" + str(cells.get("rnn").equations) + "\n"
    assert keepgate("show", "rnn", "--latex").out == cells.get("rnn").equations.latex() + "\n"


def test_show_a_cell_of_ones_own_and_its_mistake(keepgate, tmp_path):
    file = tmp_path / "mine.py"
    source = "from keepgate.equations import Cell, affine, tanh\nclass Mine(Cell):\n    def step(self, x, last):\n"
    file.write_text(source + "        return self.State(h=tanh(affine('n', x, last.h)))\n")
    assert "h[t] = tanh(W_n x[t] + U_n h[t-1] + b_n)" in keepgate("show", f"{file}:Mine").out
    file.write_text(source + "        return self.State(h=tanh(affine('n', x, last.g)))\n")
    outcome = keepgate("show", f"{file}:Mine")
    assert outcome.code == 2
    assert f"{file.name}" in outcome.err
    assert "no state 'g'" in outcome.err
    assert outcome.err.count("\n") == 1


def test_doctor_tells_versions_extras_and_engines(keepgate):
    outcome = keepgate("doctor")
    assert outcome.code == 0
    rows = [line.split() for line in outcome.out.splitlines() if line]
    assert ["keepgate", package.__version__] in rows
    assert ["train", "yes"] in rows
    assert ["reference", "yes"] in rows
    assert any(row[0] == "cudnn" and row[1] in ("yes", "no:") for row in rows)


def test_extras_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, packages in EXTRAS.items():
        wanted = {line.split(">")[0] for line in project[extra]} - {"keepgate[train]"}
        assert set(packages.values()) == wanted
    assert missing_extra("torch.nn") == "torch is not installed; pip install 'keepgate[train]'"
    assert missing_extra("no_such_package") is None


BLOCK = "import sys; sys.modules['torch'] = None; from keepgate.cli import main; sys.exit(main(sys.argv[1:]))"


def python(*arguments, **options):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], env=ENVIRONMENT, capture_output=True, text=True, **options
    )


def test_without_torch_there_is_one_line_that_names_the_extra(run, tmp_path):
    for arguments in (["fit", "classify", "x.csv", "--out", tmp_path / "new"], ["predict", run, "x.csv"]):
        done = python("-c", BLOCK, *arguments)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "torch is not installed; pip install 'keepgate[train]'" in done.stderr
    for arguments in (["--help"], ["cells"], ["show", "lstm"], ["fit", "--help"]):
        assert python("-c", BLOCK, *arguments).returncode == 0
    done = python("-c", BLOCK, "doctor")
    assert done.returncode == 0
    assert "pip install 'keepgate[train]'" in done.stdout


def test_a_reader_that_goes_away_is_no_error():
    done = python("-c", f"{BLOCK.partition(';')[0]}; from keepgate.cli import main; import os\n"
                  "r, w = os.pipe(); os.dup2(w, 1); os.close(w); os.close(r); sys.exit(main(['cells']))")  # fmt: skip
    assert done.returncode == 141
    assert done.stderr == ""


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_interrupted_and_resumed_is_as_if_nothing_had_happened(keepgate, file, tmp_path):
    command = ["fit", "classify", str(file("train.csv", csv_lines(count=40))), "--epochs", "40", "--hidden-size", "4"]
    process = subprocess.Popen(
        [sys.executable, "-m", "keepgate", *command, "--out", str(tmp_path / "cut")],
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = tmp_path / "cut" / "metrics.jsonl"
    while process.poll() is None and not (metrics.exists() and metrics.read_text().count("\n") >= 3):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from here" in errors
    assert "Traceback" not in errors
    assert 3 <= metrics.read_text().count("\n") < 40
    assert not (tmp_path / "cut" / "config.json").exists()
    for out in ("cut", "whole"):
        assert keepgate(*command, "--out", tmp_path / out).code == 0
    models = [(tmp_path / out / "model.safetensors").read_bytes() for out in ("cut", "whole")]
    assert models[0] == models[1]


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["predct"], "predict"),
        (["fit", "clasify", "a.ts"], "classify"),
        (["fit", "forecast", "a.csv", "--out", "b", "--hidden-sise=3"], "--hidden-size"),
        (["compress", "a", "--lsmt-only"], "--lstm-only"),
    ],
)
def test_the_most_similar_name_is_suggested(keepgate, arguments, meant):
    done = keepgate(*arguments)
    assert done.code == 2
    assert done.err.endswith(f"; did you mean {meant}?\n")


def test_nothing_is_suggested_where_nothing_is_similar(keepgate):
    done = keepgate("qqq")
    assert done.code == 2
    assert done.err.splitlines()[-1].endswith("'qqq' is none of " + ", ".join(COMMANDS))

"""What importing costs: `import keepgate` is light, arrows run downwards, a missing extra is one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from keepgate.tasks import TASKS
from tasks.tiny import TINY

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ["torch", "pandas", "pyarrow", "narwhals", "polars", "sklearn", "matplotlib", "jinja2", "tqdm", "onnx"]
TORCH_FREE = (
    "keepgate",
    "keepgate.equations",
    "keepgate.cells",
    "keepgate.maps",
    "keepgate.testing",
    "keepgate.store",
    "keepgate.native",
    "keepgate.runtime",
    "keepgate.compression",
    "keepgate.objectives.decode",
    "keepgate.objectives.ngram",
    "keepgate.cli",
    *(f"keepgate.tasks.{task}.parameters" for task in TASKS),
)


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter of its own."""
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)


def result(code: str) -> str:
    done = python(code)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", TORCH_FREE)
def test_nothing_heavy_is_imported(module: str):
    assert result(f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])") == "[]"


def test_import_keepgate_imports_no_part_of_it():
    loaded = result("import sys, keepgate; print(sorted(m for m in sys.modules if m.startswith('keepgate.')))")
    assert loaded == "['keepgate._version', 'keepgate.errors', 'keepgate.extras']"


WITHOUT_TORCH = f"import sys; sys.modules.update(dict.fromkeys({HEAVY}));"


def test_a_cell_runs_where_nothing_heavy_is_installed():
    code = """
import numpy as np
from keepgate import cells
from keepgate.equations import compile_program
from keepgate.testing.interpreter import Interpreter
equations = cells.get("layer_norm(peephole_lstm)").equations
parameters = {p.name: np.ones(p.shape) for p in equations.parameters(2, 3)}
state = {name: np.zeros((1, 3)) for name in "hc"}
run = Interpreter(compile_program(equations), parameters).forward(np.ones((4, 1, 2)), state)
print(run.states["h"].shape, "torch" in str(equations.latex()))
"""
    assert result(WITHOUT_TORCH + code) == "(5, 1, 3) False"


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("import keepgate; keepgate.nn", "keepgate.nn"),
        ("from keepgate import nn", "keepgate.nn"),
        ("from keepgate.nn import LSTM", "keepgate.nn"),
        ("import keepgate; keepgate.scan", "keepgate.scan"),
        ("from keepgate.objectives import ctc_loss", "keepgate.objectives.ctc_loss"),
        ("from keepgate import Forecaster", "keepgate.Forecaster"),
        ("from keepgate import SequenceClassifier", "keepgate.SequenceClassifier"),
    ],
)
def test_a_missing_extra_is_one_line(statement: str, what: str):
    done = python(WITHOUT_TORCH + statement)
    line = f"keepgate.errors.MissingExtraError: {what} needs "
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith(line)
    assert last.endswith(", which is not installed; run: pip install 'keepgate[train]'")
    assert last[len(line) :].split(",")[0] in HEAVY
    assert "During handling" not in done.stderr


def test_a_missing_coder_is_one_line():
    done = python("import sys; sys.modules['constriction'] = None; from keepgate import compress")
    line = "keepgate.errors.MissingExtraError: keepgate.compress needs constriction, which is not installed; run: "
    assert done.stderr.strip().splitlines()[-1] == line + "pip install 'keepgate[compress]'"


def test_public_names_load_on_first_use():
    code = "import keepgate; print(keepgate.Forecaster.__name__, keepgate.nn.LSTM.__name__, keepgate.__version__)"
    assert result(code) == "Forecaster LSTM 0.1.0"
    assert result("import keepgate; print({'Forecaster', 'nn', 'cells'} <= set(dir(keepgate)))") == "True"


def test_an_unknown_name():
    done = python("import keepgate; keepgate.LSTN")
    assert done.stderr.strip().splitlines()[-1] == "AttributeError: module 'keepgate' has no attribute 'LSTN'"


RUNS = ROOT / "tests" / "tasks" / "old_runs" / "0.1.0"
DATA = {tiny.data for tiny in TINY.values()}


@pytest.mark.parametrize("task", TASKS)
def test_predicting_draws_no_figures(task: str):
    """`keepgate predict` reads a file, asks the model and writes a table; what makes reports is not even imported."""
    (data,) = [path for path in (RUNS / task).iterdir() if path.is_file() and path.name in DATA]
    code = f"import sys; from keepgate.cli import main; code = main({['predict', str(RUNS / task), str(data)]})"
    shown = result(f"{code}; print(code, [m for m in ('matplotlib', 'jinja2') if m in sys.modules])")
    assert shown.splitlines()[-1] == "0 []"


@pytest.mark.parametrize("task", ["classify", "forecast"])
def test_the_model_of_a_table_predicts_where_neither_arrow_nor_figures_can_be_imported(task: str):
    """Its run came from a CSV file. (scikit-learn loads pandas, and pandas Arrow.)"""
    given = {"classify": "[np.zeros((5, 2))]", "forecast": "{'window': np.zeros((1, model.window_, 2))}"}[task]
    method = {"classify": "predict", "forecast": "forecast_windows"}[task]
    code = "import sys; sys.modules.update(dict.fromkeys(['matplotlib', 'jinja2', 'pyarrow'])); import numpy as np; "
    code += f"from keepgate.tasks import load; model = load({str(RUNS / task)!r}, 'cpu'); "
    assert result(f"{code}print(len(model.{method}({given})))") == "1"


def test_arrows_run_downwards():
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "arrows run downwards only KEPT" in done.stdout

"""The notebook of the examples, executed as Jupyter does: what a reader would see is in its output."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "first_look.ipynb"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """The outputs of each cell with code."""
    place = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    notebook = nbclient.NotebookClient(nbformat.read(NOTEBOOK, 4), timeout=300, resources=place).execute()
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def pictures(outputs: list[Any]) -> list[bytes]:
    return [base64.b64decode(output.data["image/png"]) for output in outputs if "image/png" in output.get("data", {})]


def test_it_is_kept_without_output():
    cells = [cell for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


@pytest.mark.slow
def test_equations_are_formulas(shown):
    for outputs, symbol in zip(shown[:2], (r"n_{t} &= \tanh", r"p_{i} \odot c_{t-1}"), strict=True):
        (output,) = outputs
        assert symbol in output.data["text/latex"]


@pytest.mark.slow
def test_a_training_shows_bars_and_its_curve(shown):
    bars = "".join(output.text for output in shown[2] if output.output_type == "stream" and output.name == "stderr")
    assert re.search(r"epoch 4/4: +\d+%\|█+.*held-out 0\.\d+", bars)
    (curve,) = pictures(shown[2])
    assert curve.startswith(b"\x89PNG\r\n")


@pytest.mark.slow
def test_a_forecast_is_a_table_and_a_figure(shown):
    (table,) = shown[3]
    assert "y_hat_q90" in table.data["text/html"]
    assert len(pictures(shown[4])) == 1

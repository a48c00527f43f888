"""report.html: one self-contained file of text, tables and figures, readable without a network."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import matplotlib
from matplotlib.figure import Figure

import keepgate
from keepgate import store
from keepgate.tasks.common.report.section import Section

# Text as text keeps the file small and searchable; the fixed salt gives the same bytes for the same figure.
_SVG: Any = {"svg.fonttype": "none", "svg.hashsalt": "keepgate"}


def write_report(path: str | Path, title: str, sections: Sequence[Section]) -> None:
    """Write one HTML file with `sections` below each other; figures are embedded as SVG."""
    source = resources.files("keepgate.tasks.common.report").joinpath("report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["svg"] = _svg
    environment.filters["cell"] = _cell
    page = environment.from_string(source).render(title=title, sections=sections, version=keepgate.__version__)
    store.write_atomic(Path(path), page.encode(errors="backslashreplace"))


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    with matplotlib.rc_context(_SVG), warnings.catch_warnings():
        # A script that its font lacks is drawn by the reader's; where there is no room, the figure is only less neat.
        warnings.filterwarnings("ignore", category=UserWarning)
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]  # without the XML prologue, which has no place inside HTML


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

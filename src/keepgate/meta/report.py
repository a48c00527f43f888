"""report.html of a meta-learner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from keepgate.tasks.common.report import page
from keepgate.tasks.common.report.section import Section

if TYPE_CHECKING:
    from keepgate.meta.learner import MetaLearner

__all__ = ["write_report"]


def write_report(learner: MetaLearner, path: str | Path, family: Any = None) -> None:
    """Write the curve of `MetaLearner.curve` as a table and a picture, and below it what was trained and how."""
    curve = learner.curve(family)
    said = (
        f"The {curve.measure} of the next example after so many, over 1,000 functions that training has not seen. "
        "The network learns within its activations; the others learn each function anew."
    )
    settings = [{"parameter": name, "value": value} for name, value in learner.get_params(deep=False).items()]
    sections = [
        Section("Error over the number of examples", said, curve.rows(), curve.figure()),
        *([Section("Right answers at an example of a class", rows=curve.instance_rows())] if curve.instances else []),
        *([Section("Learning curve", figure=learner.learning_curve())] if hasattr(learner, "history_") else []),
        Section(f"Cell: {learner.cell_name()}", listing=str(learner.equations_)),
        Section("Parameters", rows=settings),
    ]
    name = learner.family_.name if learner.family_ else "functions"
    page.write_report(path, f"learning to learn: {name}", sections)

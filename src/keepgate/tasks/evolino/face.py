"""The command-line side of Evolino: tables, scores of a free run next to naive continuations, and the report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keepgate.data.tables.panel import Panel, filled
from keepgate.data.tables.reading import panel
from keepgate.data.tables.table import read_table
from keepgate.tasks.common.face import Face
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.evolino.parameters import EvolinoColumns

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class EvolinoFace(Face):
    """Face of `Evolino`; its predictions are free runs over the last `horizon` rows, [S, horizon]."""

    @classmethod
    def read(cls, path: str | Path, columns: EvolinoColumns | None = None, *, labelled: bool = True) -> Panel:
        """Read a CSV, Parquet or Arrow file; `y` is needed in any case, since it is continued."""
        columns = columns or EvolinoColumns()
        return panel(
            read_table(path, text=[columns.id_column]), **asdict(columns), covariate_columns=(), source=str(path)
        )

    def about(self, data: Panel) -> list[str]:
        """Return what series there are, and what of them was learned."""
        model = self.estimator
        learned = int(model.split(data)[0].lengths.sum())
        return [
            f"{len(data.ids)} series, {len(data.times):,} rows of {data.names[2]}, {data.frequency} apart",
            f"learned from {learned:,} rows, the first {model.washout} of each series only set the state",
        ]

    def notes(self, data: Panel) -> list[str]:
        """Return how many values are missing."""
        missing = int(np.isnan(data.values[:, 0]).sum())
        text = f"{missing:,} of {len(data.times):,} values of {data.names[2]} are missing: the one before stands for it"
        return [text] if missing else []

    def table(self, data: Any) -> Any:
        """Return the rows after the end of each series; see `Evolino.predict`."""
        return self.estimator.predict(data)

    def predictions(self, data: Any) -> np.ndarray:
        """Return free runs over the last `horizon` rows of each series, begun after all rows before."""
        begin, _ = self._parts(data)
        return self.estimator.continued(begin)

    def scores(self, data: Any, predictions: np.ndarray) -> list[dict[str, Any]]:
        """Return the normalised mean squared error, over the variance of the whole series, and that of its mean."""
        begin, end = self._parts(data)
        truth = end.values[:, 0].reshape(predictions.shape)
        variance = float(np.nanvar(self.estimator.to_panel(data).values[:, 0])) or 1.0
        values = filled(begin.values[:, :1], begin.starts)[:, 0]
        last = values[begin.starts[1:] - 1][:, None]
        mean = np.array([part.mean() for part in np.split(values, begin.starts[1:-1])])[:, None]
        rows = {self.estimator.cell_name(): predictions, "last value": last, "mean": mean}
        return [
            {"model": name, "NMSE": float(np.nanmean(np.square(found - truth))) / variance}
            for name, found in rows.items()
        ]

    def sections(self, data: Any, predictions: np.ndarray, where: str) -> list[Section]:
        """Return scores, and the free run beside the truth."""
        text = f"Free runs over the last {self.estimator.horizon} rows, begun after all rows before."
        return [
            Section(f"Scores on the {where}", text, self.scores(data, predictions)),
            Section(f"Free run over the {where}", figure=self.figure(data, predictions)),
        ]

    def figure(self, data: Any, predictions: np.ndarray) -> Figure:
        """Return a picture of free runs beside the truth."""
        from keepgate.tasks.evolino.figures import free_run_figure

        return free_run_figure(self.estimator.to_panel(data), predictions)

    def shown(self, data: Any, valid: Any) -> tuple[Any, str]:
        """Return the table whose last rows are compared with, and what to call them."""
        if valid is not None:
            return valid, "end of the held-out data"
        held = self.estimator.split(data)[1].lengths.min() == self.estimator.horizon
        return data, "held-out end" if held else "training data's end"

    def _parts(self, data: Any) -> tuple[Panel, Panel]:
        return self.estimator.split(self.estimator.to_panel(data), least=2)

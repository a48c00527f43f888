"""The command-line side of the autoencoder: tables of vectors, errors next to those of constants, and the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from keepgate.data.sequences import Sequences
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.common.sequence_face import SequenceFace
from keepgate.tasks.common.sequence_parameters import SequenceColumns
from keepgate.tasks.embed.scores import mean_squared_error

if TYPE_CHECKING:
    import pyarrow as pa

PICTURED = 4  # series in the report

Compared = tuple[np.ndarray, list[np.ndarray]]


class AutoencoderFace(SequenceFace):
    """Face of `SequenceAutoencoder`; its predictions are vectors and errors, as `compare` returns them."""

    @classmethod
    def read(cls, path: str | Path, columns: SequenceColumns | None = None, *, labelled: bool = True) -> Sequences:
        """Read a file as for classification; labels may be missing."""
        return super().read(path, columns, labelled=False)

    def table(self, data: Sequences) -> pa.Table:
        """Return a row for each series: its id, the numbers `v1`, `v2`, ... of its vector, and its anomaly score."""
        import pyarrow as pa

        vectors, errors = self.predictions(data)
        scores = [score.mean() for score in self.estimator.ordinary_.scores(errors)]
        named = {f"v{k}": vectors[:, k - 1] for k in range(1, self.estimator.vector_size + 1)}
        return pa.table({self.columns.id_column: list(data.ids), **named, "anomaly_score": scores})

    def predictions(self, data: Sequences) -> Compared:
        """Return the vectors [N, vector_size] of series, and the errors [T_i, C] of their reconstruction."""
        return self.estimator.compare(data)

    def scores(self, data: Sequences, predictions: Compared) -> list[dict[str, Any]]:
        """Return the mean squared error in the variances of the training data, of this model and of constants."""
        values, _ = self.estimator.in_order(data)
        values = [self.estimator.network_.standardise(torch.from_numpy(value)).numpy() for value in values]
        with np.errstate(over="ignore", invalid="ignore"):  # the weights may come from no training
            errors = {
                self.estimator.cell_name(): predictions[1],
                "mean of each series": [value - value.mean(axis=0) for value in values],
                "mean of the training data": values,
            }
            return [{"model": name, "MSE": mean_squared_error(rows)} for name, rows in errors.items()]

    def sections(self, data: Sequences, predictions: Compared, where: str) -> list[Section]:
        """Return errors, some series with their reconstruction, and the vectors of all in two dimensions."""
        from keepgate.tasks.embed.figures import map_figure, series_figure

        vectors, errors = predictions
        values, names = self.estimator.in_order(data)
        restored = self.estimator.reconstructed(values, errors)
        chosen = np.unique(np.linspace(0, len(values) - 1, PICTURED).round().astype(int)).tolist()
        about = "The two directions in which the vectors differ most" + ("" if data.labels is None else ", by label")
        return [
            Section(f"Errors on the {where}", f"{len(values)} series.", self.scores(data, predictions)),
            Section(f"Vectors of the {where}", f"{about}.", figure=map_figure(vectors, data.labels)),
            *(Section(f"Series {data.ids[i]}", figure=series_figure(values[i], restored[i], names)) for i in chosen),
        ]

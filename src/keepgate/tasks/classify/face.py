"""The command-line side of classification: tables of classes, scores and report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from keepgate.data.sequences import Sequences
from keepgate.data.tables.table import read_table
from keepgate.data.tables.wide import has_no_header, read_rows
from keepgate.data.text.labelled import LabelledTexts, read_texts
from keepgate.tasks.classify.inputs import names_of_texts, read
from keepgate.tasks.classify.labels import codes_of
from keepgate.tasks.classify.parameters import ClassifyColumns
from keepgate.tasks.classify.texts import FIRST
from keepgate.tasks.common.given import of_kind
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.common.sequence_face import SequenceFace, classes_line

if TYPE_CHECKING:
    import pyarrow as pa


OF_TEXTS = (".jsonl", ".json", ".txt")


class ClassifierFace(SequenceFace):
    """Face of `SequenceClassifier`; its predictions are the probabilities [N, K] of the classes."""

    GAPS: ClassVar[bool] = True

    @classmethod
    def read_other(cls, path: str | Path, columns: ClassifyColumns | None, labelled: bool) -> Sequences | LabelledTexts:
        """Read a table of series or of texts, JSON lines or lines of texts."""
        columns = columns or ClassifyColumns()
        if Path(path).name.lower().removesuffix(".gz").endswith(OF_TEXTS):
            return read_texts(path, **names_of_texts(columns), labelled=labelled)
        if has_no_header(path):
            return read_rows(path)
        names = (columns.id_column, columns.label_column, columns.group_column)
        table = read_table(path, text=[name for name in names if name])
        return read(table, columns, labelled=labelled, source=str(path))

    def read_alike(self, path: str | Path, *, labelled: bool = True) -> Any:
        """Read a file like that trained on; texts may come a line each by standard input, or in a `.txt`."""
        if self.estimator.units_ is None:
            return super().read_alike(path, labelled=labelled)
        return read_texts(path, **names_of_texts(self.columns), labelled=labelled)

    def table(self, data: Sequences | LabelledTexts) -> pa.Table:
        """Return ids, predicted classes `<label column>_hat` and a probability for every class."""
        import pyarrow as pa

        classes = self.estimator.classes_
        probabilities = self.estimator.predict_proba(data)
        return pa.table(
            {
                self.columns.id_column: list(data.ids),
                f"{self.columns.label_column}_hat": classes[probabilities.argmax(axis=1)].tolist(),
                **{f"p_{name}": probabilities[:, k] for k, name in enumerate(classes)},
            }
        )

    def about(self, data: Sequences | LabelledTexts) -> list[str]:
        """Return what the data are, and whether probabilities are calibrated."""
        lines = self._about_texts(data) if isinstance(data, LabelledTexts) else super().about(data)
        heat = self.estimator.temperature_
        found = "not calibrated, for nothing was held out" if heat is None else f"calibrated, temperature {heat:.3g}"
        return [*lines, f"probabilities are {found}"]

    def _about_texts(self, data: LabelledTexts) -> list[str]:
        lengths = [len(self.estimator.units_.encode(text)) for text in data.texts]
        known = f"{self.estimator.units_.size - FIRST:,} known {self.estimator.units}"
        lines = [f"{len(data):,} texts of {min(lengths)} to {max(lengths)} {self.estimator.units}; {known}"]
        return lines if data.labels is None else [*lines, classes_line(data.labels)]

    def predictions(self, data: Sequences | LabelledTexts) -> np.ndarray:
        """Return the probabilities [N, K] of each sequence's classes."""
        return self.estimator.predict_proba(data)

    def scores(self, data: Sequences | LabelledTexts, predictions: np.ndarray) -> list[dict[str, Any]]:
        """Return scores of this model, and of always answering with the classes' shares in the training data.

        Raises:
            InputError: `data` has a class that the training data lack.
        """
        from keepgate.tasks.classify.scores import class_scores

        truth, counts = self._truth(data), self.estimator.class_counts_
        shares = np.tile(counts / counts.sum(), (len(truth), 1))
        rows = {self.estimator.cell_name(): predictions, "majority class": shares}
        return [{"model": name, **class_scores(truth, chances)} for name, chances in rows.items()]

    def each_class(self, data: Sequences | LabelledTexts, predictions: np.ndarray) -> list[dict[str, Any]]:
        """Return precision, recall, F1, ROC-AUC and support of each class."""
        from keepgate.tasks.classify.scores import each_class

        return each_class(self._truth(data), predictions, [str(name) for name in self.estimator.classes_])

    def sections(self, data: Sequences | LabelledTexts, predictions: np.ndarray, where: str) -> list[Section]:
        """Return scores, those of each class, the confusion matrix and the reliability diagram."""
        from keepgate.tasks.common.calibration import reliability_figure
        from keepgate.tasks.common.report.figures import confusion_figure

        truth, names = self._truth(data), [str(name) for name in self.estimator.classes_]
        answers, kind = predictions.argmax(axis=1), "series" if self.estimator.units_ is None else "texts"
        counts = np.zeros((len(names), len(names)), dtype=np.int64)
        np.add.at(counts, (truth, answers), 1)
        return [
            Section(
                f"Scores on the {where}",
                f"{len(truth)} {kind}.",
                self.scores(data, predictions),
            ),
            Section(f"Each class on the {where}", rows=self.each_class(data, predictions)),
            Section(f"Confusion on the {where}", figure=confusion_figure(counts, names)),
            Section(f"Confidence on the {where}", figure=reliability_figure(predictions.max(axis=1), answers == truth)),
        ]

    @property
    def columns(self) -> ClassifyColumns:
        """Names of the columns of the training file, or the usual ones."""
        return getattr(self.estimator, "columns_", ClassifyColumns())

    def _truth(self, data: Sequences | LabelledTexts) -> np.ndarray:
        kind = Sequences if self.estimator.units_ is None else LabelledTexts
        return codes_of(of_kind(data, kind).labels, self.estimator.classes_)

"""The command-line side of classification: tables of classes, scores and report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from keepgate.data.sequences import Sequences
from keepgate.tasks.classify.labels import codes_of
from keepgate.tasks.common.given import of_kind
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.common.sequence_face import SequenceFace

if TYPE_CHECKING:
    import pyarrow as pa


class ClassifierFace(SequenceFace):
    """Face of `SequenceClassifier`; its predictions are the probabilities [N, K] of the classes."""

    GAPS: ClassVar[bool] = True

    def table(self, data: Sequences) -> pa.Table:
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

    def about(self, data: Sequences) -> list[str]:
        """Return what the data are, and whether probabilities are calibrated."""
        heat = self.estimator.temperature_
        found = "not calibrated, for nothing was held out" if heat is None else f"calibrated, temperature {heat:.3g}"
        return [*super().about(data), f"probabilities are {found}"]

    def predictions(self, data: Sequences) -> np.ndarray:
        """Return the probabilities [N, K] of each sequence's classes."""
        return self.estimator.predict_proba(data)

    def scores(self, data: Sequences, predictions: np.ndarray) -> list[dict[str, Any]]:
        """Return scores of this model, and of always answering with the classes' shares in the training data.

        Raises:
            InputError: `data` has a class that the training data lack.
        """
        from keepgate.tasks.classify.scores import class_scores

        truth, counts = self._truth(data), self.estimator.class_counts_
        shares = np.tile(counts / counts.sum(), (len(truth), 1))
        rows = {self.estimator.cell_name(): predictions, "majority class": shares}
        return [{"model": name, **class_scores(truth, chances)} for name, chances in rows.items()]

    def each_class(self, data: Sequences, predictions: np.ndarray) -> list[dict[str, Any]]:
        """Return precision, recall, F1, ROC-AUC and support of each class."""
        from keepgate.tasks.classify.scores import each_class

        return each_class(self._truth(data), predictions, [str(name) for name in self.estimator.classes_])

    def sections(self, data: Sequences, predictions: np.ndarray, where: str) -> list[Section]:
        """Return scores, those of each class, the confusion matrix and the reliability diagram."""
        from keepgate.tasks.common.calibration import reliability_figure
        from keepgate.tasks.common.report.figures import confusion_figure

        truth, names = self._truth(data), [str(name) for name in self.estimator.classes_]
        answers = predictions.argmax(axis=1)
        counts = np.zeros((len(names), len(names)), dtype=np.int64)
        np.add.at(counts, (truth, answers), 1)
        return [
            Section(f"Scores on the {where}", f"{len(truth)} series.", self.scores(data, predictions)),
            Section(f"Each class on the {where}", rows=self.each_class(data, predictions)),
            Section(f"Confusion on the {where}", figure=confusion_figure(counts, names)),
            Section(f"Confidence on the {where}", figure=reliability_figure(predictions.max(axis=1), answers == truth)),
        ]

    def _truth(self, data: Sequences) -> np.ndarray:
        return codes_of(of_kind(data, Sequences).labels, self.estimator.classes_)

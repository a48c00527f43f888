"""The command-line side of classification: tables of classes, scores and report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from keepgate.data.sequences import Sequences
from keepgate.tasks.classify.labels import codes_of
from keepgate.tasks.common.given import of_kind
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.common.sequence_face import SequenceFace

if TYPE_CHECKING:
    import pyarrow as pa


class ClassifierFace(SequenceFace):
    """Face of `SequenceClassifier`; its predictions are the numbers [N] of the most probable classes."""

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

    def predictions(self, data: Sequences) -> np.ndarray:
        """Return the number [N] of the most probable class of each sequence."""
        return self.estimator.predict_proba(data).argmax(axis=1)

    def scores(self, data: Sequences, predictions: np.ndarray) -> list[dict[str, Any]]:
        """Return accuracy and macro-averaged F1 of this model and of always predicting the commonest training class.

        Raises:
            InputError: `data` has a class that the training data lack.
        """
        from keepgate.tasks.classify.scores import class_scores

        truth = self._truth(data)
        majority = np.full(len(truth), self.estimator.class_counts_.argmax())
        rows = {self.estimator.cell_name(): predictions, "majority class": majority}
        return [{"model": name, **class_scores(truth, predicted)} for name, predicted in rows.items()]

    def sections(self, data: Sequences, predictions: np.ndarray, where: str) -> list[Section]:
        """Return scores and confusion matrix."""
        from keepgate.tasks.common.report.figures import confusion_figure

        truth, names = self._truth(data), [str(name) for name in self.estimator.classes_]
        counts = np.zeros((len(names), len(names)), dtype=np.int64)
        np.add.at(counts, (truth, predictions), 1)
        return [
            Section(f"Scores on the {where}", f"{len(truth)} series.", self.scores(data, predictions)),
            Section(f"Confusion on the {where}", figure=confusion_figure(counts, names)),
        ]

    def _truth(self, data: Sequences) -> np.ndarray:
        return codes_of(of_kind(data, Sequences).labels, self.estimator.classes_)

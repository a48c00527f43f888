"""`SequenceClassifier`: one class for each sequence."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from keepgate import schema
from keepgate.data.arrays import as_sequences, of_channels
from keepgate.data.sequences import Sequences
from keepgate.data.tables.long import read_long_table
from keepgate.data.tables.ts import read_ts
from keepgate.errors import InputError
from keepgate.tasks.classify.labels import CLASSES, as_labels, classes_from_json, classes_to_json, codes_of, encode
from keepgate.tasks.classify.network import ClassifierNetwork, SequenceExamples, classifier
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.given import of_kind
from keepgate.tasks.common.parameters import SHARE, STRENGTH, param
from keepgate.tasks.common.pretrained import INIT, begin_with
from keepgate.tasks.common.report.figures import confusion_figure
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.registry import load

if TYPE_CHECKING:
    from keepgate.export.graph import Graph


MOST_CHANNELS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class SequenceColumns:
    """Names of the columns of a long table (CSV, Parquet, Arrow), which has a row for each step of each series."""

    id_column: str = param("unique_id", "tables: column that names the series")
    time_column: str = param("ds", "tables: column that orders a series; if the table has no ds, its rows are in order")
    label_column: str = param("label", "tables: column with the class of the series, the same in all its rows")
    channel_columns: tuple[str, ...] | None = param(None, "tables: columns of the channels; none stands for all others")


@dataclass(eq=False, repr=False, kw_only=True)
class SequenceClassifier(ClassifierMixin, Estimator):
    """Recurrent classifier of whole sequences, of equal or of different lengths; a scikit-learn estimator.

    X everywhere is a list of N arrays [T_i, C]; or one array [N, T, C] (time before channels, as torch's batch_first;
    aeon and sktime have them the other way round: pass `X.transpose(0, 2, 1)`); or [N, T], N series of one channel,
    as aeon and sktime take it; or the `Sequences` of `read`, which carry their labels. y is [N], labels of any kind.

    >>> import numpy as np
    >>> X = [np.linspace(0, rise, steps) for rise in (-1, 1) for steps in range(5, 25)]
    >>> y = ["falls"] * 20 + ["rises"] * 20
    >>> classifier = SequenceClassifier(epochs=20, hidden_size=8).fit(X, y)
    >>> classifier.predict([np.array([0.0, 0.3, 0.6, 0.9]), np.array([0.0, -0.3, -0.6, -0.9])]).tolist()
    ['rises', 'falls']

    `fit` sets, beside the attributes of `Estimator`: `classes_` [K], sorted; `class_counts_` [K], how often each was
    in the training data; `n_features_in_`, the number of channels C; `channels_`, their names if X had names.
    """

    task: ClassVar[str] = "classify"
    formats: ClassVar[tuple[str, ...]] = (*Estimator.formats, ".ts")
    Columns: ClassVar[type] = SequenceColumns
    FITTED: ClassVar[schema.Check] = schema.record(
        classes=CLASSES,
        class_counts=schema.several(schema.whole(0, 2**53), 2),
        n_channels=schema.whole(1, MOST_CHANNELS),
        channels=schema.optional(schema.several(schema.text(), 1, MOST_CHANNELS, distinct=True)),
    )

    bidirectional: bool = param(True, "read the sequence in both directions")
    dropout: float = param(0.5, "share of activations dropped while training", **SHARE)
    learning_rate: float = param(0.01, "highest step size of the optimizer", **STRENGTH)
    noise: float = param(0.5, "deviation of the noise on the standardized input while training", **STRENGTH)
    label_smoothing: float = param(0.1, "share of each target that is spread over all classes", **SHARE)
    init: str | None = param(None, INIT)

    network_: ClassifierNetwork = field(init=False)

    def fit(self, X: Any, y: Any = None, *, valid: Any = None, run: str | Path | None = None) -> SequenceClassifier:
        """Train on sequences X and labels y [N] and return self.

        valid: `(X, y)` or `Sequences`, held out to choose the best epoch (and to stop early, see `patience`); without
        it the last epoch's weights are kept. run: a folder for `metrics.jsonl` and the state of the training; the same
        call with the same folder resumes a training that was interrupted.

        Raises InputError for data that cannot be read as sequences and labels, fewer than two classes, or a class
        that only the held-out part has.
        """
        self.check_parameters()
        values = as_sequences(X)
        self.classes_, targets = encode(as_labels(_labels(X, y), len(values)))
        self.class_counts_ = np.bincount(targets)
        self.n_features_in_ = values[0].shape[1]
        self.channels_ = list(X.channels) if isinstance(X, Sequences) else None
        held_out = None if valid is None else self._held_out(*valid if isinstance(valid, tuple) else (valid, None))
        self.network_ = self.new_network()
        self.network_.standardise.fit(values)
        if self.init is not None:
            begin_with(self.init, load(self.init, "cpu").network_, self.network_)
        self.train_network(ClassifierNetwork.loss, SequenceExamples(values, targets), held_out, run)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each sequence, [N]."""
        codes = self.predict_proba(X).argmax(axis=1)
        return self.classes_[codes]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities [N, K], float64, of the classes in the order of `classes_`."""
        self.check_fitted()
        data = SequenceExamples(self._values(X))
        logits = self.each_example(data, lambda batch: self.network_(*batch[:2]).double().cpu())
        return torch.stack(logits).softmax(dim=1).numpy()

    # Files, tables and the report

    @classmethod
    def read(cls, path: str | Path, columns: SequenceColumns | None = None, *, labelled: bool = True) -> Sequences:
        """Read a `.ts` file, or a long table whose columns `columns` names; InputError names file, row and column."""
        if Path(path).suffix.lower() == ".ts":
            data = read_ts(path)
        else:
            data = read_long_table(path, **asdict(columns or SequenceColumns()), labelled=labelled)
        if labelled and data.labels is None:
            raise InputError(f"{path} has no class labels (@classLabel false)")
        return data

    def remember(self, columns: SequenceColumns) -> None:
        """Set `columns_`, the channels being those that were fitted to: further columns are then passed over."""
        self.columns_ = replace(columns, channel_columns=tuple(self.channels_ or ()) or None)

    def predict_table(self, data: Sequences) -> pa.Table:
        """Table of the series' ids, the predicted class `<label column>_hat`, and a probability for every class."""
        columns = getattr(self, "columns_", SequenceColumns())
        probabilities = self.predict_proba(data)
        return pa.table(
            {
                columns.id_column: list(data.ids),
                f"{columns.label_column}_hat": self.classes_[probabilities.argmax(axis=1)].tolist(),
                **{f"p_{name}": probabilities[:, k] for k, name in enumerate(self.classes_)},
            }
        )

    def evaluate(self, data: Sequences) -> list[dict[str, Any]]:
        """Accuracy and macro-averaged F1 of this model and of always predicting the commonest training class.

        Raises InputError if `data` has a class that the model was not fitted to.
        """
        truth = codes_of(of_kind(data, Sequences).labels, self.classes_)
        guesses = {
            self.cell_name(): self.predict_proba(data).argmax(axis=1),
            "majority class": np.full(len(truth), self.class_counts_.argmax()),
        }
        return [
            {
                "model": name,
                "accuracy": float(accuracy_score(truth, guess)),
                "macro F1": float(f1_score(truth, guess, average="macro", zero_division=0)),  # pyright: ignore[reportArgumentType]
            }
            for name, guess in guesses.items()
        ]

    def sections(self, data: Sequences, valid: Sequences | None) -> list[Section]:
        """Scores and the confusion matrix, on the held-out part where there is one."""
        shown, where = (data, "training data") if valid is None else (valid, "held-out data")
        truth, guess = codes_of(shown.labels, self.classes_), self.predict_proba(shown).argmax(axis=1)
        counts = confusion_matrix(truth, guess, labels=range(len(self.classes_)))
        return [
            Section(f"Scores on the {where}", f"{len(truth)} series.", self.evaluate(shown)),
            Section(f"Confusion on the {where}", figure=confusion_figure(counts, [str(c) for c in self.classes_])),
        ]

    # The model file

    def fitted(self) -> dict[str, Any]:
        """Classes and channels."""
        return {
            "classes": classes_to_json(self.classes_),
            "class_counts": self.class_counts_.tolist(),
            "n_channels": self.n_features_in_,
            "channels": self.channels_,
        }

    def restore(self, fitted: dict[str, Any]) -> None:
        """Set what `fitted` returned and build the network."""
        self.classes_ = classes_from_json(fitted["classes"])
        self.class_counts_ = np.array(fitted["class_counts"])
        self.n_features_in_, self.channels_ = fitted["n_channels"], fitted["channels"]
        if len(self.classes_) != len(self.class_counts_):
            raise InputError(f"{len(self.classes_)} classes have {len(self.class_counts_)} counts")
        check_channels(self.channels_, self.n_features_in_)
        self.network_ = self._network()

    def to_onnx(self, graph: Graph) -> None:
        """Emit the whole model; see `keepgate.export.onnx`."""
        self.check_fitted()
        graph.metadata |= {
            "classes": json.dumps(self.classes_.tolist(), default=str),
            "channels": json.dumps(self.channels_),
        }
        raw = f"sequences as they are in the data, padded at the end, [B, T, {self.n_features_in_}]"
        inputs = {"x": ("input", raw), "lengths": ("lengths", "steps of each sequence, 1 to T, [B]")}
        text = f"of the classes in the metadata's order, [B, {len(self.classes_)}]"
        self.emit_network(graph, inputs, {"probabilities": ("probabilities", text)})

    def _network(self) -> ClassifierNetwork:
        layers = self.layers(self.n_features_in_)
        description = classifier(layers, len(self.classes_), noise=float(self.noise), dropout=float(self.dropout))
        return ClassifierNetwork(description, self.backend, label_smoothing=self.label_smoothing)

    def _held_out(self, X: Any, y: Any) -> SequenceExamples:
        values = self._values(X)
        return SequenceExamples(values, codes_of(as_labels(_labels(X, y), len(values)), self.classes_))

    def _values(self, X: Any) -> list[np.ndarray]:
        return of_channels(X, self.n_features_in_, self.channels_)


def check_channels(names: list[str] | None, count: int) -> None:
    """Raise InputError unless channels have no names or each has one."""
    if names is not None and len(names) != count:
        raise InputError(f"fitted.channels names {len(names)} of {count} channels")


def _labels(X: Any, y: Any) -> Any:
    return X.labels if y is None and isinstance(X, Sequences) else y

"""`SequenceClassifier`: one class for each sequence of numbers, or for each text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClassifierMixin

from keepgate import networks as blocks
from keepgate import schema
from keepgate.data.gaps import fill_gaps
from keepgate.data.sequences import Sequences
from keepgate.data.text.labelled import LabelledTexts
from keepgate.errors import InputError
from keepgate.tasks.classify.examples import ClassifiedExamples
from keepgate.tasks.classify.inputs import is_table, read
from keepgate.tasks.classify.labels import (
    CLASSES,
    as_labels,
    classes_from_json,
    classes_to_json,
    codes_of,
    encode,
    labels_of,
)
from keepgate.tasks.classify.network import (
    MOST_CONVOLUTIONS,
    ClassifierNetwork,
    Entry,
    class_score,
    classifier,
    pools_for,
    series,
    symbols,
)
from keepgate.tasks.classify.parameters import ClassifyColumns, SequenceClassifierParameters
from keepgate.tasks.classify.texts import TEXT_STATE, TextUnits, as_texts, units_and_vectors
from keepgate.tasks.common.calibration import HOTTEST, softmax, temperature
from keepgate.tasks.common.class_weights import class_weights, example_weights, to_text
from keepgate.tasks.common.crossing import crossed, parts_for, taken
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.parameters import columns_named, estimator
from keepgate.tasks.common.pretrained import begin_with
from keepgate.tasks.common.sequence_parameters import of_further
from keepgate.tasks.common.sequences import (
    MOST_CHANNELS,
    SequenceExamples,
    channel_means,
    check_channels,
    sequences_of,
    training_sequences,
)
from keepgate.tasks.registry import load
from keepgate.training import Examples
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from keepgate.export.graph import Graph


LEAST = 1e-12  # probability of a class that a network does not know


@estimator
class SequenceClassifier(SequenceClassifierParameters, ClassifierMixin, Estimator):
    """Recurrent classifier of whole sequences, of equal or of different lengths; a scikit-learn estimator.

    X everywhere is a list of N arrays [T_i, C]; or one array [N, T, C] (time before channels, as torch's batch_first;
    aeon and sktime have them the other way round: pass `X.transpose(0, 2, 1)`); or [N, T], N series of one channel,
    as aeon and sktime take it; or a long table (pandas, polars or pyarrow: a row for each step, with columns of ids,
    steps, labels and channels), or a wide one (a row for each series, with a column of labels); or the `Sequences` of
    a file. Tables and files carry their labels. y is [N], labels of any kind.

    X may be texts, too: a list of N texts, a table with a column `text` (`text_column`), or the `LabelledTexts` of a
    file. They are read by `units`: words (in lower case, rare ones unknown), characters, subwords or bytes.

    Values may be missing, as NaN. At the end of a series they say that it is shorter; elsewhere they are filled by
    straight lines between their neighbors in time.

    >>> import numpy as np
    >>> X = [np.linspace(0, rise, steps) for rise in (-1, 1) for steps in range(5, 25)]
    >>> y = ["falls"] * 20 + ["rises"] * 20
    >>> classifier = SequenceClassifier(epochs=20, hidden_size=8).fit(X, y)
    >>> classifier.predict([np.array([0.0, 0.3, 0.6, 0.9]), np.array([0.0, -0.3, -0.6, -0.9])]).tolist()
    ['rises', 'falls']

    Attributes:
        classes_: [K], sorted.
        class_counts_: [K], how often each class is in the training data.
        n_features_in_: the number of channels C; None for texts.
        units_: of texts, `TextUnits`; None for series.
        channels_: their names, if X had names.
        pools_: by which factor each convolution shortens the sequences; it follows from their median length.
        temperature_: what the logits were divided by, so that probabilities are calibrated on the held-out part; None:
            nothing was held out, and they are not.
        equations_, network_, history_, columns_: as in every estimator of keepgate.
    """

    STATE: ClassVar[schema.Check] = schema.record(
        classes=CLASSES,
        class_counts=schema.several(schema.whole(0, 2**53), 2),
        n_channels=schema.optional(schema.whole(1, MOST_CHANNELS)),
        channels=schema.optional(schema.several(schema.text(), 1, MOST_CHANNELS, distinct=True)),
        text=TEXT_STATE,
        pools=schema.several(schema.whole(1, 2**31), 0, MOST_CONVOLUTIONS),
        temperature=schema.optional(schema.number(0, HOTTEST)),
    )
    later: ClassVar[Mapping[str, Any]] = {
        **{"convolutions": False, "pools": []},
        **{"select": "loss", "class_weight": None, "temperature": None, "group_column": None},
        **{"text": None, "text_column": "text", "units": "words", "least_count": 2, "vocabulary_size": 4000},
        **{"embedding_size": 64, "unit_dropout": 0.1, "vectors": None},
    }
    UPDATES: ClassVar[int] = 1_500
    PASSES: ClassVar[tuple[int, int]] = (20, 500)
    ENOUGH: ClassVar[int | None] = 30_000

    network_: ClassifierNetwork = field(init=False)
    units_: TextUnits | None = field(init=False)
    n_features_in_: int | None = field(init=False)

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        valid: Any = None,
        run: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
        sample_weight: Any = None,
        **columns: Any,
    ) -> SequenceClassifier:
        """Train on labeled sequences and return self.

        Args:
            X: the sequences, or a table of them.
            y: their labels [N]; None: those that X carries.
            valid: `(X, y)` or `Sequences`, held out to choose the best epoch (and to stop early, see `patience`) and to
                calibrate the probabilities; without it `hold_out` says what is.
            run: folder for `metrics.jsonl` and the state of the training; the same call with the same folder resumes
                an interrupted training.
            callbacks: functions of each epoch's row and the network; see `keepgate.training.train`.
            sample_weight: what each sequence counts in the loss, [N], numbers from 0 on.
            columns: how the columns of a table are called, such as `id_column="patient"` or `label_column="rhythm"`;
                see `SequenceClassifier.Columns`.

        Warns:
            UserWarning: X is an array with more channels than steps, and so may have its axes turned.

        Raises:
            InputError: the data cannot be read as sequences and labels, there are fewer than two classes, the
                held-out part has a class that the training data lack, or weights do not fit the data.
        """
        self.check_parameters()
        named = columns_named(ClassifyColumns, columns)
        if columns or is_table(X, named):
            X = read(X, named, labelled=y is None)
            self.columns_ = of_further(named, X.channels if isinstance(X, Sequences) else None)
        texts = as_texts(X)
        given = training_sequences(X) if texts is None else texts
        self.classes_, targets = encode(as_labels(labels_of(X, y), len(given)))
        self.class_counts_ = np.bincount(targets)
        by_class = class_weights(self.class_weight, self.classes_, self.class_counts_)
        given_weights = example_weights(sample_weight, len(given))
        weights = by_class[targets] * given_weights
        values = self._begun(X, given)
        held_out = None if valid is None else self._labeled(valid, by_class)
        if self.init is not None:
            begin_with(self.init, load(self.init, "cpu").network_, self.network_)
        counted = np.flatnonzero(weights)  # a sequence that counts nothing is as one that is not there
        classes, groups = targets[counted], getattr(X, "groups", None)
        examples = ClassifiedExamples([values[i] for i in counted], classes, weights[counted])
        self.temperature_, loss = None, ClassifierNetwork.loss
        which: dict[str, Any] = {"classes": classes.tolist(), "groups": groups and [groups[i] for i in counted]}
        parts = parts_for(self, len(classes), **which) if held_out is None else []
        options = {"callbacks": callbacks, "score": class_score(self.select), "calibrate": not parts}
        self.train_network(loss, examples, held_out, run, **options, **which)
        if parts:
            data = taken(X if isinstance(X, Sequences | LabelledTexts) else given, counted)
            self.temperature_ = self._crossed(parts, data, classes, given_weights[counted], run)
        self.network_.cool(self.temperature_ or 1.0)
        return self

    def _crossed(self, parts: list[np.ndarray], data: Any, codes: np.ndarray, weights: np.ndarray, run: Any) -> float:
        """Return the temperature by what networks say of the part that each has not learned."""

        def learn(model: Any, known: np.ndarray, run: Path | None) -> None:
            model.fit(taken(data, known), self.classes_[codes[known]], sample_weight=weights[known], run=run)

        def ask(model: Any, part: np.ndarray) -> np.ndarray:
            found = np.full((len(part), len(self.classes_)), LEAST)
            found[:, codes_of(model.classes_, self.classes_)] = model.predict_proba(taken(data, part))
            return found

        chances, asked = crossed(self, parts, len(codes), learn, ask, run)
        return temperature(np.log(np.maximum(chances, LEAST)), codes[asked])

    def _begun(self, X: Any, given: list[Any]) -> list[np.ndarray]:
        """Set what is read, and the network, untrained; return what it learns from.

        Args:
            X: what `fit` was given.
            given: the sequences, in which values may be missing, or the texts.
        """
        self.channels_ = list(X.channels) if isinstance(X, Sequences) else None
        self.units_ = self.n_features_in_ = vectors = None
        if isinstance(given[0], str):
            self.units_, vectors = units_and_vectors(given, self)
            values = [self.units_.encode(text) for text in given]
        else:
            self.n_features_in_ = given[0].shape[1]
            values = fill_gaps(given, channel_means(given))
        convolutions = self.init is None if self.convolutions is None else self.convolutions
        self.pools_ = pools_for(float(np.median([len(value) for value in values]))) if convolutions else ()
        self.network_ = self.new_network()
        if self.units_ is None:
            self.network_.standardise.fit(values)
        if vectors is not None:
            self.network_.take_vectors(*vectors)
        return values

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each sequence, [N]."""
        codes = self.predict_proba(X).argmax(axis=1)
        return self.classes_[codes]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities [N, K], float64, of the classes in the order of `classes_`."""
        self.check_fitted()
        return softmax(self._logits(SequenceExamples(self._values(X))))

    def calibrate(self, held_out: Examples) -> None:
        """Find the temperature by which the logits are divided in the end."""
        targets = self.each_example(held_out, lambda batch: batch[2].cpu().numpy())
        self.temperature_ = temperature(self._logits(held_out), np.array(targets))

    def _logits(self, data: Examples) -> np.ndarray:
        """Return logits [N, K], float64."""
        logits = self.each_example(data, lambda batch: self.network_(*batch[:2]).double().cpu())
        return torch.stack(logits).numpy()

    def state_to_json(self) -> dict[str, Any]:
        """Return classes and channels."""
        return {
            "classes": classes_to_json(self.classes_),
            "class_counts": self.class_counts_.tolist(),
            "n_channels": self.n_features_in_,
            "channels": self.channels_,
            "text": self.units_ and self.units_.to_json(),
            "pools": list(self.pools_),
            "temperature": self.temperature_,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Set classes, channels and the network."""
        self.classes_ = classes_from_json(state["classes"])
        self.class_counts_ = np.array(state["class_counts"])
        self.n_features_in_, self.channels_ = state["n_channels"], state["channels"]
        if len(self.classes_) != len(self.class_counts_):
            raise InputError(f"{len(self.classes_)} classes have {len(self.class_counts_)} counts")
        self.units_ = state["text"] and TextUnits.from_json(state["text"])
        if (self.units_ is None) == (self.n_features_in_ is None):
            raise InputError("fitted says a number of channels or the units of texts, and not both")
        check_channels(self.channels_, self.n_features_in_ or 0)
        self.pools_, self.temperature_ = tuple(state["pools"]), state["temperature"]
        self.network_ = self.build_network(int(self.ensemble))

    def build_network(self, members: int = 1) -> ClassifierNetwork:
        """Return the network, untrained; the probabilities of an ensemble are the mean of its members'."""
        entry = self._entry()
        read = 2 * int(self.hidden_size) if self.pools_ else entry.width
        layers = self.layers(read, bidirectional=bool(self.bidirectional))
        description = classifier(layers, entry, len(self.classes_), pools=self.pools_, dropout=float(self.dropout))
        if members > 1:
            (logits,) = description.by_name["probabilities"].sources
            description = blocks.ensemble(description, members, {logits: blocks.Average(probabilities=True)})
        return ClassifierNetwork(description, self.backend, label_smoothing=self.label_smoothing)

    def _entry(self) -> Entry:
        """Return how series or texts enter the network."""
        if self.units_ is not None:
            return symbols(self.units_.size, self.units_.width, float(self.unit_dropout), float(self.dropout) / 2)
        noise = (0.0 if self.pools_ else 0.5) if self.noise is None else float(self.noise)
        return series(self.n_features_in_ or 0, noise)

    def to_onnx(self, graph: Graph) -> None:
        """Emit the whole model; see `keepgate.export.onnx`."""
        self.check_fitted()
        graph.metadata |= {
            "classes": json.dumps(self.classes_.tolist(), default=str),
            "channels": json.dumps(self.channels_),
        }
        raw = f"sequences as they are in the data, padded at the end, [B, T, {self.n_features_in_}]"
        if self.units_ is not None:
            graph.metadata["text"] = json.dumps(self.units_.to_json(), ensure_ascii=False)
            raw = "numbers of the units (the metadata's count from 2; 1: unknown, 0: padding), [B, T]"
        inputs = {"x": ("input", raw), "lengths": ("lengths", "steps of each sequence, 1 to T, [B]")}
        text = f"of the classes in the metadata's order, [B, {len(self.classes_)}]"
        self.emit_network(graph, inputs, {"probabilities": ("probabilities", text)})

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def plain_parameters(self) -> dict[str, Any]:
        """Return the parameters as Python values, weights of classes as text."""
        return {**super().plain_parameters(), "class_weight": to_text(self.class_weight)}

    def _labeled(self, valid: Any, by_class: np.ndarray) -> ClassifiedExamples:
        X, y = valid if isinstance(valid, tuple) else (valid, None)
        X = self._read(X, labelled=y is None)
        values = self._values(X)
        targets = codes_of(as_labels(labels_of(X, y), len(values)), self.classes_)
        return ClassifiedExamples(values, targets, by_class[targets])

    def _values(self, X: Any) -> list[np.ndarray]:
        """Return further sequences [T_i, C] without gaps, or texts as numbers [T_i]."""
        X = self._read(X, labelled=False)
        texts = as_texts(X)
        if (texts is None) != (self.units_ is None):
            there, wanted = ("series of numbers", "texts")[:: 1 if texts is None else -1]
            raise InputError(f"X holds {there} where the model was fitted to {wanted}")
        if texts is not None and self.units_ is not None:
            return [self.units_.encode(text) for text in texts]
        means = self.network_.standardise.mean.cpu().numpy()
        return sequences_of(X, self.n_features_in_ or 0, self.channels_, means)

    def _read(self, X: Any, *, labelled: bool) -> Any:
        """Return the sequences or texts of a table like that trained on, anything else as it is."""
        columns = getattr(self, "columns_", None) or ClassifyColumns()
        return read(X, columns, labelled=labelled, channels=self.channels_) if is_table(X, columns) else X

"""`SequenceAutoencoder`: sequences as vectors of one size, learned without labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from sklearn.base import TransformerMixin

from keepgate import schema
from keepgate.data.arrays import as_sequences, of_channels
from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from keepgate.tasks.classify.estimator import MOST_CHANNELS, SequenceClassifier, SequenceColumns, check_channels
from keepgate.tasks.classify.network import SequenceExamples
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.parameters import SIZE, STRENGTH, param
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.embed.anomalies import ORDINARY, Ordinary
from keepgate.tasks.embed.network import AutoencoderNetwork, autoencoder

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

OVERLAP = 2  # pieces that a step is reconstructed in; four times as many are trained on


@dataclass(eq=False, repr=False, kw_only=True)
class SequenceAutoencoder(TransformerMixin, Estimator):
    """Recurrent autoencoder of sequences: a scikit-learn transformer, and a detector of what is out of the ordinary.

    X everywhere is as `SequenceClassifier` takes it: a list of N arrays [T_i, C], an array [N, T, C] or [N, T], or the
    `Sequences` of `read`. Long series are cut into pieces (`piece`), which overlap.

    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> X = [np.sin(np.arange(random.integers(20, 30)) / 3 + start) for start in random.uniform(0, 6, 50)]
    >>> autoencoder = SequenceAutoencoder(vector_size=4, hidden_size=16, epochs=10).fit(X)
    >>> autoencoder.transform(X).shape
    (50, 4)
    >>> broken = [np.where(np.arange(25) == 12, 3.0, np.sin(np.arange(25) / 3))]
    >>> int(autoencoder.anomaly_scores(broken)[0].argmax())
    12

    `fit` sets, beside the attributes of `Estimator`: `n_features_in_`, the number of channels C; `channels_`, their
    names if X had names; `ordinary_`, what errors of reconstruction are like on the held-out part, or without one on
    the training data (an `Ordinary`).
    """

    task: ClassVar[str] = "embed"
    formats: ClassVar[tuple[str, ...]] = SequenceClassifier.formats
    Columns: ClassVar[type] = SequenceColumns
    FITTED: ClassVar[schema.Check] = schema.record(
        n_channels=schema.whole(1, MOST_CHANNELS),
        channels=schema.optional(schema.several(schema.text(), 1, MOST_CHANNELS, distinct=True)),
        ordinary=ORDINARY,
    )
    fixed: ClassVar[tuple[str, ...]] = ("vector_size",)

    bidirectional: bool = param(True, "read the sequence in both directions")
    vector_size: int = param(32, "size of the vector that stands for a sequence", **SIZE)
    piece: int | None = param(
        None, "cut series into pieces of so many steps (none: each is read whole)", minimum=2, maximum=1_000_000_000
    )
    learning_rate: float = param(3e-3, "highest step size of the optimizer", **STRENGTH)
    noise: float = param(0.2, "deviation of the noise on the standardized input while training", **STRENGTH)

    network_: AutoencoderNetwork = field(init=False)
    ordinary_: Ordinary = field(init=False)

    def fit(self, X: Any, y: Any = None, *, valid: Any = None, run: str | Path | None = None) -> SequenceAutoencoder:
        """Train on sequences X and return self; y is passed over.

        valid: sequences held out to choose the best epoch, and to see what ordinary errors are, which are smaller on
        the training data. run: a folder for `metrics.jsonl` and the state of the training; the same call with the same
        folder resumes a training that was interrupted.

        Raises InputError for data that cannot be read as sequences.
        """
        self.check_parameters()
        values = as_sequences(X)
        self.n_features_in_ = values[0].shape[1]
        self.channels_ = list(X.channels) if isinstance(X, Sequences) else None
        held_out = None if valid is None else self._values(valid)
        self.network_ = self.new_network()
        self.network_.standardise.fit(values)
        held_pieces = held_out and SequenceExamples(self._cut(held_out, OVERLAP)[0])
        pieces = SequenceExamples(self._cut(values, 4 * OVERLAP)[0])
        self.train_network(AutoencoderNetwork.loss, pieces, held_pieces, run)
        self.ordinary_ = Ordinary.of(self._errors(held_out or values))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The vectors of sequences, [N, vector_size]; of a longer one than `piece` the mean of its pieces'."""
        self.check_fitted()
        pieces, places = self._cut(self._values(X), OVERLAP)
        found = np.stack(self.each_example(SequenceExamples(pieces), self._encode))
        series = np.array([i for i, _ in places])
        return np.stack([found[series == i].mean(axis=0, dtype=np.float64) for i in range(series[-1] + 1)])

    def inverse_transform(self, vectors: Any, lengths: Any) -> list[np.ndarray]:
        """Sequences [T_i, C] from vectors [N, vector_size] and lengths [N]."""
        self.check_fitted()
        given, steps = torch.as_tensor(np.asarray(vectors, np.float32)), torch.as_tensor(lengths)
        if given.ndim != 2 or given.shape[1] != self.vector_size or steps.shape != given.shape[:1] or steps.min() < 1:
            raise InputError(
                f"vectors of shape {tuple(given.shape)} and lengths {tuple(steps.shape)}: expected [N, "
                f"{self.vector_size}] and [N], from 1 on"
            )
        with torch.inference_mode(), self.limited_threads():
            device = next(self.network_.parameters()).device
            x = self.network_.decode(given.to(device), steps.to(device), "restored").cpu().numpy()
        return [row[:n] for row, n in zip(x, steps.tolist(), strict=True)]

    def reconstruct(self, X: Any) -> list[np.ndarray]:
        """Sequences [T_i, C] as the vectors of their pieces tell them."""
        self.check_fitted()
        values, standard = self._values(X), self.network_.standardise
        scale = standard.scale.cpu().numpy()
        return [value + error * scale for value, error in zip(values, self._errors(values), strict=True)]

    def anomaly_scores(self, X: Any) -> list[np.ndarray]:
        """How far the error of each step is out of the ordinary, N arrays [T_i]; 1 is ordinary (see `Ordinary`)."""
        self.check_fitted()
        return self.ordinary_.scores(self._errors(self._values(X)))

    def _encode(self, batch: Any) -> list[np.ndarray]:
        x, lengths, _ = batch
        return list(self.network_.encode(self.network_.standardise(x), lengths).cpu().numpy())

    def _errors(self, values: list[np.ndarray]) -> list[np.ndarray]:
        """Reconstruction less value [T_i, C], standardized; the mean over the pieces that hold a step."""
        pieces, places = self._cut(values, OVERLAP)
        found = self.each_example(SequenceExamples(pieces), lambda batch: [*self.network_.errors(batch).cpu().numpy()])
        sums = [np.zeros_like(value) for value in values]
        times = [np.zeros((len(value), 1)) for value in values]
        for (i, start), piece, error in zip(places, pieces, found, strict=True):
            steps = slice(start, start + len(piece))
            sums[i][steps] += error[: len(piece)]
            times[i][steps] += 1
        return [total / count for total, count in zip(sums, times, strict=True)]

    def _cut(self, values: list[np.ndarray], overlap: int) -> tuple[list[np.ndarray], list[tuple[int, int]]]:
        """Pieces of series, of which `overlap` hold a step in the middle, and the series and first step of each."""
        size = self.piece or max(map(len, values))
        stride = max(size // overlap, 1)
        last = [max(len(value) - size, 0) for value in values]
        places = [(i, start) for i, end in enumerate(last) for start in [*range(0, end, stride), end]]
        return [values[i][start : start + size] for i, start in places], places

    # Files, tables and the report

    @classmethod
    def read(cls, path: str | Path, columns: SequenceColumns | None = None, *, labelled: bool = True) -> Sequences:
        """Read a file as `SequenceClassifier` does; labels may be missing."""
        return SequenceClassifier.read(path, columns, labelled=False)

    def remember(self, columns: SequenceColumns) -> None:
        """Set `columns_`, the channels being those that were fitted to: further columns are then passed over."""
        self.columns_ = replace(columns, channel_columns=tuple(self.channels_ or ()) or None)

    def predict_table(self, data: Sequences) -> pa.Table:
        """A row for each series: its id, the numbers `v1`, `v2`, ... of its vector, and its anomaly score."""
        columns = getattr(self, "columns_", SequenceColumns())
        vectors = self.transform(data)
        scores = [score.mean() for score in self.anomaly_scores(data)]
        named = {f"v{k}": vectors[:, k - 1] for k in range(1, self.vector_size + 1)}
        return pa.table({columns.id_column: list(data.ids), **named, "anomaly_score": scores})

    def evaluate(self, data: Sequences) -> list[dict[str, Any]]:
        """Mean squared error of a value in the variances of the training data, of this model and of constants."""
        values = [self.network_.standardise(torch.from_numpy(v)).numpy() for v in self._values(data)]
        with np.errstate(over="ignore", invalid="ignore"):  # the weights may be of no training
            errors = {
                self.cell_name(): self._errors(self._values(data)),
                "mean of each series": [value - value.mean(axis=0) for value in values],
                "mean of the training data": values,
            }
            return [{"model": name, "MSE": float(np.square(np.concatenate(e)).mean())} for name, e in errors.items()]

    def sections(self, data: Sequences, valid: Sequences | None) -> list[Section]:
        """Errors, some series beside their reconstruction, and the vectors of all in two dimensions."""
        from keepgate.tasks.embed.figures import map_figure, series_figure

        shown, where = (data, "training data") if valid is None else (valid, "held-out data")
        vectors, found, (values, names) = self.transform(shown), self.reconstruct(shown), self.in_order(shown)
        some = np.unique(np.linspace(0, len(found) - 1, 4).round().astype(int)).tolist()
        about = "The two directions in which the vectors differ most" + ("" if shown.labels is None else ", by label")
        return [
            Section(f"Errors on the {where}", f"{len(found)} series.", self.evaluate(shown)),
            Section(f"Vectors of the {where}", f"{about}.", figure=map_figure(vectors, shown.labels)),
            *(Section(f"Series {shown.ids[i]}", figure=series_figure(values[i], found[i], names)) for i in some),
        ]

    # The model file

    def fitted(self) -> dict[str, Any]:
        """Channels and what is ordinary."""
        ordinary = {name: value.tolist() for name, value in asdict(self.ordinary_).items()}
        return {"n_channels": self.n_features_in_, "channels": self.channels_, "ordinary": ordinary}

    def restore(self, fitted: dict[str, Any]) -> None:
        """Set what `fitted` returned and build the network."""
        self.n_features_in_, self.channels_ = fitted["n_channels"], fitted["channels"]
        check_channels(self.channels_, self.n_features_in_)
        self.ordinary_ = Ordinary.read(fitted["ordinary"], self.n_features_in_)
        self.network_ = self._network()

    def to_onnx(self, graph: Graph) -> None:
        """Emit vectors and reconstructions of whole sequences; see `keepgate.export.onnx`."""
        self.check_fitted()
        graph.metadata |= {"channels": json.dumps(self.channels_), "piece": json.dumps(self.piece)}
        shape = f"[B, T, {self.n_features_in_}]"
        inputs = {
            "x": ("input", f"sequences as they are in the data, or pieces of them, padded at the end, {shape}"),
            "lengths": ("lengths", "steps of each sequence, 1 to T, [B]"),
        }
        outputs = {
            "vector": ("vectors", f"of the sequences, [B, {self.vector_size}]"),
            "restored": ("reconstruction", f"from the vectors, in the data's units, {shape}"),
        }
        self.emit_network(graph, inputs, outputs)

    def _network(self) -> AutoencoderNetwork:
        options = {"bidirectional": False, "dropout": 0.0}
        writer = self.layers(int(self.vector_size), **options)
        description = autoencoder(self.layers(self.n_features_in_), writer, noise=float(self.noise))
        return AutoencoderNetwork(description, self.backend)

    def in_order(self, X: Sequences) -> tuple[list[np.ndarray], Sequence[str]]:
        """The values of series, their channels in the order of those that were fitted to, and the channels' names."""
        return self._values(X), self.channels_ or X.channels

    def _values(self, X: Any) -> list[np.ndarray]:
        return of_channels(X, self.n_features_in_, self.channels_)

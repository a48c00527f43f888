"""`SequenceAutoencoder`: sequences as vectors of one size, learned without labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from sklearn.base import TransformerMixin

from keepgate import schema
from keepgate.data.arrays import as_sequences, of_channels
from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.parameters import estimator
from keepgate.tasks.common.running import limited_threads
from keepgate.tasks.common.sequences import MOST_CHANNELS, SequenceExamples, check_channels
from keepgate.tasks.embed.anomalies import ERRORS, ErrorDistribution
from keepgate.tasks.embed.examples import Pieces
from keepgate.tasks.embed.network import AutoencoderNetwork, autoencoder
from keepgate.tasks.embed.parameters import SequenceAutoencoderParameters
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

OVERLAP = 2  # pieces that a step is reconstructed in; four times as many are trained on


@estimator
class SequenceAutoencoder(SequenceAutoencoderParameters, TransformerMixin, Estimator):
    """Recurrent autoencoder of sequences: a scikit-learn transformer and an anomaly detector.

    X everywhere is as `SequenceClassifier` takes it: a list of N arrays [T_i, C], an array [N, T, C] or [N, T], or the
    `Sequences` of a file. Long series are cut into pieces (`piece`), which overlap.

    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> X = [np.sin(np.arange(random.integers(20, 30)) / 3 + start) for start in random.uniform(0, 6, 50)]
    >>> autoencoder = SequenceAutoencoder(vector_size=4, hidden_size=16, epochs=10).fit(X)
    >>> autoencoder.transform(X).shape
    (50, 4)
    >>> broken = [np.where(np.arange(25) == 12, 3.0, np.sin(np.arange(25) / 3))]
    >>> int(autoencoder.anomaly_scores(broken)[0].argmax())
    12

    Attributes:
        n_features_in_: the number of channels C.
        channels_: their names, if X had names.
        ordinary_: the distribution of the errors of reconstruction on the held-out part, or without one on the
            training data.
        equations_, network_, history_, columns_: as in every estimator of keepgate.
    """

    STATE: ClassVar[schema.Check] = schema.record(
        n_channels=schema.whole(1, MOST_CHANNELS),
        channels=schema.optional(schema.several(schema.text(), 1, MOST_CHANNELS, distinct=True)),
        ordinary=ERRORS,
    )
    fixed: ClassVar[tuple[str, ...]] = ("vector_size",)

    network_: AutoencoderNetwork = field(init=False)
    ordinary_: ErrorDistribution = field(init=False)

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        valid: Any = None,
        run: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> SequenceAutoencoder:
        """Train on sequences and return self.

        Args:
            X: the sequences.
            y: ignored.
            valid: sequences held out to choose the best epoch, and to measure ordinary errors, which are smaller on
                the training data.
            run: folder for `metrics.jsonl` and the state of the training; the same call with the same folder resumes
                an interrupted training.
            callbacks: functions of each epoch's row and the network; see `keepgate.training.train`.

        Raises:
            InputError: the data cannot be read as sequences.
        """
        self.check_parameters()
        values = as_sequences(X)
        self.n_features_in_ = values[0].shape[1]
        self.channels_ = list(X.channels) if isinstance(X, Sequences) else None
        held_out = None if valid is None else self._values(valid)
        self.network_ = self.new_network()
        self.network_.standardise.fit(values)
        held_pieces = None if held_out is None else SequenceExamples(self._cut(held_out).values)
        pieces = SequenceExamples(self._cut(values, 4 * OVERLAP).values)
        self.train_network(AutoencoderNetwork.loss, pieces, held_pieces, run, callbacks=callbacks)
        self.ordinary_ = ErrorDistribution.of(self._errors(held_out or values))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the vectors of sequences, [N, vector_size]; of one longer than `piece` the mean of its pieces'."""
        self.check_fitted()
        pieces = self._cut(self._values(X))
        return pieces.mean_vectors(
            self._each_piece(pieces, lambda batch: list(self.network_.vectors(batch).cpu().numpy()))
        )

    def inverse_transform(self, vectors: Any, lengths: Any) -> list[np.ndarray]:
        """Return sequences [T_i, C] from vectors [N, vector_size] and lengths [N]."""
        self.check_fitted()
        rows, steps = torch.as_tensor(np.asarray(vectors, np.float32)), torch.as_tensor(lengths)
        if rows.ndim != 2 or rows.shape[1] != self.vector_size or steps.shape != rows.shape[:1] or steps.min() < 1:
            raise InputError(
                f"vectors of shape {tuple(rows.shape)} and lengths {tuple(steps.shape)}: expected [N, "
                f"{self.vector_size}] and [N], from 1 on"
            )
        device = next(self.network_.parameters()).device
        with torch.inference_mode(), limited_threads(self.threads):
            x = self.network_.decode(rows.to(device), steps.to(device), "restored").cpu().numpy()
        return [row[:n] for row, n in zip(x, steps.tolist(), strict=True)]

    def reconstruct(self, X: Any) -> list[np.ndarray]:
        """Return sequences [T_i, C] as their vectors restore them."""
        self.check_fitted()
        values = self._values(X)
        return self.reconstructed(values, self._errors(values))

    def anomaly_scores(self, X: Any) -> list[np.ndarray]:
        """Return how unusual the error of each step is, N arrays [T_i]; 1 is ordinary (see `ErrorDistribution`)."""
        self.check_fitted()
        return self.ordinary_.scores(self._errors(self._values(X)))

    def compare(self, X: Any) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the vectors of sequences as `transform` does, and the errors [T_i, C] of their reconstruction.

        Errors are reconstruction less value in units of the standardized input, the mean over the pieces that hold a
        step.
        """
        self.check_fitted()
        pieces = self._cut(self._values(X))

        def compute(batch: Any) -> list[tuple[np.ndarray, np.ndarray]]:
            both = (values.cpu().numpy() for values in self.network_.vectors_and_errors(batch))
            return list(zip(*both, strict=True))

        vectors, errors = zip(*self._each_piece(pieces, compute), strict=True)
        return pieces.mean_vectors(vectors), pieces.mean_errors(errors)

    def reconstructed(self, values: list[np.ndarray], errors: list[np.ndarray]) -> list[np.ndarray]:
        """Return the reconstructions [T_i, C] that have these errors."""
        scale = self.network_.standardise.scale.cpu().numpy()
        return [value + error * scale for value, error in zip(values, errors, strict=True)]

    def in_order(self, X: Sequences) -> tuple[list[np.ndarray], Sequence[str]]:
        """Return series with their channels in the order of the training data, and the channels' names."""
        return self._values(X), self.channels_ or X.channels

    def _errors(self, values: list[np.ndarray]) -> list[np.ndarray]:
        pieces = self._cut(values)
        return pieces.mean_errors(
            self._each_piece(pieces, lambda batch: list(self.network_.errors(batch).cpu().numpy()))
        )

    def _each_piece(self, pieces: Pieces, compute: Callable[[Any], list[Any]]) -> list[Any]:
        return self.each_example(SequenceExamples(pieces.values), compute)

    def _cut(self, values: list[np.ndarray], overlap: int = OVERLAP) -> Pieces:
        return Pieces.cut(values, self.piece, overlap)

    def _values(self, X: Any) -> list[np.ndarray]:
        return of_channels(X, self.n_features_in_, self.channels_)

    def state_to_json(self) -> dict[str, Any]:
        """Return channels and the distribution of ordinary errors."""
        ordinary = {name: value.tolist() for name, value in asdict(self.ordinary_).items()}
        return {"n_channels": self.n_features_in_, "channels": self.channels_, "ordinary": ordinary}

    def set_state(self, state: dict[str, Any]) -> None:
        """Set channels, the distribution of ordinary errors and the network."""
        self.n_features_in_, self.channels_ = state["n_channels"], state["channels"]
        check_channels(self.channels_, self.n_features_in_)
        self.ordinary_ = ErrorDistribution.from_json(state["ordinary"], self.n_features_in_)
        self.network_ = self.build_network()

    def build_network(self) -> AutoencoderNetwork:
        """Return the network, untrained."""
        reader = self.layers(self.n_features_in_, bidirectional=bool(self.bidirectional))
        writer = self.layers(int(self.vector_size), dropout=0.0)
        return AutoencoderNetwork(autoencoder(reader, writer, noise=float(self.noise)), self.backend)

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

"""`SequenceRegressor`: a number, or several, for each sequence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin

from keepgate import networks as blocks
from keepgate import schema
from keepgate.data.gaps import fill_gaps
from keepgate.data.sequences import Sequences
from keepgate.errors import InputError, quoted
from keepgate.tasks.classify.network import MOST_CONVOLUTIONS, pools_for
from keepgate.tasks.common.crossing import crossed, parts_for, taken
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.parameters import estimator
from keepgate.tasks.common.pretrained import begin_with
from keepgate.tasks.common.sequences import (
    MOST_CHANNELS,
    SequenceExamples,
    channel_means,
    check_channels,
    sequences_of,
    training_sequences,
)
from keepgate.tasks.registry import load
from keepgate.tasks.regress.baseline import SUMMARIES, ridge, summaries
from keepgate.tasks.regress.conformal import conformal_shift
from keepgate.tasks.regress.network import RegressorNetwork, regressor
from keepgate.tasks.regress.parameters import SequenceRegressorParameters
from keepgate.tasks.regress.targets import as_targets, targets_of
from keepgate.training import Examples
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

MOST_TARGETS = 10_000
NUMBERS = schema.several(schema.number(), 1)


@estimator
class SequenceRegressor(SequenceRegressorParameters, RegressorMixin, Estimator):
    """Recurrent regression of whole sequences, of equal or of different lengths; a scikit-learn estimator.

    X everywhere is what `SequenceClassifier` takes: a list of N arrays [T_i, C], an array [N, T, C] or [N, T], or the
    `Sequences` of a file, which carry their numbers. y is [N], or [N, K] for several numbers of each sequence; they are
    learned in units of their deviation, and may be of any size.

    Values of X may be missing, as NaN. At the end of a sequence they say that it is shorter; elsewhere they are filled
    by straight lines between their neighbors in time.

    >>> import numpy as np
    >>> X = [np.linspace(0, rise, steps) for rise in np.linspace(-1, 1, 20) for steps in (5, 9, 17)]
    >>> y = np.repeat(np.linspace(-1, 1, 20), 3)
    >>> regressor = SequenceRegressor(epochs=60, hidden_size=8).fit(X, y)
    >>> (regressor.predict([np.linspace(0, 0.5, 7), np.linspace(0, -0.5, 7)]) > 0).tolist()
    [True, False]

    Attributes:
        n_features_in_: the number of channels C.
        channels_: their names, if X had names.
        n_targets_: K; None if y was [N].
        mean_: [K], of the training data.
        ridge_: weights [K, 7 C + 1] and constants [K] of a baseline, see `keepgate.tasks.regress.baseline`.
        pools_: by which factor each convolution shortens the sequences; it follows from their median length.
        shift_: what was added to the quantiles, [Q, K], so that they are right on the held-out part; None: nothing was
            held out, or there are no quantiles.
        equations_, network_, history_, columns_: as in every estimator of keepgate.
    """

    STATE: ClassVar[schema.Check] = schema.record(
        n_channels=schema.whole(1, MOST_CHANNELS),
        channels=schema.optional(schema.several(schema.text(), 1, MOST_CHANNELS, distinct=True)),
        n_targets=schema.optional(schema.whole(1, MOST_TARGETS)),
        mean=NUMBERS,
        ridge=schema.record(weights=schema.several(NUMBERS, 1), constants=NUMBERS),
        pools=schema.several(schema.whole(1, 2**31), 0, MOST_CONVOLUTIONS),
        shift=schema.optional(schema.several(NUMBERS, 1)),
    )
    later: ClassVar[Mapping[str, Any]] = {"group_column": None, "further_columns": (), "shift": None}
    fixed: ClassVar[tuple[str, ...]] = ("quantiles",)
    UPDATES: ClassVar[int] = 1_500
    PASSES: ClassVar[tuple[int, int]] = (20, 500)
    ENOUGH: ClassVar[int | None] = 30_000

    network_: RegressorNetwork = field(init=False)

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        valid: Any = None,
        run: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> SequenceRegressor:
        """Train on sequences and their numbers, and return self.

        Args:
            X: the sequences.
            y: their numbers [N] or [N, K]; None: those that X carries.
            valid: `(X, y)` or `Sequences`, held out to choose the best epoch and to move the quantiles to where they
                are right; without it `hold_out` says what is.
            run: folder for `metrics.jsonl` and the state of the training; the same call with the same folder resumes
                an interrupted training.
            callbacks: functions of each epoch's row and the network; see `keepgate.training.train`.

        Warns:
            UserWarning: X is an array with more channels than steps, and so may have its axes turned.

        Raises:
            InputError: the data cannot be read as sequences and numbers, or the held-out part has another number of
                targets.
        """
        self.check_parameters()
        given = training_sequences(X)
        values = fill_gaps(given, channel_means(given))
        targets = as_targets(targets_of(X, y), len(values))
        self.n_targets_ = None if targets.ndim == 1 else targets.shape[1]
        targets = targets.reshape(len(values), -1)
        self.n_features_in_, self.mean_ = values[0].shape[1], targets.mean(0)
        self.channels_ = list(X.channels) if isinstance(X, Sequences) else None
        self.ridge_, self.shift_ = ridge(values, targets), None
        convolutions = self.init is None if self.convolutions is None else self.convolutions
        self.pools_ = pools_for(float(np.median([len(value) for value in values]))) if convolutions else ()
        self.network_ = self.new_network()
        self.network_.standardise.fit(values)
        self.network_.fit_targets(targets)
        held_out = None if valid is None else self._measured(*valid if isinstance(valid, tuple) else (valid, None))
        if self.init is not None:
            begin_with(self.init, load(self.init, "cpu").network_, self.network_)
        data = SequenceExamples(values, targets)
        groups = X.groups if isinstance(X, Sequences) else None
        parts = parts_for(self, len(values), groups=groups) if self.quantiles and held_out is None else []
        calibrate, loss = bool(self.quantiles) and not parts, RegressorNetwork.loss
        self.train_network(loss, data, held_out, run, callbacks=callbacks, groups=groups, calibrate=calibrate)
        if parts:
            self.shift_ = self._crossed(parts, X if isinstance(X, Sequences) else given, targets, run)
        if self.shift_ is not None:
            self.network_.move_quantiles(self.shift_)
        return self

    def _crossed(self, parts: list[np.ndarray], data: Any, targets: np.ndarray, run: Any) -> np.ndarray:
        """Return by how much quantiles are moved by what networks say of the part that each has not learned."""

        def learn(model: Any, known: np.ndarray, run: Path | None) -> None:
            model.fit(taken(data, known), self._of_y(targets[known]), run=run)

        def ask(model: Any, part: np.ndarray) -> np.ndarray:
            return model._outputs(taken(data, part))[:, 1:]

        found, asked = crossed(self, parts, len(targets), learn, ask, run)
        return conformal_shift(sorted(self.quantiles), found, targets[asked])

    def calibrate(self, held_out: Examples) -> None:
        """Find by how much the quantiles are moved in the end."""
        targets = np.stack(self.each_example(held_out, lambda batch: batch[2].cpu().numpy()))
        self.shift_ = conformal_shift(sorted(self.quantiles), self._of_examples(held_out)[:, 1:], targets)

    def predict(self, X: Any) -> np.ndarray:
        """Return the expected number of each sequence, [N], or [N, K] if y was."""
        return self._of_y(self._outputs(X)[:, 0])

    def predict_all(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Return what `predict` and, where there are quantiles, `predict_quantiles` return, of one run."""
        outputs = self._outputs(X)
        return self._of_y(outputs[:, 0]), self._quantiles(outputs) if self.quantiles else None

    def predict_quantiles(self, X: Any) -> np.ndarray:
        """Return the parameter `quantiles` of each sequence's number, ascending: [N, Q], or [N, Q, K] if y was [N, K].

        Raises:
            InputError: the regressor has no quantiles.
        """
        if not self.quantiles:
            raise InputError("this regressor has no quantiles: fit one with quantiles=(0.1, 0.9), say")
        return self._quantiles(self._outputs(X))

    def _quantiles(self, outputs: np.ndarray) -> np.ndarray:
        return self._of_y(np.sort(outputs[:, 1:], axis=1))

    def predict_baseline(self, X: Any) -> np.ndarray:
        """Return what ridge regression on summaries predicts, shaped as what `predict` returns."""
        weights, constants = self.ridge_
        return self._of_y(summaries(self._values(X)) @ weights.T + constants)

    def state_to_json(self) -> dict[str, Any]:
        """Return channels, targets and the baseline."""
        weights, constants = self.ridge_
        return {
            "n_channels": self.n_features_in_,
            "channels": self.channels_,
            "n_targets": self.n_targets_,
            "mean": self.mean_.tolist(),
            "ridge": {"weights": weights.tolist(), "constants": constants.tolist()},
            "pools": list(self.pools_),
            "shift": None if self.shift_ is None else self.shift_.tolist(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Set channels, targets, the baseline and the network."""
        self.n_features_in_, self.channels_ = state["n_channels"], state["channels"]
        check_channels(self.channels_, self.n_features_in_)
        self.n_targets_, self.mean_ = state["n_targets"], np.array(state["mean"], np.float64)
        weights, constants = state["ridge"]["weights"], state["ridge"]["constants"]
        targets, inputs = self.n_targets_ or 1, len(SUMMARIES) * self.n_features_in_ + 1
        lengths = {"mean": len(self.mean_), "ridge.constants": len(constants), "ridge.weights": len(weights)}
        for name, length in lengths.items():
            if length != targets:
                raise InputError(f"fitted.{name} has {length} values for {targets} targets")
        if any(len(row) != inputs for row in weights):
            raise InputError(f"fitted.ridge.weights has not {inputs} numbers for each target")
        self.ridge_ = np.array(weights, np.float64), np.array(constants, np.float64)
        self.pools_, shift = tuple(state["pools"]), state["shift"]
        if shift is not None and [*map(len, shift)] != [targets] * len(self.quantiles):
            raise InputError(f"fitted.shift has not {targets} numbers for each of {len(self.quantiles)} quantiles")
        self.shift_ = None if shift is None else np.array(shift, np.float64)
        self.network_ = self.build_network(int(self.ensemble))

    def build_network(self, members: int = 1) -> RegressorNetwork:
        """Return the network, untrained; the numbers and quantiles of an ensemble are the mean of its members'."""
        quantiles = sorted(self.quantiles)
        read = 2 * int(self.hidden_size) if self.pools_ else self.n_features_in_
        description = regressor(
            self.layers(read, bidirectional=bool(self.bidirectional)),
            *(self.n_features_in_, (1 + len(quantiles)) * (self.n_targets_ or 1)),
            pools=self.pools_,
            noise=float(self.noise),
            dropout=float(self.dropout),
        )
        if members > 1:
            description = blocks.ensemble(
                description, members, {description.by_name["restored"].sources[0]: blocks.Average()}
            )
        return RegressorNetwork(description, self.backend, quantiles=quantiles)

    def to_onnx(self, graph: Graph) -> None:
        """Emit the whole model; see `keepgate.export.onnx`."""
        self.check_fitted()
        graph.metadata |= {
            "channels": json.dumps(self.channels_),
            "outputs": json.dumps(["mean", *sorted(self.quantiles)]),
        }
        raw = f"sequences as they are in the data, padded at the end, [B, T, {self.n_features_in_}]"
        inputs = {"x": ("input", raw), "lengths": ("lengths", "steps of each sequence, 1 to T, [B]")}
        count = (1 + len(self.quantiles)) * (self.n_targets_ or 1)
        text = f"the mean of each target, then each quantile of each target, [B, {count}]"
        self.emit_network(graph, inputs, {"restored": ("output", text)})

    def check_parameters(self) -> None:
        """Raise InputError for a parameter of the wrong type or value."""
        super().check_parameters()
        if not all(0 < q < 1 for q in self.quantiles) or len(set(self.quantiles)) < len(self.quantiles):
            raise InputError(f"quantiles={quoted(self.quantiles)} are not different numbers between 0 and 1")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = True
        return tags

    def _outputs(self, X: Any) -> np.ndarray:
        """Return means and quantiles of sequences, [N, 1 + Q, K]."""
        self.check_fitted()
        return self._of_examples(SequenceExamples(self._values(X)))

    def _of_examples(self, data: Examples) -> np.ndarray:
        return np.stack(self.each_example(data, lambda batch: self.network_(*batch[:2]).cpu().numpy()))

    def _of_y(self, found: np.ndarray) -> np.ndarray:
        """Return [..., K] as y was given."""
        return found[..., 0] if self.n_targets_ is None else found

    def _measured(self, X: Any, y: Any) -> SequenceExamples:
        """Return examples of further data."""
        values = self._values(X)
        targets = as_targets(targets_of(X, y), len(values))
        if targets.ndim == 1 and self.n_targets_ is None:
            targets = targets[:, None]
        if targets.ndim != 2 or targets.shape[1] != (self.n_targets_ or 1):
            raise InputError(f"y has the shape {targets.shape}; the model was fitted to {self.n_targets_ or 1} targets")
        return SequenceExamples(values, targets)

    def _values(self, X: Any) -> list[np.ndarray]:
        means = self.network_.standardise.mean.cpu().numpy()
        return sequences_of(X, self.n_features_in_, self.channels_, means)

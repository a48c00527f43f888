"""`Segmenter`: where in a recording something is heard: speech, or whatever the segments to learn from are labelled."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from keepgate import limits, schema
from keepgate import networks as blocks
from keepgate.data.audio.files import as_samples
from keepgate.data.audio.log_mel import hop_seconds, hops
from keepgate.data.recordings.manifest import Skipped, skipped_file
from keepgate.data.recordings.recordings import Recordings, read_recordings
from keepgate.data.recordings.segments import Segment, as_segment, encode_segments
from keepgate.errors import InputError, quoted, reason
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.front_ends import HERTZ, HIGHEST_RATE, LOWEST_RATE, MOST_BANDS
from keepgate.tasks.common.given import as_list, of_kind
from keepgate.tasks.common.parameters import EPOCHS, EXAMPLES, LAYERS, SECONDS, SHARE, STRENGTH, param
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.segment.frames import boundary_errors, energy, energy_threshold, frame_scores, frames_of, smooth
from keepgate.tasks.segment.network import RecordingExamples, SegmenterNetwork, SteadyFrontEnd, segment_loss
from keepgate.tasks.tag.network import frames_encoded, tagger

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

SHOWN = 8  # recordings in the report


@dataclass(frozen=True, kw_only=True)
class SegmentColumns:
    """What a manifest's columns are called, and how its files are read."""

    path_column: str = param("path", "manifest: column of the file of each row, relative to the manifest")
    segments_column: str = param("segments", "manifest: column of the file of its segments (.csv, .json, .txt)")
    rate: int | None = param(
        None, "resample recordings to this rate in Hz (none: all must have the first one's)", **HERTZ
    )
    skip_bad: bool = param(False, "leave out recordings that cannot be used, and list them in skipped.csv of the run")


def _table_writer(suffix: str) -> Callable[[pa.Table], bytes]:
    def encode(table: pa.Table) -> bytes:
        rows = table.to_pylist()
        several = len(set(table["path"].to_pylist())) > 1
        if several and suffix == ".txt":
            raise InputError("a label track is of one recording, but there are several; write .csv or .json")
        return encode_segments(rows if several else [{k: v for k, v in r.items() if k != "path"} for r in rows], suffix)

    return encode


@dataclass(eq=False, repr=False, kw_only=True)
class Segmenter(Estimator):
    """Finds the stretches of recordings that are labelled: speech activity, speakers, events.

    X is a list of N recordings, each samples [N_i], all of `rate` Hz; or the `Recordings` of `read`, which carry their
    segments. y is a list of N lists of `Segment`, or of tuples (start, end) or (start, end, label), in seconds.
    Segments of different labels may overlap.

    Recurrent layers read log-mel features and give each label a probability for every 10 ms. A segment lasts as long as
    it is at least `offset`, and reaches `onset` once; then short gaps are closed and short segments left out.

    `fit` sets, beside the attributes of `Estimator`: `labels_`, sorted; `rate_` in Hz; `commonest_`, the label of most
    frames; `energy_threshold_`, the best one for it in decibels above a recording's quiet tenth, a baseline;
    `skipped_`, the recordings that were left out.
    """

    task: ClassVar[str] = "segment"
    formats: ClassVar[tuple[str, ...]] = (".csv", ".jsonl", "each also .gz")
    encoders: ClassVar[Mapping[str, Callable[[pa.Table], bytes]]] = {
        suffix: _table_writer(suffix) for suffix in (".json", ".txt")
    }
    Columns: ClassVar[type] = SegmentColumns
    FITTED: ClassVar[schema.Check] = schema.record(
        labels=schema.several(schema.text(least=1), 1, distinct=True),
        rate=schema.whole(LOWEST_RATE, HIGHEST_RATE),
        commonest=schema.text(),
        energy_threshold=schema.number(-1e6, 1e6),
    )
    fixed: ClassVar[tuple[str, ...]] = ("bands", "bidirectional")

    bands: int = param(40, "mel bands", minimum=1, maximum=MOST_BANDS)
    augment: float = param(
        1.0, "how much recordings are disturbed while training (0: not at all)", minimum=0, maximum=100
    )
    piece: float = param(
        10.0, "seconds of the pieces that recordings are cut into while training", minimum=0.1, maximum=86_400
    )
    onset: float = param(0.6, "probability that a segment has to reach", **SHARE)
    offset: float = param(0.4, "probability below which a segment ends", **SHARE)
    min_on: float = param(0.1, "seconds below which a segment is left out", **SECONDS)
    min_off: float = param(0.1, "seconds below which the gap between two segments is closed", **SECONDS)
    num_layers: int = param(2, "recurrent layers, one above the other", **LAYERS)
    bidirectional: bool = param(True, "read the recording in both directions; without, only what was heard counts")
    dropout: float = param(0.2, "share of activations dropped while training, the same for a whole piece", **SHARE)
    epochs: int = param(20, "passes over the training data", **EPOCHS)
    batch_size: int = param(8, "pieces in one step of the optimizer", **EXAMPLES)
    learning_rate: float = param(3e-3, "highest step size of the optimizer", **STRENGTH)

    network_: SegmenterNetwork = field(init=False)
    labels_: list[str] = field(init=False)
    rate_: int = field(init=False)
    commonest_: str = field(init=False)
    energy_threshold_: float = field(init=False)
    skipped_: tuple[Skipped, ...] = field(init=False)

    def fit(
        self, X: Any, y: Any = None, *, rate: int | None = None, valid: Any = None, run: str | Path | None = None
    ) -> Segmenter:
        """Train on recordings X and their segments y and return self.

        rate: of samples in X, in Hz. valid: `(X, y)` or `Recordings`, held out to choose the best epoch. run: a folder
        for `metrics.jsonl` and the state of the training; the same call resumes a training that was interrupted.

        Raises InputError that names the recording for one that cannot be used, or where there is no segment at all.
        """
        self.check_parameters()
        data = _recordings(X, y, rate)
        counts: dict[str, float] = defaultdict(float)
        for segment in (segment for segments in _segments(data) for segment in segments):
            counts[segment.label] += segment.end - segment.start
        if not counts:
            raise InputError("no recording has a segment; there is nothing to learn")
        limits.check("classes", len(counts), "the training data")
        self.labels_, self.rate_, self.commonest_ = sorted(counts), data.rate, max(counts, key=lambda k: counts[k])
        self.network_ = self.new_network()
        values, truth = self._features(data), self._truth(data)
        common = self.labels_.index(self.commonest_)
        self.energy_threshold_ = energy_threshold(values, [one[:, common] for one in truth])
        self.network_.measure(values)
        held_out, self.skipped_ = None, data.skipped
        if valid is not None:
            rest = self._given(_recordings(*(valid if isinstance(valid, tuple) else (valid, None)), rate=rate))
            held_out = self._pieces(self._features(rest), self._truth(rest))
            self.skipped_ = (*data.skipped, *rest.skipped)
        self.train_network(segment_loss, self._pieces(values, truth), held_out, run)
        return self

    def check_parameters(self) -> None:
        """Raise InputError for a parameter of the wrong type or value."""
        super().check_parameters()
        if self.offset > self.onset:
            raise InputError(f"offset={self.offset} is above onset={self.onset}: no segment could end")

    def predict(self, X: Any, rate: int | None = None) -> list[list[Segment]]:
        """The segments of each recording, in order of time; their confidence is the mean probability."""
        data = self._given(_recordings(X, None, rate))
        return [
            self._found(p, len(content)) for p, content in zip(self._probabilities(data), data.contents, strict=True)
        ]

    def predict_proba(self, X: Any, rate: int | None = None) -> list[np.ndarray]:
        """Probabilities, N arrays [T_i, K], of the labels in the order of `labels_`, for every 10 ms."""
        return self._probabilities(self._given(_recordings(X, None, rate)))

    def _probabilities(self, data: Recordings) -> list[np.ndarray]:
        def compute(batch: Any) -> list[np.ndarray]:
            scores = self.network_(*batch[:2]).sigmoid().cpu().numpy()
            return [p[:length] for p, length in zip(scores, batch[1].tolist(), strict=True)]

        return self.each_example(RecordingExamples(self._features(data)), compute)

    def _found(self, probabilities: np.ndarray, samples: int) -> list[Segment]:
        return sorted(
            self._segment(first, last, label, samples, float(values[first:last].mean()))
            for values, label in zip(probabilities.T, self.labels_, strict=True)
            for first, last in smooth(values, self.onset, self.offset, *self._least)
        )

    def _segment(self, first: int, last: int, label: str, samples: int, confidence: float | None = None) -> Segment:
        end = min(last * self._hop, samples / self.rate_)
        rounded = None if confidence is None else round(confidence, 4)
        return Segment(round(first * self._hop, 3), round(end, 3), label, rounded)

    # Files, tables and the report

    @classmethod
    def read(cls, path: str | Path, columns: SegmentColumns | None = None, *, labelled: bool = True) -> Recordings:
        """Read a manifest and its files, or one recording; see `keepgate.data.recordings.recordings`."""
        return read_recordings(path, **asdict(columns or SegmentColumns()), labelled=labelled)

    def notes(self, data: Recordings) -> list[str]:
        """Recordings that were left out."""
        return [f"{one.file}, row {one.row} is left out: {one.reason}" for one in data.skipped]

    def files(self) -> dict[str, tuple[str, bytes]]:
        """skipped.csv, if recordings may be left out: file, row and reason of each."""
        return {"skipped.csv": skipped_file(self.skipped_)} if self.columns_.skip_bad else {}

    def predict_table(self, data: Recordings) -> pa.Table:
        """A row for each segment: its recording, start and end in seconds, label and confidence."""
        rows = [
            {"path": name, **segment._asdict()}
            for name, segments in zip(data.names, self.predict(data), strict=True)
            for segment in segments
        ]
        types = {"path": "string", "start": "float64", "end": "float64", "label": "string", "confidence": "float64"}
        return pa.Table.from_pylist(rows, pa.schema(list(types.items())))

    def evaluate(self, data: Recordings) -> list[dict[str, Any]]:
        """Scores of this model, of the best threshold on the energy, and of the commonest label everywhere.

        Precision, recall and F1 of frames of 10 ms; and the median distance in seconds from a true boundary to the
        nearest one found.
        """
        return self._rows(data, self._guesses(of_kind(data, Recordings)))

    def sections(self, data: Recordings, valid: Recordings | None) -> list[Section]:
        """Scores, those of each label, and pictures of recordings, those with most mistakes first."""
        from keepgate.tasks.segment.figures import recording_figure

        shown, where = (data, "training data") if valid is None else (valid, "held-out data")
        probabilities, truth = self._probabilities(shown), _segments(shown)
        guesses = self._guesses(shown)
        found = guesses[self.cell_name()]
        wrong = [np.mean(a != b) for a, b in zip(self._truth(shown), self._frames(shown, found), strict=True)]
        each = [{"label": label, **self._scores(shown, found, [label])} for label in self.labels_]
        return [
            Section(
                f"Scores on the {where}",
                f"{len(shown)} recordings.",
                self._rows(shown, guesses),
            ),
            *([Section(f"Each label on the {where}", rows=each)] if len(each) > 1 else []),
            *(
                Section(
                    shown.names[i],
                    f"{100 * wrong[i]:.1f} % of the frames are wrong.",
                    figure=recording_figure(
                        self.network_.front_end,
                        shown.contents[i],
                        self.labels_,
                        probabilities[i],
                        {"true": truth[i], "found": found[i]},
                    ),
                )
                for i in np.argsort(wrong, kind="stable")[::-1][:SHOWN]
            ),
        ]

    def _guesses(self, data: Recordings) -> dict[str, list[list[Segment]]]:
        """Segments by this model and by the baselines."""
        limits = (0.5, 0.5, *self._least)
        loud, whole = [], []
        for values, content in zip(self._features(data), data.contents, strict=True):
            above = (energy(values) >= self.energy_threshold_).astype(float)
            loud.append([self._segment(a, b, self.commonest_, len(content)) for a, b in smooth(above, *limits)])
            whole.append([self._segment(0, len(values), self.commonest_, len(content))])
        threshold = f"energy above {self.energy_threshold_:.1f} dB"
        return {self.cell_name(): self.predict(data), threshold: loud, f"always {self.commonest_}": whole}

    def _rows(self, data: Recordings, guesses: dict[str, list[list[Segment]]]) -> list[dict[str, Any]]:
        return [{"model": name, **self._scores(data, found, self.labels_)} for name, found in guesses.items()]

    def _scores(self, data: Recordings, found: list[list[Segment]], labels: Sequence[str]) -> dict[str, Any]:
        """Scores of the segments that have one of these labels."""
        kept = [[[s for s in one if s.label in labels] for one in many] for many in (self._known(data), found)]
        errors = [error for pair in zip(*kept, strict=True) for error in boundary_errors(*pair)]
        scores = frame_scores(*(self._frames(data, many) for many in kept))
        return {**scores, "boundary error (s)": float(np.median(errors)) if errors else None}

    # The model file

    def fitted(self) -> dict[str, Any]:
        """Labels, and what recordings are."""
        return {
            "labels": self.labels_,
            "rate": self.rate_,
            "commonest": self.commonest_,
            "energy_threshold": self.energy_threshold_,
        }

    def restore(self, fitted: dict[str, Any]) -> None:
        """Set what `fitted` returned and build the network."""
        self.labels_, self.rate_ = fitted["labels"], fitted["rate"]
        self.commonest_, self.energy_threshold_ = fitted["commonest"], fitted["energy_threshold"]
        if self.commonest_ not in self.labels_:
            raise InputError(f"fitted.commonest={quoted(self.commonest_)} is none of the labels")
        self.network_ = self._network()

    def to_onnx(self, graph: Graph) -> None:
        """Emit what is between log-mel bands and the probabilities of labels; see `keepgate.export.onnx`."""
        self.check_fitted()
        graph.metadata |= {"labels": json.dumps(self.labels_), "rate": json.dumps(self.rate_)}
        bands = f"log-mel bands of keepgate.data.audio.log_mel, padded at the end, [B, T, {self.bands}]"
        inputs = {"frames": ("features", bands), "lengths": ("lengths", "frames of each recording, 1 to T, [B]")}
        text = f"of the labels in the metadata's order, each for itself, [B, T, {len(self.labels_)}]"
        self.emit_network(graph, inputs, {"probabilities": ("probabilities", text)})

    def _network(self) -> SegmenterNetwork:
        encoder = frames_encoded(int(self.bands), centred=bool(self.bidirectional))
        layers, sigmoid = self.layers(int(self.bands)), blocks.Activation("sigmoid")
        description = tagger(encoder, layers, len(self.labels_), float(self.dropout), sigmoid)
        front_end = SteadyFrontEnd(self.rate_, self.bands, self.augment)
        return SegmenterNetwork(description, self.backend, front_end)

    @property
    def _hop(self) -> float:
        """Seconds of a frame."""
        return hop_seconds(self.rate_)

    @property
    def _least(self) -> tuple[float, float]:
        """Least lengths of a segment and of a gap in frames, less what may be lost in rounding."""
        return self.min_on / self._hop - 0.1, self.min_off / self._hop - 0.1

    def _given(self, data: Recordings) -> Recordings:
        self.check_fitted()
        if data.rate != self.rate_:
            raise InputError(f"the recordings have {data.rate} Hz where the model was fitted to {self.rate_} Hz")
        return data

    def _features(self, data: Recordings) -> list[np.ndarray]:
        return [self.network_.front_end.frames(content) for content in data.contents]

    def _known(self, data: Recordings) -> list[list[Segment]]:
        """The true segments; InputError for a label that is none of `labels_`."""
        for name, segments in zip(data.names, _segments(data), strict=True):
            if unknown := [segment.label for segment in segments if segment.label not in self.labels_]:
                raise InputError(f"{name}: the label {quoted(unknown[0])} was never seen in the training data")
        return _segments(data)

    def _truth(self, data: Recordings) -> list[np.ndarray]:
        return self._frames(data, self._known(data))

    def _frames(self, data: Recordings, segments: list[list[Segment]]) -> list[np.ndarray]:
        """What holds in each frame, N arrays [T_i, K] bool."""
        return [
            frames_of(one, self.labels_, hops(len(content), self.rate_), self._hop)
            for one, content in zip(segments, data.contents, strict=True)
        ]

    def _pieces(self, values: list[np.ndarray], truth: list[np.ndarray]) -> RecordingExamples:
        """Features and what holds in them, in pieces."""
        size = max(1, round(self.piece / self._hop))
        cut = [[one[i : i + size] for one in many for i in range(0, len(one), size)] for many in (values, truth)]
        return RecordingExamples(*cut)


def _recordings(X: Any, y: Any, rate: int | None) -> Recordings:
    """Recordings given in Python, checked."""
    if isinstance(X, Recordings):
        return X
    X = as_list("X", X, "recordings")
    if rate is None:
        raise InputError("X holds samples: give their rate in Hz")
    schema.whole(LOWEST_RATE, HIGHEST_RATE)("rate", rate)
    y = None if y is None else as_list("y", y, "lists of segments")
    if y is not None and len(y) != len(X):
        raise InputError(f"inconsistent numbers of samples: {len(X)} recordings in X, {len(y)} lists of segments in y")
    names = [f"X[{i}]" for i in range(len(X))]
    contents, segments = [], []
    for i, name in enumerate(names):
        try:
            contents.append(as_samples(X[i]))
            segments.append(sorted(map(as_segment, y[i])) if y is not None else [])
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        except Exception as error:  # what has no order, or is an object of any library
            raise InputError(f"{name}: its samples or segments cannot be read: {reason(error)}") from error
    return Recordings(contents, rate, names, None if y is None else segments)


def _segments(data: Recordings) -> list[list[Segment]]:
    if data.segments is None:
        raise InputError("there are no segments: give y, a list of them for each recording")
    return data.segments

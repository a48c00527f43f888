"""`Segmenter`: where in a recording something is heard: speech, or whatever the training segments are labeled."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from keepgate import limits, schema
from keepgate import networks as blocks
from keepgate.data.audio.log_mel import hop_seconds, hops
from keepgate.data.audio.stream import LogMelStream
from keepgate.data.recordings.manifest import Skipped
from keepgate.data.recordings.recordings import Recordings
from keepgate.data.recordings.segments import Segment
from keepgate.errors import InputError, quoted
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.parameters import RATES, estimator
from keepgate.tasks.common.pretrained import freeze_all_but, go_on_from
from keepgate.tasks.segment.examples import RecordingExamples, as_recordings, segments_of
from keepgate.tasks.segment.frames import energy_threshold, frames_of, smooth
from keepgate.tasks.segment.live import LiveSegmentation, Stretches
from keepgate.tasks.segment.network import SCORE, SegmenterNetwork, SteadyFrontEnd, segment_loss
from keepgate.tasks.segment.parameters import SegmenterParameters
from keepgate.tasks.segment.scores import frame_scores
from keepgate.tasks.tag.network import frame_encoder, tagger
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from keepgate.export.graph import Graph


@estimator
class Segmenter(SegmenterParameters, Estimator):
    """Finds the labeled stretches of recordings: speech activity, speakers, events.

    X is a list of N recordings, each samples [N_i], all of `rate` Hz; or the `Recordings` of a file, which carry their
    segments. y is a list of N lists of `Segment`, or of tuples (start, end) or (start, end, label), in seconds.
    Segments of different labels may overlap.

    Recurrent layers read log-mel features and give each label a probability for every 10 ms. A segment lasts as long as
    it is at least `offset`, and reaches `onset` once; then short gaps are closed and short segments left out.

    Attributes:
        labels_: sorted.
        rate_: in Hz.
        commonest_: the label of most frames.
        energy_threshold_: the best one for it in decibels above a recording's quiet tenth; a baseline.
        skipped_: the recordings that were left out.
        equations_, network_, history_, columns_: as in every estimator of keepgate.
    """

    STATE: ClassVar[schema.Check] = schema.record(
        labels=schema.several(schema.text(least=1), 1, distinct=True),
        rate=schema.whole(*RATES),
        commonest=schema.text(),
        energy_threshold=schema.number(-1e6, 1e6),
    )
    fixed: ClassVar[tuple[str, ...]] = ("bands", "bidirectional")
    later: ClassVar[Mapping[str, Any]] = {"select": "loss", "init": None, "freeze": False, "group_column": None}
    UPDATES: ClassVar[int] = 2_000
    PASSES: ClassVar[tuple[int, int]] = (20, 200)

    network_: SegmenterNetwork = field(init=False)
    labels_: list[str] = field(init=False)
    rate_: int = field(init=False)
    commonest_: str = field(init=False)
    energy_threshold_: float = field(init=False)
    skipped_: tuple[Skipped, ...] = field(init=False)

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        rate: int | None = None,
        valid: Any = None,
        run: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Segmenter:
        """Train on recordings and their segments and return self.

        Args:
            X: the recordings.
            y: their segments; None: those that X carries.
            rate: of samples in X, in Hz.
            valid: `(X, y)` or `Recordings`, held out to choose the best epoch.
            run: folder for `metrics.jsonl` and the state of the training; the same call with the same folder resumes
                an interrupted training.
            callbacks: functions of each epoch's row and the network; see `keepgate.training.train`.

        Raises:
            InputError: it names the recording that cannot be used; or there is no segment at all.
        """
        self.check_parameters()
        data = as_recordings(X, y, rate)
        seconds: dict[str, float] = defaultdict(float)
        for segment in (segment for segments in segments_of(data) for segment in segments):
            seconds[segment.label] += segment.end - segment.start
        if not seconds:
            raise InputError("no recording has a segment; there is nothing to learn")
        limits.check("classes", len(seconds), "the training data")
        self.labels_, self.rate_, self.commonest_ = sorted(seconds), data.rate, max(seconds, key=lambda k: seconds[k])
        self.network_ = self.new_network()
        values, truth = self._features(data), self.frames(data, self.truth(data))
        common = self.labels_.index(self.commonest_)
        self.energy_threshold_ = energy_threshold(values, [one[:, common] for one in truth])
        self.network_.measure(values)
        if self.init is not None:
            before = Segmenter.load(self.init, "cpu")
            before._checked(data)
            go_on_from(self.init, before.network_, self.network_, {"output": (before.labels_, self.labels_)})
            if self.freeze:
                freeze_all_but(self.network_, "output")
        held_out, self.skipped_ = None, data.skipped
        if valid is not None:
            held_out_data = self._checked(
                as_recordings(*(valid if isinstance(valid, tuple) else (valid, None)), rate=rate)
            )
            truth_held_out = self.frames(held_out_data, self.truth(held_out_data))
            held_out = self._pieces(self._features(held_out_data), truth_held_out)
            self.skipped_ = (*data.skipped, *held_out_data.skipped)
        pieces, score, size = self._pieces(values, truth), None if self.select == "loss" else SCORE, self._piece_size()
        sources = data.sources or data.names
        whole = [source for one, source in zip(values, sources, strict=True) for _ in range(0, len(one), size)]
        self.train_network(segment_loss, pieces, held_out, run, callbacks=callbacks, score=score, groups=whole)
        return self

    def _check_values(self) -> None:
        super()._check_values()  # and a segment must be able to end
        if self.offset > self.onset:
            raise InputError(f"offset={self.offset} is above onset={self.onset}: no segment could end")

    def predict(self, X: Any, rate: int | None = None) -> list[list[Segment]]:
        """Return the segments of each recording, in order of time; their confidence is the mean probability.

        Args:
            X: the recordings.
            rate: of samples in X, in Hz.
        """
        data = as_recordings(X, None, rate)
        probabilities = self.predict_proba(data)
        return [self.segments(p, len(content)) for p, content in zip(probabilities, data.contents, strict=True)]

    def live(self) -> LiveSegmentation:
        """Return the segmentation of a recording of `rate_` Hz that comes in pieces.

        Its `feed(samples)` returns the segments that have ended for sure, its `finish()` the rest.

        Raises:
            InputError: the model is bidirectional.
        """
        self.check_fitted()
        if self.bidirectional:
            raise InputError(
                "a bidirectional model reads a recording to its end first, so it cannot segment a live stream; fit one "
                "with --no-bidirectional"
            )
        stretches = [Stretches(self.onset, self.offset, *self.shortest) for _ in self.labels_]
        return LiveSegmentation(self, LogMelStream(self.rate_, self.bands), stretches)

    def score(self, X: Any, y: Any = None, rate: int | None = None) -> float:
        """Return F1 over all frames of 10 ms and all labels; the higher, the better, 1 at most.

        Args:
            X: the recordings.
            y: their segments; None: those that X carries.
            rate: of samples in X, in Hz; None: that of the training data.
        """
        self.check_fitted()
        data = as_recordings(X, y, rate or self.rate_)
        truth, guess = (self.frames(data, segments) for segments in (self.truth(data), self.predict(data)))
        return frame_scores(truth, guess)["F1"]

    def predict_proba(self, X: Any, rate: int | None = None) -> list[np.ndarray]:
        """Return probabilities, N arrays [T_i, K], of the labels in the order of `labels_`, for every 10 ms."""
        return self.listen(as_recordings(X, None, rate))[1]

    def listen(self, data: Recordings) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the features [T_i, bands] of each recording, and the probabilities [T_i, K] of the labels."""

        def compute(batch: Any) -> list[np.ndarray]:
            scores = self.network_(*batch[:2]).sigmoid().cpu().numpy()
            return [p[:length] for p, length in zip(scores, batch[1].tolist(), strict=True)]

        features = self._features(self._checked(data))
        return features, self.each_example(RecordingExamples(features), compute)

    def segments(self, probabilities: np.ndarray, samples: int) -> list[Segment]:
        """Return the segments that probabilities [T, K] amount to, in order of time.

        Args:
            probabilities: of the labels.
            samples: length of the recording.
        """
        return sorted(
            self.segment(first, last, label, samples, float(values[first:last].mean()))
            for values, label in zip(probabilities.T, self.labels_, strict=True)
            for first, last in smooth(values, self.onset, self.offset, *self.shortest)
        )

    def segment(self, first: int, last: int, label: str, samples: int, confidence: float | None = None) -> Segment:
        """Return the segment of the frames `first` to `last` (exclusive) of a recording of so many samples."""
        hop = hop_seconds(self.rate_)
        rounded = None if confidence is None else round(confidence, 4)
        return Segment(round(first * hop, 3), round(min(last * hop, samples / self.rate_), 3), label, rounded)

    @property
    def shortest(self) -> tuple[float, float]:
        """Least lengths of a segment and of a gap in frames, less what may be lost in rounding."""
        hop = hop_seconds(self.rate_)
        return self.min_on / hop - 0.1, self.min_off / hop - 0.1

    def truth(self, data: Recordings) -> list[list[Segment]]:
        """Return the true segments; InputError for a label that is none of `labels_`."""
        for name, segments in zip(data.names, segments_of(data), strict=True):
            if unknown := [segment.label for segment in segments if segment.label not in self.labels_]:
                raise InputError(f"{name}: the label {quoted(unknown[0])} was never seen in the training data")
        return segments_of(data)

    def frames(self, data: Recordings, segments: list[list[Segment]]) -> list[np.ndarray]:
        """Return which labels hold in each frame by these segments of the recordings, N arrays [T_i, K] bool."""
        return [
            frames_of(row, self.labels_, hops(len(content), self.rate_), hop_seconds(self.rate_))
            for row, content in zip(segments, data.contents, strict=True)
        ]

    def state_to_json(self) -> dict[str, Any]:
        """Return labels, and what recordings are."""
        return {
            "labels": self.labels_,
            "rate": self.rate_,
            "commonest": self.commonest_,
            "energy_threshold": self.energy_threshold_,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Set labels, what recordings are, and the network."""
        self.labels_, self.rate_ = state["labels"], state["rate"]
        self.commonest_, self.energy_threshold_ = state["commonest"], state["energy_threshold"]
        if self.commonest_ not in self.labels_:
            raise InputError(f"fitted.commonest={quoted(self.commonest_)} is none of the labels")
        self.network_ = self.build_network()

    def build_network(self) -> SegmenterNetwork:
        """Return the network, untrained."""
        both, bands = bool(self.bidirectional), int(self.bands)
        encoder, sigmoid = frame_encoder(bands, centred=both), blocks.Activation("sigmoid")
        layers = self.layers(bands, bidirectional=both)
        description = tagger(encoder, layers, len(self.labels_), float(self.dropout), sigmoid)
        front_end = SteadyFrontEnd(self.rate_, self.bands, self.augment)
        return SegmenterNetwork(description, self.backend, front_end)

    def to_onnx(self, graph: Graph) -> None:
        """Emit what is between log-mel bands and the probabilities of labels; see `keepgate.export.onnx`."""
        self.check_fitted()
        graph.metadata |= {"labels": json.dumps(self.labels_), "rate": json.dumps(self.rate_)}
        bands = f"log-mel bands of keepgate.data.audio.log_mel, padded at the end, [B, T, {self.bands}]"
        inputs = {"frames": ("features", bands), "lengths": ("lengths", "frames of each recording, 1 to T, [B]")}
        text = f"of the labels in the metadata's order, each for itself, [B, T, {len(self.labels_)}]"
        self.emit_network(graph, inputs, {"probabilities": ("probabilities", text)})

    def _checked(self, data: Recordings) -> Recordings:
        self.check_fitted()
        if data.rate != self.rate_:
            raise InputError(f"the recordings have {data.rate} Hz where the model was fitted to {self.rate_} Hz")
        return data

    def _features(self, data: Recordings) -> list[np.ndarray]:
        return [self.network_.front_end.frames(content) for content in data.contents]

    def _pieces(self, values: list[np.ndarray], truth: list[np.ndarray]) -> RecordingExamples:
        return RecordingExamples.cut(values, truth, self._piece_size())

    def _piece_size(self) -> int:
        """Return the frames of the pieces that recordings are cut into."""
        return max(1, round(self.piece / hop_seconds(self.rate_)))

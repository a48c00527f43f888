"""The command-line side of segmentation: manifests, tables of segments, scores next to loudness, and the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from keepgate.data.recordings.recordings import Recordings, read_recordings
from keepgate.data.recordings.segments import Segment, encode_segments
from keepgate.errors import InputError, listed
from keepgate.tasks.common.given import of_kind
from keepgate.tasks.common.recordings_face import RecordingsFace, lengths
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.segment.frames import energy, smooth
from keepgate.tasks.segment.parameters import SegmentColumns
from keepgate.tasks.segment.scores import boundary_errors, frame_scores

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 8  # recordings in the report

Segments = list[list[Segment]]


class Heard(NamedTuple):
    """What a segmenter makes of N recordings.

    Attributes:
        features: N arrays [T_i, bands].
        probabilities: of the labels, N arrays [T_i, K].
        segments: of each recording.
    """

    features: list[np.ndarray]
    probabilities: list[np.ndarray]
    segments: Segments


def _table_writer(suffix: str) -> Callable[[pa.Table], bytes]:
    def encode(table: pa.Table) -> bytes:
        rows = table.to_pylist()
        several = len(set(table["path"].to_pylist())) > 1
        if several and suffix == ".txt":
            raise InputError("a label track is of one recording, but there are several; write .csv, .json or .rttm")
        if not several and suffix != ".rttm":  # which names its recording on each line
            rows = [{name: value for name, value in row.items() if name != "path"} for row in rows]
        return encode_segments(rows, suffix)

    return encode


class SegmenterFace(RecordingsFace):
    """Face of `Segmenter`; its predictions are `Heard`."""

    encoders: ClassVar[Mapping[str, Callable[[pa.Table], bytes]]] = {
        suffix: _table_writer(suffix) for suffix in (".json", ".txt", ".rttm")
    }

    @classmethod
    def read(cls, path: str | Path, columns: SegmentColumns | None = None, *, labelled: bool = True) -> Recordings:
        """Read a manifest and its files, or one recording; see `keepgate.data.recordings.recordings`."""
        return read_recordings(path, **asdict(columns or SegmentColumns()), labelled=labelled)

    def about(self, data: Recordings) -> list[str]:
        """Return the number of recordings and their lengths, the labels and how much of the time they hold."""
        found = [segment for segments in self.estimator.truth(data) for segment in segments]
        whole = sum(len(content) for content in data.contents) / data.rate
        each = []
        for label in self.estimator.labels_:
            seconds = [one.end - one.start for one in found if one.label == label]
            each.append(f"{label} ({len(seconds)} segments, {100 * sum(seconds) / whole:.3g} % of the time)")
        empty = sum(not segments for segments in data.segments or ())
        return [
            lengths(data.contents, data.rate),
            f"labels: {listed(each)}",
            f"recordings without a segment: {empty}; left out: {len(data.skipped)}",
        ]

    def table(self, data: Recordings) -> pa.Table:
        """Return a row for each segment: its recording, start and end in seconds, label and confidence."""
        import pyarrow as pa

        rows = [
            {"path": name, **segment._asdict()}
            for name, segments in zip(data.names, self.estimator.predict(data), strict=True)
            for segment in segments
        ]
        types = {"path": "string", "start": "float64", "end": "float64", "label": "string", "confidence": "float64"}
        return pa.Table.from_pylist(rows, pa.schema(list(types.items())))

    def predictions(self, data: Recordings) -> Heard:
        """Return features, probabilities and segments."""
        features, probabilities = self.estimator.listen(of_kind(data, Recordings))
        contents = zip(probabilities, data.contents, strict=True)
        return Heard(features, probabilities, [self.estimator.segments(p, len(content)) for p, content in contents])

    def scores(self, data: Recordings, predictions: Heard) -> list[dict[str, Any]]:
        """Return scores of this model, of the best threshold on the energy, and of the commonest label everywhere.

        They are precision, recall and F1 of frames of 10 ms, and the median distance in seconds from a true boundary
        to the nearest predicted one.
        """
        rows = {self.estimator.cell_name(): predictions.segments, **self._baselines(data, predictions.features)}
        labels = self.estimator.labels_
        return [{"model": name, **self._scores(data, segments, labels)} for name, segments in rows.items()]

    def sections(self, data: Recordings, predictions: Heard, where: str) -> list[Section]:
        """Return scores, those of each label, and pictures of recordings, those with most mistakes first."""
        from keepgate.tasks.segment.figures import recording_figure

        model, truth, segments = self.estimator, self.estimator.truth(data), predictions.segments
        both = zip(model.frames(data, truth), model.frames(data, segments), strict=True)
        wrong = [np.mean(a != b) for a, b in both]
        each = [{"label": label, **self._scores(data, segments, [label])} for label in model.labels_]

        def picture(i: int) -> Section:
            figure = recording_figure(
                predictions.features[i],
                model.network_.front_end.times(data.contents[i]),
                model.labels_,
                predictions.probabilities[i],
                {"true": truth[i], "found": segments[i]},
            )
            return Section(data.names[i], f"{100 * wrong[i]:.1f} % of the frames are wrong.", figure=figure)

        return [
            Section(f"Scores on the {where}", f"{len(data)} recordings.", self.scores(data, predictions)),
            *([Section(f"Each label on the {where}", rows=each)] if len(each) > 1 else []),
            *(picture(int(i)) for i in np.argsort(wrong, kind="stable")[::-1][:SHOWN]),
        ]

    def _baselines(self, data: Recordings, features: list[np.ndarray]) -> dict[str, Segments]:
        model = self.estimator
        loud, whole = [], []
        for values, content in zip(features, data.contents, strict=True):
            above = (energy(values) >= model.energy_threshold_).astype(float)
            stretches = smooth(above, 0.5, 0.5, *model.shortest)
            loud.append([model.segment(a, b, model.commonest_, len(content)) for a, b in stretches])
            whole.append([model.segment(0, len(values), model.commonest_, len(content))])
        return {f"energy above {model.energy_threshold_:.1f} dB": loud, f"always {model.commonest_}": whole}

    def _scores(self, data: Recordings, segments: Segments, labels: Sequence[str]) -> dict[str, Any]:
        """Return scores of the segments that have one of these labels."""
        model = self.estimator
        kept = [[[s for s in one if s.label in labels] for one in many] for many in (model.truth(data), segments)]
        errors = [error for pair in zip(*kept, strict=True) for error in boundary_errors(*pair)]
        scores = frame_scores(*(model.frames(data, many) for many in kept))
        return {**scores, "boundary error (s)": float(np.median(errors)) if errors else None}

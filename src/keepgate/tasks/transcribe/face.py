"""The command-line side of transcription: manifests, tables of texts, error rates, and the report with its pictures."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from keepgate.data.recordings.manifest import Utterances, read_utterances
from keepgate.errors import listed
from keepgate.tasks.common.given import of_kind
from keepgate.tasks.common.recordings_face import RecordingsFace, lengths
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.transcribe.examples import split, texts_of
from keepgate.tasks.transcribe.parameters import TranscribeColumns

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 12  # pictures and confusions in the report
MEASURED = 500  # utterances, at most, whose words' confidence it is about


class Decoded(NamedTuple):
    """What a transcriber makes of N utterances.

    Attributes:
        scores: log-probabilities of blank and symbols, N tensors [T', K + 1].
        texts: of the utterances.
    """

    scores: list[torch.Tensor]
    texts: list[str]


class TranscriberFace(RecordingsFace):
    """Face of `Transcriber`; its predictions are `Decoded`."""

    @classmethod
    def read(cls, path: str | Path, columns: TranscribeColumns | None = None, *, labelled: bool = True) -> Utterances:
        """Read a manifest and its files, or, without texts, one utterance; see `keepgate.data.recordings.manifest`."""
        return read_utterances(path, **asdict(columns or TranscribeColumns()), labelled=labelled)

    def notes(self, data: Utterances) -> list[str]:
        """Return which rows were left out, and which symbols are unknown."""
        strange = self.estimator.strange_symbols(data)
        unknown = [f"{data.where(i)}: {reason}, so it counts as a mistake" for i, reason in strange.items()]
        return super().notes(data) + unknown

    def about(self, data: Utterances) -> list[str]:
        """Return the number of utterances and their lengths, the texts, and what they are made of."""
        model, texts = self.estimator, texts_of(data)
        sizes = [len(split(text, model.symbols)) for text in texts]
        if data.rate is None:
            points = [sum(map(len, strokes)) for strokes in data.contents]
            what = f"handwriting: {len(points)} utterances of {min(points)} to {max(points)} points of the pen"
        else:
            what = lengths(data.contents, data.rate)
        sessions = f"sessions: {len(set(data.groups))}" if data.groups else "no sessions"
        return [
            f"{what}; {sessions}",
            f"texts: {len(set(texts))} different ones of {min(sizes)} to {max(sizes)} {model.symbols}; left out: "
            f"{len(data.skipped)}",
            f"symbols: {len(model.symbols_)} {model.symbols}, {listed(model.symbols_)}",
        ]

    def table(self, data: Utterances) -> pa.Table:
        """Return a row for each utterance: its name, its text, and the mean probability of its symbols."""
        import pyarrow as pa

        transcripts = self.estimator.transcribe(data)
        return pa.table(
            {
                "path": data.names,
                "text_hat": [one.text for one in transcripts],
                "probability": [float(np.mean(one.confidences)) if one.confidences else None for one in transcripts],
            }
        )

    def predictions(self, data: Utterances) -> Decoded:
        """Return log-probabilities and texts."""
        scores = self.estimator.log_probs(of_kind(data, Utterances))
        return Decoded(scores, self.estimator.texts(scores))

    def scores(self, data: Utterances, predictions: Decoded) -> list[dict[str, Any]]:
        """Return error rates of this model and of the commonest text: edits of symbols and of words per true one."""
        from keepgate.tasks.transcribe.scores import error_rates

        truth, model = texts_of(data), self.estimator
        rows = {model.cell_name(): predictions.texts, "commonest text": [model.commonest_] * len(truth)}
        return [{"model": name, **error_rates(truth, texts, model.symbols)} for name, texts in rows.items()]

    def _confidence(self, data: Utterances, predictions: Decoded, where: str) -> list[Section]:
        """Return how well the confidence of words fits which of them are right; nothing where there are no words."""
        from keepgate.tasks.common.calibration import confidence_scores, reliability_figure
        from keepgate.tasks.transcribe.confidence import right_words

        sure, right = [], []
        utterances = zip(data.contents, texts_of(data), predictions.scores, strict=True)
        for content, truth, scores in islice(utterances, MEASURED):
            found = self.estimator.aligned(content, scores)
            sure += found.word_confidences
            right += right_words(found.text.split(), truth.split()).tolist()
        if not sure:
            return []
        text = "How often a word is right that has so much probability."
        rows = [confidence_scores(np.array(sure), np.array(right))]
        return [Section(f"Confidence on the {where}", text, rows, reliability_figure(np.array(sure), np.array(right)))]

    def sections(self, data: Utterances, predictions: Decoded, where: str) -> list[Section]:
        """Return scores, the commonest confusions, and pictures of utterances with their symbols."""
        from keepgate.tasks.transcribe.figures import utterance_figure
        from keepgate.tasks.transcribe.scores import confusions

        model, truth, texts = self.estimator, texts_of(data), predictions.texts
        wrong = [i for i, (a, b) in enumerate(zip(truth, texts, strict=True)) if a != b]
        right = [i for i, (a, b) in enumerate(zip(truth, texts, strict=True)) if a == b]
        confused = confusions(truth, texts, model.symbols).most_common(SHOWN)
        rows = [{"true": a, "given": b, "times": count} for (a, b), count in confused]
        summary = f"{len(truth)} utterances, {len(wrong)} with a mistake."

        def picture(i: int) -> Section:
            transcript = model.aligned(data.contents[i], predictions.scores[i])
            figure = utterance_figure(model.network_.front_end, data.contents[i], transcript)
            text = "" if texts[i] == truth[i] else f"Transcribed as: {texts[i]}"
            return Section(f"{data.names[i]}: {truth[i]}", text, figure=figure)

        return [
            Section(f"Scores on the {where}", summary, self.scores(data, predictions)),
            Section(f"Commonest mistakes on the {where}", "An empty place is nothing: left out or put in.", rows),
            *self._confidence(data, predictions, where),
            *(picture(i) for i in [*wrong[: SHOWN // 2], *right][:SHOWN]),
        ]

"""The command-line side of transcription: manifests, tables of texts, error rates, and the report with its pictures."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import torch

from keepgate.data.recordings.manifest import Utterances, read_manifest, skipped_file
from keepgate.tasks.common.face import Face
from keepgate.tasks.common.given import of_kind
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.transcribe.examples import TranscribeColumns, texts_of

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 12  # pictures and confusions in the report


class Decoded(NamedTuple):
    """What a transcriber makes of N utterances.

    Attributes:
        scores: log-probabilities of blank and symbols, N tensors [T', K + 1].
        texts: of the utterances.
    """

    scores: list[torch.Tensor]
    texts: list[str]


class TranscriberFace(Face):
    """Face of `Transcriber`; its predictions are `Decoded`."""

    formats: ClassVar[tuple[str, ...]] = (".csv", ".jsonl", "each also .gz")
    examples = """\
  keepgate fit transcribe train.csv --valid dev.csv --out runs/digits
  keepgate fit transcribe words.jsonl.gz --valid dev.jsonl.gz --epochs 30 --out runs/handwriting
  keepgate fit transcribe phonemes.csv --symbols words --rate 16000 --skip-bad --out runs/phonemes"""

    @classmethod
    def read(cls, path: str | Path, columns: TranscribeColumns | None = None, *, labelled: bool = True) -> Utterances:
        """Read a manifest and its files; see `keepgate.data.recordings.manifest`."""
        return read_manifest(path, **asdict(columns or TranscribeColumns()), labelled=labelled)

    def bind_columns(self, columns: TranscribeColumns) -> None:
        """Let further files be read like the training file, and recordings at its rate."""
        super().bind_columns(replace(columns, rate=self.estimator.rate_))

    def notes(self, data: Utterances) -> list[str]:
        """Return which rows were left out, and which symbols are unknown."""
        left_out = [f"{one.file}, row {one.row} is left out: {one.reason}" for one in data.skipped]
        strange = self.estimator.strange_symbols(data)
        return left_out + [f"{data.where(i)}: {reason}, so it counts as a mistake" for i, reason in strange.items()]

    def files(self) -> dict[str, tuple[str, bytes]]:
        """Return skipped.csv, if rows may be left out: file, row and reason of each."""
        skipped = self.estimator.columns_.skip_bad
        return {"skipped.csv": skipped_file(self.estimator.skipped_)} if skipped else {}

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
            *(picture(i) for i in [*wrong[: SHOWN // 2], *right][:SHOWN]),
        ]

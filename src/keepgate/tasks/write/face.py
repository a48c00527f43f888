"""The command-line side of language models: tables of surprise, scores next to counting models, and the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keepgate.tasks.common.face import Face
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.write.scores import bits_row, ngram_log_probs, unigram_log_probs
from keepgate.tasks.write.text import TextFile, content_of, split

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE, SAMPLES = 600, (0.5, 0.8, 1.0)  # units and temperatures of the report's samples


class LanguageModelFace(Face):
    """Face of `LanguageModel`; its predictions are the log-probabilities of a text's units."""

    @classmethod
    def read(cls, path: str | Path, columns: Any = None, *, labelled: bool = True) -> TextFile:
        """Read a file, unzipped if its name ends in .gz."""
        return TextFile.read(Path(path))

    def about(self, data: Any) -> list[str]:
        """Return how many units there are, and how they are read."""
        model = self.estimator
        different = int(np.count_nonzero(model.counts_))
        return [
            f"{int(model.counts_.sum()):,} {model.units} to train on, {different:,} different ones",
            f"read in {model.batch_size} places at once, the gradient goes back over {model.window} of them",
        ]

    def table(self, data: Any) -> pa.Table:
        """Return a row for each unit of a text: its number from 1, its text, and its surprise in bits."""
        import pyarrow as pa

        texts = [self.estimator.tokens_.decode([number]) for number in self.estimator.encoded(data)]
        bits = -self.predictions(data) / np.log(2)
        return pa.table({"position": np.arange(1, len(texts) + 1), "unit": texts, "bits": bits})

    def predictions(self, data: Any) -> np.ndarray:
        """Return the log-probability of each unit of a text, [N]."""
        return self.estimator.log_probs(data)

    def scores(self, data: Any, predictions: np.ndarray) -> list[dict[str, Any]]:
        """Return perplexity per unit and bits per character of this model and of two that count.

        unigram: how often each unit is in the training text, plus one; n-gram: modified Kneser-Ney smoothing.
        """
        model = self.estimator
        numbers, text = model.encoded(data), content_of(data)
        rows = {model.cell_name(): predictions}
        if model.ngram_ is not None:
            rows[f"{model.ngram_.order}-gram"] = ngram_log_probs(model.ngram_, numbers)
        rows["unigram"] = unigram_log_probs(model.counts_, numbers)
        return [bits_row(name, log_probs, text) for name, log_probs in rows.items()]

    def sections(self, data: Any, predictions: np.ndarray, where: str) -> list[Section]:
        """Return scores, surprise and samples."""
        from keepgate.tasks.write.figures import surprise_figure

        model = self.estimator
        begin = [model.tokens_.decode([number]) for number in model.encoded(data)[:SAMPLE]]
        surprise = -predictions[:SAMPLE] / np.log(2)
        samples = [
            Section(f"Sample at temperature {t:g}", listing="".join(model.write("", SAMPLE, t, seed=model.seed)))
            for t in SAMPLES
        ]
        return [
            Section(f"Scores on the {where}", f"{len(content_of(data)):,} characters.", self.scores(data, predictions)),
            Section(
                f"Surprise on the {where}",
                "Its beginning; the darker a unit, the less probable the model considered it.",
                figure=surprise_figure(begin, surprise),
            ),
            *samples,
        ]

    def shown(self, data: Any, valid: Any) -> tuple[Any, str]:
        """Return the held-out text, which there always is."""
        return split(data, valid, self.estimator.units)[1], "held-out text"

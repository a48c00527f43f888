"""The command-line side of translation: files of pairs, tables of translations, scores, and the report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keepgate.data.text.pairs import Pairs, read_pairs
from keepgate.tasks.common.face import Face
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.translate.examples import as_pairs, targets_of
from keepgate.tasks.translate.parameters import TranslateColumns
from keepgate.tasks.translate.search import Translation

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 20  # texts in the report
DRAWN = 4  # pictures of attention in it


class TranslatorFace(Face):
    """Face of `Translator`; its predictions are the translations of each source."""

    @classmethod
    def read(cls, path: str | Path, columns: TranslateColumns | None = None, *, labelled: bool = True) -> Pairs:
        """Read a file of pairs, or two parallel ones; see `keepgate.data.text.pairs`."""
        return read_pairs(path, labelled, **asdict(columns or TranslateColumns()))

    def about(self, data: Any) -> list[str]:
        """Return how many pairs there are, how long they are, and the subwords of each side."""
        model, data = self.estimator, as_pairs(data)
        sides = (data.sources, targets_of(data))
        words = [sum(len(text.split()) for text in texts) / len(texts) for texts in sides]
        sizes = [tokens.size for tokens in model.tokens_]
        case = ", in lower case" if model.lowercase else ""
        return [
            f"{len(data):,} pairs; {words[0]:.1f} words a source and {words[1]:.1f} a target",
            f"subwords: {sizes[0]:,} of sources, {sizes[1]:,} of targets{case}",
        ]

    def table(self, data: Any) -> pa.Table:
        """Return a row for each translation, or for each of the replies to a message: source, rank, target, score."""
        import pyarrow as pa

        data = as_pairs(data)
        rows = [
            {"source": source, "rank": rank, "target_hat": one.text, "score": one.score}
            for source, translations in zip(data.sources, self.predictions(data), strict=True)
            for rank, one in enumerate(translations, start=1)
        ]
        return pa.Table.from_pylist(rows)

    def predictions(self, data: Any) -> list[list[Translation]]:
        """Return the best translation of each source, or the replies to it."""
        return self.estimator.translate(data)

    def scores(self, data: Any, predictions: list[list[Translation]]) -> list[dict[str, Any]]:
        """Return scores of this model and of what needs no training.

        Translations: BLEU and chrF by sacrebleu (see `scores.signatures`), and those of the sources themselves and of
        the commonest target. Replies: how often the first, or one of three, is the true one, and so for the commonest
        replies.
        """
        from keepgate.tasks.translate.scores import reply_scores, translation_scores

        model, data = self.estimator, as_pairs(data)
        truth, count = targets_of(data), len(data)
        texts = [[one.text for one in translations] for translations in predictions]
        if model.is_reply:
            replies = {model.cell_name(): texts, "commonest replies": [model.commonest_] * count}
            return [{"model": name, **reply_scores(rows, truth)} for name, rows in replies.items()]
        rows = {
            model.cell_name(): [best for best, *_ in texts],
            "source itself": data.sources,
            "commonest target": model.commonest_[:1] * count,
        }
        return [{"model": name, **translation_scores(row, truth, model.lowercase)} for name, row in rows.items()]

    def sections(self, data: Any, predictions: list[list[Translation]], where: str) -> list[Section]:
        """Return scores, some texts, and what the pieces of some translations attended to."""
        from keepgate.tasks.translate.figures import attention_figure
        from keepgate.tasks.translate.scores import signatures

        data = as_pairs(data)
        how = {} if self.estimator.is_reply else signatures(self.estimator.lowercase)
        about = ", ".join(f"{name}: {signature}" for name, signature in how.items())
        chosen = np.linspace(0, len(data) - 1, min(SHOWN, len(data))).astype(int)
        texts = [
            "\n".join(
                [f"  {data.sources[i]}", f"= {targets_of(data)[i]}", *(f"> {one.text}" for one in predictions[i])]
            )
            for i in chosen
        ]
        key = "The source; = the target that was given; > what this model says."
        return [
            Section(f"Scores on the {where}", f"{len(data)} pairs. {about}", self.scores(data, predictions)),
            Section("What the model says", key, listing="\n\n".join(texts)),
            *(
                Section(f"Attention: {data.sources[i]}", figure=attention_figure(predictions[i][0]))
                for i in chosen[:DRAWN]
            ),
        ]

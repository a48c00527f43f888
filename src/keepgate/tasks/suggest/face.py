"""The command-line side of suggestions: tables of keystrokes, keystrokes saved, and the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keepgate.tasks.common.face import Face
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.suggest.keyboard import Typed, type_with, with_taps
from keepgate.tasks.suggest.scores import typing_scores
from keepgate.tasks.suggest.words import plain
from keepgate.tasks.write.text import TextFile, as_text, split

if TYPE_CHECKING:
    import pyarrow as pa

COUNTED = "Without a held-out file of its own, the n-grams have counted this text too."
SHOWN = 4000  # characters of the typed text in the report


class SuggesterFace(Face):
    """Face of `Suggester`; its predictions are how a text is typed with its suggestions."""

    @classmethod
    def read(cls, path: str | Path, columns: Any = None, *, labelled: bool = True) -> TextFile:
        """Read a file, unzipped if its name ends in .gz."""
        return TextFile.read(Path(path))

    def about(self, data: Any) -> list[str]:
        """Return how many words there are, and how many of them each model knows."""
        model = self.estimator
        words = int(model.counts_.sum())
        share = 1 - model.counts_[-1] / words
        return [
            f"{words:,} words and marks to train on; the network knows {len(model.names_):,}, {share:.1%} of the text",
            f"n-grams of up to {model.order} words; weights of network, n-grams and recent words: "
            + ", ".join(f"{weight:.2f}" for weight in model.weights_),
        ]

    def table(self, data: Any) -> pa.Table:
        """Return a row for each keystroke of a text that is typed without taps: the present word, three suggestions."""
        import pyarrow as pa

        keyboard, rows = self.estimator.keyboard(), []
        for character in plain(as_text(data, "words")):
            keyboard.type(character)
            rows.append({"word": keyboard.prefix, "suggestions": " ".join(keyboard.suggestions())})
        return pa.Table.from_pylist(rows)

    def predictions(self, data: Any) -> Typed:
        """Type a text with three suggestions; see `type_with`."""
        return type_with(self.estimator.keyboard(), as_text(data, "words"))

    def scores(self, data: Any, predictions: Typed) -> list[dict[str, Any]]:
        """Return the keystrokes saved with three suggestions by this model and by parts of it.

        The n-grams alone, and with the words typed recently, are the baselines.
        """
        model, text = self.estimator, as_text(data, "words")
        _, counted, recent = model.weights_
        parts = {
            f"{model.order}-gram and recent words": np.array([0, counted, recent]) / (counted + recent),
            f"{model.order}-gram": (0, 1, 0),
        }
        rows = {f"{model.cell_name()}, {model.order}-gram and recent words": predictions}
        rows |= {name: type_with(model.keyboard(weights), text) for name, weights in parts.items()}
        return [{"model": name, **typing_scores(typed)} for name, typed in rows.items()]

    def sections(self, data: Any, predictions: Typed, where: str) -> list[Section]:
        """Return the keystrokes saved, the weights of the mixture, and the text as it is typed."""
        weights = dict(zip(("network", "n-grams", "recent words"), self.estimator.weights_.tolist(), strict=True))
        listing = with_taps(as_text(data, "words"), predictions, SHOWN)
        return [
            Section(f"Keystrokes saved on the {where}", COUNTED, self.scores(data, predictions)),
            Section("Weights of the mixture", rows=[{"model": name, "weight": w} for name, w in weights.items()]),
            Section("As it is typed", "What a tap has inserted is in brackets.", listing=listing),
        ]

    def shown(self, data: Any, valid: Any) -> tuple[Any, str]:
        """Return the held-out text, which there always is."""
        return split(data, valid, "words")[1], "held-out text"

"""How a trained `Transcriber` decodes its scores: along the best path, or by a beam search with a language model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keepgate.data.lines import read_lines
from keepgate.errors import InputError
from keepgate.objectives import beam_search, best_path, symbol_language, word_language
from keepgate.objectives.ngram import NGram
from keepgate.tasks.common.parameters import check_parameters
from keepgate.tasks.transcribe.examples import split
from keepgate.tasks.transcribe.parameters import BEAM, Decoding

__all__ = ["LANGUAGES", "Decoder", "Decoding"]

SPACE = " "


class Decoder:
    """Decodes the scores of a model.

    Args:
        decoding: how.
        symbols: of the model.
        made_of: what these are, "characters" or "words".
        texts: to learn the language from, instead of the file that `decoding` names.

    Raises:
        InputError: an option is wrong, the file cannot be read, or the symbols spell nothing in it.
    """

    def __init__(
        self, decoding: Decoding, symbols: Sequence[str], made_of: str, texts: Iterable[str] | None = None
    ) -> None:
        check_parameters(decoding)
        if texts is None and decoding.language_model is not None:
            texts = read_lines(Path(decoding.language_model))
        self.options: dict[str, Any] | None = None if decoding.beam is None else {"beam": decoding.beam}
        if texts is None:
            return
        kind = LANGUAGES["symbols" if made_of == "words" else decoding.language]
        lines = [line.strip() for line in texts if line.strip()]
        if SPACE not in symbols and made_of == "characters":  # an utterance is a single word
            lines = [word for line in lines for word in line.split()]
        if not lines:
            raise InputError(f"{decoding.language_model or 'the text for the language model'} has no text")
        order = kind.order if decoding.order is None else decoding.order
        self.options = {
            "beam": decoding.beam or BEAM,
            "language": kind.learn(lines, order, ["", *symbols], made_of, decoding.new_words),
            "weight": kind.weight if decoding.weight is None else decoding.weight,
            "bonus": kind.bonus if decoding.bonus is None else decoding.bonus,
        }

    def path(self, scores: np.ndarray) -> list[int]:
        """Return the numbers of the symbols in log-probabilities [T, K + 1] of the blank and K symbols."""
        if self.options is None:
            return best_path(scores[:, None])[0]
        readings = beam_search(scores[:, None], **self.options)[0]
        return readings[0].symbols if readings else []


def _symbols(lines: list[str], order: int, symbols: list[str], made_of: str, new_words: bool) -> Any:
    return symbol_language(NGram.train([split(line, made_of) for line in lines], order), symbols)


def _words(lines: list[str], order: int, symbols: list[str], made_of: str, new_words: bool) -> Any:
    known, rows = set(symbols), [line.split() for line in lines]
    words = {word for row in rows for word in row if known.issuperset(word)}
    if not words:
        raise InputError("no word of the language model's text can be spelled with the symbols of the network")
    separator = SPACE if SPACE in known else None
    return word_language(words, symbols, model=NGram.train(rows, order), separator=separator, others=new_words)


class Kind(NamedTuple):
    """A kind of language model, and the values of options that are None."""

    learn: Callable[[list[str], int, list[str], str, bool], Any]
    order: int
    weight: float
    bonus: float


LANGUAGES = {"symbols": Kind(_symbols, 6, 0.8, 1.2), "words": Kind(_words, 3, 1.0, 0.0)}

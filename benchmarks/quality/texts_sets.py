"""The sets of the panel of texts: what is a text in each, its class, and the parts as they are filed.

They come from `shared/data` next to the checkout. A set whose data are absent is left out, and says so.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.quality.rows import DATA

Part = tuple[list[str], np.ndarray]  # texts, and their labels


@dataclass(frozen=True)
class Set:
    """Texts and their labels.

    Attributes:
        name: of the set.
        train: what may be learned from.
        valid: what defaults are chosen by.
        test: what the last figure comes from.
        units: of the model and of the peer.
    """

    name: str
    train: Part
    valid: Part
    test: Part
    units: str

    @property
    def size(self) -> str:
        """How many texts are in each part."""
        return f"{len(self.train[1])} / {len(self.test[1])}"

    def part(self, count: int) -> Set:
        """Return the set with so many texts of its training part, drawn at random."""
        X, y = self.train
        kept = np.random.default_rng(0).permutation(len(y))[:count]
        return Set(f"{self.name} {count}", ([X[i] for i in kept], y[kept]), self.valid, self.test, self.units)


def _set(name: str, read: Callable[[str], Iterator[tuple[str, str]]], parts: tuple[str, ...], units: str) -> Set:
    found = []
    for part in parts:
        texts, labels = zip(*read(part), strict=True)
        found.append((list(texts), np.array(labels)))
    return Set(name, *found, units)


def acts(part: str) -> Iterator[tuple[str, str]]:
    """Yield utterances of telephone conversations and their dialogue acts."""
    with gzip.open(DATA / "dialogue" / f"swda_{part}.jsonl.gz", "rt") as file:
        for line in file:
            yield from ((text, act) for _, text, act in json.loads(line)["turns"] if text.strip())


def genres(part: str) -> Iterator[tuple[str, str]]:
    """Yield paragraphs of the English web treebank and the kind of page that each is from."""
    path = next((DATA / "ewt").glob(f"*{part}*.conllu.gz"))
    genre, sentences = "", []
    with gzip.open(path, "rt") as file:
        for line in file:
            key, _, value = line[1:].partition("=")
            if line.startswith("# newdoc") or line.startswith("# newpar"):
                if sentences:
                    yield " ".join(sentences), genre
                sentences = []
                genre = value.strip().split("-")[0] if line.startswith("# newdoc") else genre
            elif line.startswith("#") and key.strip() == "text":
                sentences.append(value.strip())
    yield " ".join(sentences), genre


def peptides(part: str) -> Iterator[tuple[str, str]]:
    """Yield chains of amino acids, a letter each, and whether they act against microbes."""
    with gzip.open(DATA / "proteins" / f"amp_{part}.tsv.gz", "rt") as file:
        yield from ((row["sequence"], row["amp"]) for row in csv.DictReader(file, delimiter="\t"))


PARTS = ("train", "valid", "test")
SETS: dict[str, Callable[[], Set]] = {
    "acts": partial(_set, "dialogue acts", acts, PARTS, "words"),
    "genres": partial(_set, "web genres", genres, ("train", "dev", "test"), "words"),
    "peptides": partial(_set, "peptides", peptides, PARTS, "characters"),
}

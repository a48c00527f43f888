"""The sets of the panel of texts: what is a text in each, its class, and the parts as they are filed.

They come from `shared/data` next to the checkout. A set whose data are absent is left out, and says so.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from benchmarks.quality.rows import DATA
from keepgate.data.text.labelled import LabelledTexts
from keepgate.tasks.common.crossing import taken


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
    train: LabelledTexts
    valid: LabelledTexts
    test: LabelledTexts
    units: str

    @property
    def size(self) -> str:
        """How many texts are in each part."""
        return f"{len(self.train)} / {len(self.test)}"

    def part(self, count: int) -> Set:
        """Return the set with so many texts of its training part, drawn at random."""
        kept = np.random.default_rng(0).permutation(len(self.train))[:count]
        return replace(self, name=f"{self.name} {count}", train=taken(self.train, kept))


Read = Callable[[str], Iterator[tuple[str, str, str | None]]]  # text, label and, where there is one, group


def _set(name: str, read: Read, parts: tuple[str, ...], units: str) -> Set:
    found = []
    for part in parts:
        texts, labels, groups = map(list, zip(*read(part), strict=True))
        found.append(LabelledTexts(range(len(texts)), texts, np.array(labels), None if None in groups else groups))
    return Set(name, *found, units)


def acts(part: str) -> Iterator[tuple[str, str, str]]:
    """Yield utterances of telephone conversations, their dialogue acts, and the conversation."""
    with gzip.open(DATA / "dialogue" / f"swda_{part}.jsonl.gz", "rt") as file:
        for line in file:
            talk = json.loads(line)
            yield from ((text, act, talk["id"]) for _, text, act in talk["turns"] if text.strip())


def genres(part: str) -> Iterator[tuple[str, str, str]]:
    """Yield paragraphs of the English web treebank, the kind of page that each is from, and the page."""
    path = next((DATA / "ewt").glob(f"*{part}*.conllu.gz"))
    page, sentences = "", []
    with gzip.open(path, "rt") as file:
        for line in file:
            key, _, value = line[1:].partition("=")
            if line.startswith("# newdoc") or line.startswith("# newpar"):
                if sentences:
                    yield " ".join(sentences), page.split("-")[0], page
                sentences = []
                page = value.strip() if line.startswith("# newdoc") else page
            elif line.startswith("#") and key.strip() == "text":
                sentences.append(value.strip())
    yield " ".join(sentences), page.split("-")[0], page


def peptides(part: str) -> Iterator[tuple[str, str, None]]:
    """Yield chains of amino acids, a letter each, and whether they act against microbes."""
    with gzip.open(DATA / "proteins" / f"amp_{part}.tsv.gz", "rt") as file:
        yield from ((row["sequence"], row["amp"], None) for row in csv.DictReader(file, delimiter="\t"))


PARTS = ("train", "valid", "test")
SETS: dict[str, Callable[[], Set]] = {
    "acts": partial(_set, "dialogue acts", acts, PARTS, "words"),
    "genres": partial(_set, "web genres", genres, ("train", "dev", "test"), "words"),
    "peptides": partial(_set, "peptides", peptides, PARTS, "characters"),
}

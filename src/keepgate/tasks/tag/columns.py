"""The tags of a column: which there are, how often, and how their scores are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keepgate import limits, schema
from keepgate.errors import InputError, quoted
from keepgate.tasks.common.calibration import HOTTEST
from keepgate.tasks.common.class_weights import BALANCED, class_weights
from keepgate.tasks.tag.scores import commonest_tags, marks_spans

__all__ = ["STATE", "Columns", "TagColumn", "weights_of"]

STATE = {
    "column": schema.text(),
    "tags": schema.several(schema.items(schema.text(), schema.whole(0, 2**53)), 2),
    "commonest": schema.table(schema.text()),
    "crf": schema.boolean,
    "temperature": schema.optional(schema.number(0, HOTTEST)),
}


@dataclass
class TagColumn:
    """The tags of a column.

    Attributes:
        name: of the column.
        counts: how often each tag is in the training data.
        commonest: the commonest tag of each word; empty for frames.
        crf: whether neighboring tags are scored together.
        temperature: what its scores were divided by; None: nothing was held out.
    """

    name: str
    counts: Counter[str]
    commonest: dict[str, str]
    crf: bool
    temperature: float | None = None

    @classmethod
    def of(cls, name: str, sentences: Any, rows: Sequence[Sequence[str]], crf: bool | None) -> TagColumn:
        """Return the column that training data have.

        Args:
            name: of the column.
            sentences: lists of tokens; None: frames.
            rows: the tags of each.
            crf: whether neighboring tags are scored together; None: where they mark spans.

        Raises:
            InputError: there are fewer than two tags, or too many.
        """
        counts = Counter(tag for row in rows for tag in row)
        limits.check("classes", len(counts), "the training data")
        if len(counts) < 2:
            raise InputError(f"all tokens have the tag {quoted(next(iter(counts)))}; a tagger needs at least two tags")
        commonest = commonest_tags(sentences, rows) if sentences is not None else {}
        return cls(name, counts, commonest, marks_spans(rows) if crf is None else bool(crf))

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> TagColumn:
        """Read what `to_json` returned; InputError where a word's commonest tag is none of the tags."""
        counts = Counter(dict(state["tags"]))
        if unknown := [tag for tag in state["commonest"].values() if tag not in counts]:
            raise InputError(f"fitted.commonest has {quoted(unknown[0])}, which is none of the tags")
        return cls(state["column"], counts, state["commonest"], state["crf"], state["temperature"])

    def to_json(self) -> dict[str, Any]:
        """Return all as JSON values."""
        return {
            "column": self.name,
            "tags": [[tag, self.counts[tag]] for tag in self.tags],
            "commonest": self.commonest,
            "crf": self.crf,
            "temperature": self.temperature,
        }

    @property
    def tags(self) -> list[str]:
        """The tags, sorted."""
        return sorted(self.counts)

    def numbers(self, rows: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Return the numbers of tags, arrays [T], -1 for a tag that is not known."""
        number = {tag: k for k, tag in enumerate(self.tags)}
        return [np.array([number.get(tag, -1) for tag in row], dtype=np.int64) for row in rows]


class Columns:
    """What has columns of tags; by itself it speaks of the first one.

    Attributes:
        tag_columns_: the columns.
    """

    tag_columns_: list[TagColumn]

    @property
    def tags_(self) -> list[str]:
        """The tags of the first column, sorted."""
        return self.tag_columns_[0].tags

    @property
    def tag_counts_(self) -> Counter[str]:
        """How often each tag of the first column is in the training data."""
        return self.tag_columns_[0].counts

    @property
    def commonest_(self) -> dict[str, str]:
        """The commonest tag of each word, of the first column."""
        return self.tag_columns_[0].commonest

    @property
    def crf_(self) -> bool:
        """Whether neighboring tags of the first column are scored together."""
        return self.tag_columns_[0].crf

    @property
    def temperature_(self) -> float | None:
        """What the scores of the first column were divided by; None: nothing was held out."""
        return self.tag_columns_[0].temperature


def weights_of(columns: Sequence[TagColumn], class_weight: Any) -> list[np.ndarray | None]:
    """Return the weights [K] of the tags of each column, None where all weigh alike.

    Args:
        columns: the columns.
        class_weight: balanced: each column; weights by name: those of the first one.

    Raises:
        InputError: a tag is named that there is not, or has the weight 0.
    """
    if class_weight is None:
        return [None] * len(columns)
    weighed = columns if class_weight == BALANCED else columns[:1]
    found: list[np.ndarray | None] = []
    for column in weighed:
        counts = np.array([column.counts[tag] for tag in column.tags])
        weights = class_weights(class_weight, np.array(column.tags, dtype=object), counts, "tags")
        if not weights.all():
            raise InputError(
                f"class_weight gives {quoted(column.tags[int(np.argmin(weights))])} the weight 0: give more than 0, or "
                "leave its sentences out"
            )
        found.append(weights)
    return found + [None] * (len(columns) - len(found))

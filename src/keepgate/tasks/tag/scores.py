"""Scores of tags: token by token, and of the spans that B-, I- and O (or B-, I-, E-, S- and O) mark, by exact match."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

Tags = Sequence[Sequence[str]]
MARKS = ("B-", "I-", "E-", "S-")  # begin, inside, end, single
INNER, LAST = ("I-", "E-"), ("E-", "S-")  # those that continue a span, and those that end one


class Span(NamedTuple):
    """Tokens `start` to `stop` (exclusive) of one kind."""

    kind: str
    start: int
    stop: int


def marks_spans(tags: Tags) -> bool:
    """Return whether all tags are O or begin with one of `MARKS`, and some mark a span."""
    kinds = {tag for sentence in tags for tag in sentence}
    return kinds > {"O"} and all(tag == "O" or tag.startswith(MARKS) for tag in kinds)


def breaks_span(before: str | None, tag: str) -> bool:
    """Return whether `tag` continues a span that is not there; `before` is None at the beginning."""
    if tag[:2] not in INNER:
        return False
    return before is None or before == "O" or before[2:] != tag[2:] or before[:2] in LAST


def spans(tags: Sequence[str]) -> list[Span]:
    """Return the spans of a sentence; an I- or E- that continues no span of its kind begins one, as in conlleval."""
    result: list[Span] = []
    for i, (before, tag) in enumerate(zip([None, *tags], tags, strict=False)):
        if tag == "O":
            continue
        if tag[:2] in INNER and not breaks_span(before, tag):
            result[-1] = result[-1]._replace(stop=i + 1)
        else:
            result.append(Span(tag[2:], i, i + 1))
    return result


def span_scores(truth: Tags, guess: Tags) -> dict[str, dict[str, Any]]:
    """Return precision, recall and F1 of each kind of span, and of all under "" (micro average); count: true spans."""
    wanted = [(i, span) for i, sentence in enumerate(truth) for span in spans(sentence)]
    given = [(i, span) for i, sentence in enumerate(guess) for span in spans(sentence)]
    return _scores(wanted, given, set(wanted) & set(given), lambda item: item[1].kind)


def token_scores(truth: Tags, guess: Tags) -> dict[str, dict[str, Any]]:
    """Return precision, recall and F1 of each tag, and of all under "", the accuracy; count: true tokens."""
    wanted = [(i, k, tag) for i, sentence in enumerate(truth) for k, tag in enumerate(sentence)]
    given = [(i, k, tag) for i, sentence in enumerate(guess) for k, tag in enumerate(sentence)]
    return _scores(wanted, given, set(wanted) & set(given), lambda item: item[2])


def _scores(wanted: Sequence[Any], given: Sequence[Any], right: set[Any], kind: Any) -> dict[str, dict[str, Any]]:
    counts = [Counter(map(kind, items)) for items in (wanted, given, right)]
    totals = [len(wanted), len(given), len(right)]
    rows = {name: [count[name] for count in counts] for name in sorted({*counts[0], *counts[1]})}
    return {name: _row(*numbers) for name, numbers in {"": totals, **rows}.items()}


def _row(wanted: int, given: int, right: int) -> dict[str, Any]:
    return {
        "precision": right / given if given else 0.0,
        "recall": right / wanted if wanted else 0.0,
        "F1": 2 * right / (wanted + given) if wanted + given else 0.0,
        "count": wanted,
    }


def commonest_tags(sentences: Tags, tags: Tags) -> dict[str, str]:
    """Return the tag that each word has most often; of two as frequent the first in the alphabet."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence, row in zip(sentences, tags, strict=True):
        for word, tag in zip(sentence, row, strict=True):
            counts[word][tag] += 1
    return {word: min(count, key=lambda tag: (-count[tag], tag)) for word, count in counts.items()}

"""The command-line side of tagging: CoNLL files, tables of tags, scores next to the commonest tags, and the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from keepgate.data.text.sentences import Sentences, read_sentences
from keepgate.errors import InputError, listed
from keepgate.tasks.common.face import Face
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.tag.inputs import as_tagged
from keepgate.tasks.tag.parameters import TagColumns
from keepgate.tasks.tag.scores import Span, marks_spans, span_scores, spans, token_scores

if TYPE_CHECKING:
    import pyarrow as pa

FREQUENT = 5  # tags that are named
PICTURED = 12  # sentences in the picture of spans
SHOWN = 20  # sentences with mistakes in the report

Tags = list[list[str]]


def _sentences(table: pa.Table) -> list[tuple[list[str], list[str], list[float]]]:
    """Return tokens, tags and probabilities of each sentence of a table of predictions.

    Raises:
        InputError: there are no tokens.
    """
    if "token" not in table.column_names:
        raise InputError("the sequences are frames, without tokens; write a table")
    each: dict[int, tuple[list[str], list[str], list[float]]] = {}
    for row in table.to_pylist():
        tokens, tags, probabilities = each.setdefault(row["sentence"], ([], [], []))
        tokens.append(row["token"])
        tags.append(row["tag_hat"])
        probabilities.append(row["probability"])
    return list(each.values())


def as_conll(table: pa.Table) -> bytes:
    """Return predictions as CoNLL columns: token, tab and tag, and a blank line after each sentence."""
    sentences = [
        "".join(f"{token}\t{tag}\n" for token, tag in zip(tokens, tags, strict=True))
        for tokens, tags, _ in _sentences(table)
    ]
    return "".join(f"{sentence}\n" for sentence in sentences).encode()


def as_json_lines(table: pa.Table) -> bytes:
    """Return predictions as JSON lines: tokens, tags, probabilities, and the spans where tags mark any.

    A span has its `kind`, its tokens from `start` to `stop` (exclusive), and its `text`, which is the tokens apart by
    single spaces, with the characters from `begin` to `end` of the sentence that is written so. Its `score` is the
    least probability of its tags.
    """
    sentences = _sentences(table)
    marked = marks_spans([tags for _, tags, _ in sentences])
    lines = []
    for tokens, tags, probabilities in sentences:
        row: dict[str, Any] = {"tokens": tokens, "tags": tags, "probabilities": [round(p, 6) for p in probabilities]}
        if marked:
            row["spans"] = [_placed(span, tokens, probabilities) for span in spans(tags)]
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def _placed(span: Span, tokens: list[str], probabilities: Sequence[float]) -> dict[str, Any]:
    begin = sum(len(token) + 1 for token in tokens[: span.start])
    text = " ".join(tokens[span.start : span.stop])
    place = {"text": text, "begin": begin, "end": begin + len(text)}
    return {**span._asdict(), **place, "score": round(span_score(span, probabilities), 6)}


def span_score(span: Span, probabilities: Any) -> float:
    """Return how sure a span is: the least probability of its tags."""
    return float(min(probabilities[span.start : span.stop]))


class Tagged(NamedTuple):
    """What a tagger makes of N sequences.

    Attributes:
        tags: of each.
        chances: the probability of each tag, N arrays.
    """

    tags: Tags
    chances: list[np.ndarray]


class TaggerFace(Face):
    """Face of `Tagger`; its predictions are `Tagged`."""

    encoders: ClassVar[Mapping[str, Callable[[pa.Table], bytes]]] = {".conll": as_conll, ".jsonl": as_json_lines}

    @classmethod
    def read(cls, path: str | Path, columns: TagColumns | None = None, *, labelled: bool = True) -> Sentences:
        """Read a CoNLL or JSON lines file; see `keepgate.data.text.sentences`."""
        columns = columns or TagColumns()
        asked = columns if labelled else replace(columns, group_column=None)  # without tags nothing is held out
        return read_sentences(path, **asdict(asked), labelled=labelled)

    def about(self, data: Any) -> list[str]:
        """Return how many sequences and tokens there are, the tags, and how they are read."""
        model, (values, tags) = self.estimator, as_tagged(data, None)
        steps = sum(map(len, tags))
        kinds = sorted({span.kind for row in tags for span in spans(row)}) if marks_spans(tags) else []
        frequent = sorted(model.tags_, key=lambda tag: -model.tag_counts_[tag])[:FREQUENT]
        shares = ", ".join(f"{tag} {model.tag_counts_[tag] / steps:.0%}" for tag in frequent)
        what = "tokens" if model.vocabulary_ else "frames"
        known = f"; {len(model.vocabulary_.words):,} words are known as such" if model.vocabulary_ else ""
        lines = [f"{len(values):,} sequences of {steps:,} {what}{known}", f"{len(model.tags_)} tags: {shares}"]
        if kinds:
            lines.append(f"they mark spans: {listed(kinds)}")
        heat = model.temperature_
        found = "not calibrated, for nothing was held out" if heat is None else f"calibrated, temperature {heat:.3g}"
        lines.append(f"probabilities are {found}")
        return lines

    def table(self, data: Sentences) -> pa.Table:
        """Return a row for each token: number of its sentence and its own, both from 1, the tag and its probability."""
        import pyarrow as pa

        model = self.estimator
        results = model.read_off(data)
        steps = [len(best) for best, _ in results]
        tokens = {"token": [token for sentence in data.tokens for token in sentence]} if model.vocabulary_ else {}
        best, probabilities = (np.concatenate(values) for values in zip(*results, strict=True))
        return pa.table(
            {
                "sentence": np.repeat(np.arange(1, len(steps) + 1), steps),
                "position": np.concatenate([np.arange(1, n + 1) for n in steps]),
                **tokens,
                "tag_hat": [model.tags_[k] for k in best],
                "probability": np.take_along_axis(probabilities, best[:, None], axis=1)[:, 0],
            }
        )

    def predictions(self, data: Any) -> Tagged:
        """Return the tags of each sequence, and how probable they are."""
        results = self.estimator.read_off(data)
        names = self.estimator.tags_
        return Tagged(
            [[names[k] for k in best] for best, _ in results],
            [probabilities[np.arange(len(best)), best] for best, probabilities in results],
        )

    def scores(self, data: Any, predictions: Tagged) -> list[dict[str, Any]]:
        """Return scores of this model, of each word's commonest tag, and of the commonest tag of all.

        They are the accuracy of the tokens and, where tags mark spans, precision, recall and F1 of the spans, by exact
        match.
        """
        values, truth = as_tagged(data, None)
        return [
            {"model": name, **_summary(truth, tags)} for name, tags in self.guesses(values, predictions.tags).items()
        ]

    def sections(self, data: Any, predictions: Tagged, where: str) -> list[Section]:
        """Return scores, those of each class, the confusion of tags, confidence, and the sentences with mistakes."""
        from keepgate.tasks.common.report.figures import confusion_figure

        values, truth = as_tagged(data, None)
        tags = predictions.tags
        classes = (span_scores if marks_spans(truth) else token_scores)(truth, tags)
        each = [{"class": name, **row} for name, row in classes.items() if name]
        counts = confusion(truth, tags, self.estimator.tags_)
        return [
            Section(f"Scores on the {where}", f"{len(values)} sequences.", self.scores(data, predictions)),
            Section(f"Each class on the {where}", rows=each),
            Section(f"Confusion on the {where}", figure=confusion_figure(counts, self.estimator.tags_)),
            *self._confidence(values, truth, predictions, where),
            *self._mistakes(values, truth, tags),
        ]

    def _confidence(self, values: Any, truth: Tags, predictions: Tagged, where: str) -> list[Section]:
        from keepgate.tasks.common.calibration import confidence_scores, reliability_figure
        from keepgate.tasks.tag.figures import spans_figure

        tags, chances = predictions
        right = np.array([a == b for rows in zip(tags, truth, strict=True) for a, b in zip(*rows, strict=True)])
        sure = np.concatenate(chances)
        sections = [
            Section(
                f"Confidence on the {where}",
                "How often a tag is right that has so much probability.",
                [confidence_scores(sure, right)],
                reliability_figure(sure, right),
            )
        ]
        if marks_spans(truth) and self.estimator.vocabulary_ is not None:
            shown = [
                (words, [(span, span_score(span, row)) for span in spans(found)])
                for words, found, row in zip(values, tags, chances, strict=True)
            ]
            shown = [row for row in shown if row[1]][:PICTURED]
            if shown:
                sections.append(Section(f"Spans found on the {where}", "The first ones.", figure=spans_figure(shown)))
        return sections

    def guesses(self, values: Any, predictions: Tags) -> dict[str, Tags]:
        """Return tags of sequences by this model and by the baselines: each word's commonest tag, that of all words."""
        model = self.estimator
        commonest = max(model.tags_, key=lambda tag: model.tag_counts_[tag])
        rows = {model.cell_name(): predictions}
        if model.vocabulary_:
            by_word = [[model.commonest_.get(word, commonest) for word in sentence] for sentence in values]
            rows["commonest tag of the word"] = by_word
        return {**rows, "commonest tag": [[commonest] * len(sentence) for sentence in values]}

    def _mistakes(self, values: Any, truth: Tags, predictions: Tags) -> list[Section]:
        wrong = [i for i, (a, b) in enumerate(zip(truth, predictions, strict=True)) if list(a) != list(b)]
        if not wrong or self.estimator.vocabulary_ is None:
            return []
        lines = [" ".join(map(_marked, values[i], truth[i], predictions[i])) for i in wrong[:SHOWN]]
        text = (
            f"{len(wrong)} of {len(truth)} sequences have a mistake; in the first ones, [token: true tag, given tag]."
        )
        return [Section("Mistakes", text, listing="\n\n".join(lines))]


def confusion(truth: Tags, predictions: Tags, names: Sequence[str]) -> np.ndarray:
    """Return how often each tag [K] was predicted as each, [K, K]; true tags that are not in `names` do not count."""
    number = {tag: k for k, tag in enumerate(names)}
    counts = np.zeros((len(names), len(names)), dtype=int)
    for true_row, row in zip(truth, predictions, strict=True):
        for true_tag, tag in zip(true_row, row, strict=True):
            if true_tag in number:
                counts[number[true_tag], number[tag]] += 1
    return counts


def _summary(truth: Tags, tags: Tags) -> dict[str, Any]:
    row = {"accuracy": token_scores(truth, tags)[""]["F1"]}
    if marks_spans(truth):
        row |= {f"span {key}": value for key, value in span_scores(truth, tags)[""].items() if key != "count"}
    return row


def _marked(token: str, true_tag: str, tag: str) -> str:
    return token if true_tag == tag else f"[{token}: {true_tag}, {tag}]"

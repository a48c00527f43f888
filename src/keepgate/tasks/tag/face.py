"""The command-line side of tagging: CoNLL files, tables of tags, scores next to the commonest tags, and the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from keepgate.data.text.sentences import Sentences, read_sentences
from keepgate.errors import InputError, listed, quoted
from keepgate.tasks.common.face import Face
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.tag.columns import TagColumn
from keepgate.tasks.tag.inputs import as_columns, as_untagged
from keepgate.tasks.tag.parameters import TagColumns
from keepgate.tasks.tag.scores import Span, marks_spans, span_scores, spans, token_scores

if TYPE_CHECKING:
    import pyarrow as pa

FREQUENT = 5  # tags that are named
PICTURED = 12  # sentences in the picture of spans
SHOWN = 20  # sentences with mistakes in the report

HAT = "_hat"  # ends the names of columns of predicted tags
UNWRITABLE = {*"\t\r\n"}  # in a CoNLL column

Tags = list[list[str]]


def _sentences(table: pa.Table) -> list[list[dict[str, Any]]]:
    """Return the rows of each sentence of a table of predictions.

    Raises:
        InputError: there are no tokens.
    """
    if "token" not in table.column_names:
        raise InputError("the sequences are frames, without tokens; write a table")
    each: dict[int, list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        each.setdefault(row["sentence"], []).append(row)
    return list(each.values())


def _predicted(table: pa.Table) -> list[str]:
    """Return the names of the columns of predicted tags, the first one's first."""
    return [name for name in table.column_names if name.endswith(HAT)]


def as_conll(table: pa.Table) -> bytes:
    """Return predictions as CoNLL columns: token, tab and tag, and a blank line after each sentence.

    Where there are several columns of tags they follow each other, the first one's last: where it is looked for.

    Raises:
        InputError: a token has a tab or the end of a line.
    """
    first, *further = _predicted(table)
    names = ("token", *further, first)
    sentences = _sentences(table)
    if odd := [row["token"] for rows in sentences for row in rows if UNWRITABLE & set(row["token"])]:
        raise InputError(f"the token {quoted(odd[0])} has a tab or the end of a line: write .jsonl")
    lines = ["".join("\t".join(row[name] for name in names) + "\n" for row in rows) for rows in sentences]
    return "".join(f"{sentence}\n" for sentence in lines).encode()


def as_json_lines(table: pa.Table) -> bytes:
    """Return predictions as JSON lines: tokens, tags, probabilities, and the spans where tags mark any.

    A span has its `kind`, its tokens from `start` to `stop` (exclusive), and its `text`, which is the tokens apart by
    single spaces, with the characters from `begin` to `end` of the sentence that is written so. Its `score` is the
    least probability of its tags. Tags of further columns are under the column's name.
    """
    sentences = _sentences(table)
    first, *further = _predicted(table)
    marked = marks_spans([[row[first] for row in rows] for rows in sentences])
    lines = []
    for rows in sentences:
        tokens, tags, chances = ([row[name] for row in rows] for name in ("token", first, "probability"))
        line: dict[str, Any] = {"tokens": tokens, "tags": tags, "probabilities": [round(p, 6) for p in chances]}
        line |= {name.removesuffix(HAT): [row[name] for row in rows] for name in further}
        if marked:
            line["spans"] = [_placed(span, tokens, chances) for span in spans(tags)]
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
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
    """Face of `Tagger`; its predictions are a `Tagged` for each column."""

    encoders: ClassVar[Mapping[str, Callable[[pa.Table], bytes]]] = {".conll": as_conll, ".jsonl": as_json_lines}

    @classmethod
    def read(cls, path: str | Path, columns: TagColumns | None = None, *, labelled: bool = True) -> Sentences:
        """Read a CoNLL or JSON lines file; see `keepgate.data.text.sentences`."""
        columns = columns or TagColumns()
        asked = columns if labelled else replace(columns, group_column=None)  # without tags nothing is held out
        return read_sentences(path, **asdict(asked), labelled=labelled)

    def about(self, data: Any) -> list[str]:
        """Return how many sequences and tokens there are, the tags, and how they are read."""
        model, (values, tags) = self.estimator, self._truth(data)
        steps = sum(map(len, values))
        what = "tokens" if model.vocabulary_ else "frames"
        known = f"; {len(model.vocabulary_.words):,} words are known as such" if model.vocabulary_ else ""
        lines = [f"{len(values):,} sequences of {steps:,} {what}{known}"]
        for column in model.tag_columns_:
            rows = tags[column.name]
            kinds = sorted({span.kind for row in rows for span in spans(row)}) if marks_spans(rows) else []
            frequent = sorted(column.tags, key=lambda tag: -column.counts[tag])[:FREQUENT]
            shares = ", ".join(f"{tag} {column.counts[tag] / steps:.0%}" for tag in frequent)
            lines.append(f"{len(column.tags)} tags{self._of(column.name)}: {shares}")
            if kinds:
                lines.append(f"they mark spans: {listed(kinds)}")
            heat = column.temperature
            found = (
                "not calibrated, for nothing was held out" if heat is None else f"calibrated, temperature {heat:.3g}"
            )
            lines.append(f"probabilities are {found}")
        return lines

    def _truth(self, data: Any) -> tuple[Any, dict[str, Tags]]:
        """Return sequences and the tags of each of the model's columns."""
        return as_columns(data, None, [column.name for column in self.estimator.tag_columns_])

    def _of(self, name: str) -> str:
        """Return how a column is named in texts: not at all, if it is the only one."""
        return f" of column {name}" if len(self.estimator.tag_columns_) > 1 else ""

    def table(self, data: Sentences) -> pa.Table:
        """Return a row for each token: number of its sentence and its own, both from 1, the tag and its probability."""
        import pyarrow as pa

        model = self.estimator
        predictions = self.predictions(data)
        steps = [len(sequence) for sequence in as_untagged(data)]
        tokens = {"token": [token for sentence in data.tokens for token in sentence]} if model.vocabulary_ else {}
        found = {
            key: value
            for name, (tags, chances) in predictions.items()
            for key, value in (
                (f"{name}{HAT}", [tag for row in tags for tag in row]),
                ("probability" if name == next(iter(predictions)) else f"{name}_probability", np.concatenate(chances)),
            )
        }
        return pa.table(
            {
                "sentence": np.repeat(np.arange(1, len(steps) + 1), steps),
                "position": np.concatenate([np.arange(1, n + 1) for n in steps]),
                **tokens,
                **found,
            }
        )

    def predictions(self, data: Any) -> dict[str, Tagged]:
        """Return for each column the tags of each sequence, and how probable they are."""
        columns = self.estimator.tag_columns_
        return {
            column.name: Tagged(
                [[column.tags[k] for k in best] for best, _ in results],
                [probabilities[np.arange(len(best)), best] for best, probabilities in results],
            )
            for column, results in zip(columns, self.estimator.read_columns(data), strict=True)
        }

    def scores(self, data: Any, predictions: dict[str, Tagged]) -> list[dict[str, Any]]:
        """Return scores of this model, of each word's commonest tag, and of the commonest tag of all, by column.

        They are the accuracy of the tokens and, where tags mark spans, precision, recall and F1 of the spans, by exact
        match.
        """
        values, truth = self._truth(data)
        rows = []
        for column in self.estimator.tag_columns_:
            named = {"column": column.name} if len(truth) > 1 else {}
            for name, tags in self.guesses(values, predictions[column.name].tags, column).items():
                rows.append({**named, "model": name, **_summary(truth[column.name], tags)})
        empty = dict.fromkeys(max(rows, key=len), "")  # a table has the scores of spans where any column marks them
        return [empty | row for row in rows]

    def sections(self, data: Any, predictions: dict[str, Tagged], where: str) -> list[Section]:
        """Return scores, and for each column those of each class, the confusion, confidence, and the mistakes."""
        values, truth = self._truth(data)
        first = Section(f"Scores on the {where}", f"{len(values)} sequences.", self.scores(data, predictions))
        parts = [
            self._about_column(column, values, truth[column.name], predictions[column.name], where)
            for column in self.estimator.tag_columns_
        ]
        return [first, *(section for part in parts for section in part)]

    def _about_column(
        self, column: TagColumn, values: Any, truth: Tags, predictions: Tagged, where: str
    ) -> list[Section]:
        from keepgate.tasks.common.report.figures import confusion_figure

        where = f"{where}{self._of(column.name)}"
        classes = (span_scores if marks_spans(truth) else token_scores)(truth, predictions.tags)
        each = [{"class": name, **row} for name, row in classes.items() if name]
        counts = confusion(truth, predictions.tags, column.tags)
        return [
            Section(f"Each class on the {where}", rows=each),
            Section(f"Confusion on the {where}", figure=confusion_figure(counts, column.tags)),
            *self._confidence(values, truth, predictions, where),
            *self._mistakes(values, truth, predictions.tags, column),
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

    def guesses(self, values: Any, predictions: Tags, column: TagColumn) -> dict[str, Tags]:
        """Return tags of sequences by this model and by the baselines: each word's commonest tag, that of all words."""
        model = self.estimator
        commonest = max(column.tags, key=lambda tag: column.counts[tag])
        rows = {model.cell_name(): predictions}
        if model.vocabulary_:
            by_word = [[column.commonest.get(word, commonest) for word in sentence] for sentence in values]
            rows["commonest tag of the word"] = by_word
        return {**rows, "commonest tag": [[commonest] * len(sentence) for sentence in values]}

    def _mistakes(self, values: Any, truth: Tags, predictions: Tags, column: TagColumn) -> list[Section]:
        wrong = [i for i, (a, b) in enumerate(zip(truth, predictions, strict=True)) if list(a) != list(b)]
        if not wrong or self.estimator.vocabulary_ is None:
            return []
        lines = [" ".join(map(_marked, values[i], truth[i], predictions[i])) for i in wrong[:SHOWN]]
        text = (
            f"{len(wrong)} of {len(truth)} sequences have a mistake; in the first ones, [token: true tag, given tag]."
        )
        return [Section(f"Mistakes{self._of(column.name)}", text, listing="\n\n".join(lines))]


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

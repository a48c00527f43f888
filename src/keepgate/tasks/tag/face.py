"""The command-line side of tagging: CoNLL files, tables of tags, scores next to the commonest tags, and the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from keepgate.data.text.running import RunningText, read_running_text
from keepgate.data.text.sentences import Sentences, read_sentences
from keepgate.errors import listed
from keepgate.tasks.common.face import Face
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.tag.columns import TagColumn
from keepgate.tasks.tag.extraction import span_score
from keepgate.tasks.tag.inputs import as_columns, as_untagged
from keepgate.tasks.tag.parameters import TagColumns
from keepgate.tasks.tag.scores import marks_spans, span_scores, spans, token_scores
from keepgate.tasks.tag.writing import HAT, TEXTS, as_conll, as_json_lines

if TYPE_CHECKING:
    import pyarrow as pa

FREQUENT = 5  # tags that are named
PICTURED = 12  # sentences in the picture of spans
SHOWN = 20  # sentences with mistakes in the report

Tags = list[list[str]]


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

    def read_running(self, path: str | Path) -> RunningText:
        """Read a file of running text; see `keepgate.data.text.running`."""
        return read_running_text(path)

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
        """Return a row for each token: number of its sentence and its own, both from 1, the tag and its probability.

        Of running text, also the number of its text, and where in it the token begins and ends.
        """
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
        table = pa.table(
            {
                "sentence": np.repeat(np.arange(1, len(steps) + 1), steps),
                "position": np.concatenate([np.arange(1, n + 1) for n in steps]),
                **tokens,
                **_places(data, steps),
                **found,
            }
        )
        return (
            table.replace_schema_metadata({TEXTS: json.dumps(data.texts)}) if isinstance(data, RunningText) else table
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


def _places(data: Any, steps: Sequence[int]) -> dict[str, np.ndarray]:
    """Return of each token of running text the number of its text, from 1, and where in it the token is."""
    if not isinstance(data, RunningText):
        return {}
    begin, end = np.concatenate(data.places).T
    return {"text": np.repeat(np.array(data.of_text) + 1, steps), "begin": begin, "end": end}


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

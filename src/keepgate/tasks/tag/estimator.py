"""`Tagger`: a tag for every token of a sentence or frame of a signal."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import torch

from keepgate import limits, schema
from keepgate import networks as blocks
from keepgate.data.arrays import as_sequences
from keepgate.data.text.sentences import Sentences, read_sentences
from keepgate.errors import InputError, quoted
from keepgate.objectives import LinearChainCRF
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.given import as_list
from keepgate.tasks.common.parameters import EPOCHS, SHARE, SIZE, STRENGTH, param
from keepgate.tasks.common.pretrained import INIT, begin_with
from keepgate.tasks.common.report.figures import confusion_figure
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.common.sessions import check_alike, each_utterance, in_sessions, loss_of_turns
from keepgate.tasks.registry import load
from keepgate.tasks.tag.examples import SentenceExamples, Vocabulary
from keepgate.tasks.tag.network import FrameExamples, TaggerNetwork, frames_encoded, tagger, tokens_encoded
from keepgate.tasks.tag.scores import breaks_span, marks_spans, span_scores, token_scores

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

SHOWN = 20  # sentences with mistakes in the report


@dataclass(frozen=True, kw_only=True)
class TagColumns:
    """Columns of a CoNLL file, counted from 1."""

    token_column: int | None = param(
        None, "CoNLL: column of the tokens (none: the first; in CoNLL-U the second)", minimum=1, maximum=10_000
    )
    tag_column: int | None = param(
        None, "CoNLL: column of the tags (none: the last; in CoNLL-U the fourth)", minimum=1, maximum=10_000
    )
    session_column: str | None = param(
        None,
        "carry the state through the sentences of a session: JSON lines, the key that names it; CoNLL, the comment "
        "that begins it, such as newdoc (none: every sentence begins anew)",
    )


@dataclass(eq=False, repr=False, kw_only=True)
class Tagger(Estimator):
    """Recurrent tagger of sentences, or of sequences of numbers with a label for each step.

    X is a list of N sentences, each a list of tokens; or a list of N arrays [T_i, C] of frames; or the `Sentences` of
    `read`, which carry their tags. y is a list of N lists of tags, as many as tokens or frames. A token is known by a
    vector learned for the word and by its characters, which a recurrent layer of the same cell reads. Where `Sentences`
    have sessions, in training and later, a sentence begins in the state that the one before it in its session ended in
    (the forward direction's).

    >>> X = [["the", "cat", "sleeps"], ["a", "dog", "barks"], ["the", "dog", "sleeps"]] * 10
    >>> tagger = Tagger(epochs=10, hidden_size=16).fit(X, [["DET", "NOUN", "VERB"]] * 30)
    >>> tagger.predict([["a", "cat", "barks"]])
    [['DET', 'NOUN', 'VERB']]

    `fit` sets, beside the attributes of `Estimator`: `tags_`, sorted; `tag_counts_`, how often each was in the training
    data; `commonest_`, the commonest tag of each word; `vocabulary_`, or for frames `n_features_in_`, their channels;
    `carries_`, whether the state is carried through sessions; `crf_`, whether neighbouring tags are scored together.
    """

    task: ClassVar[str] = "tag"
    formats: ClassVar[tuple[str, ...]] = (".conll", ".conllu", ".tsv", ".txt", ".jsonl", "each also .gz")
    Columns: ClassVar[type] = TagColumns
    FITTED: ClassVar[schema.Check] = schema.record(
        tags=schema.several(schema.items(schema.text(), schema.whole(0, 2**53)), 2),
        vocabulary=schema.optional(
            schema.record(
                words=schema.several(schema.text(), distinct=True),
                characters=schema.several(schema.text(1, 1), distinct=True),
            )
        ),
        commonest=schema.table(schema.text()),
        n_channels=schema.optional(schema.whole(1, 1_000_000)),
        carries=schema.boolean,
        crf=schema.boolean,
    )

    hidden_size: int = param(200, "units of each layer and direction", **SIZE)
    bidirectional: bool = param(True, "read the sequence in both directions")
    dropout: float = param(0.5, "share of activations dropped while training, the same for a whole sequence", **SHARE)
    word_size: int = param(100, "size of the vector learned for a word", **SIZE)
    character_size: int = param(64, "units a direction of the layer that reads a word's characters", **SIZE)
    least_count: int = param(
        2, "words that occur less often are known by their characters alone", minimum=1, maximum=2**31
    )
    word_dropout: float = param(0.25, "share of words taken for unknown while training", **SHARE)
    crf: bool | None = param(
        None, "score neighbouring tags together, by a conditional random field (none: where B-, I- and O mark spans)"
    )
    init: str | None = param(None, INIT)
    epochs: int = param(15, "passes over the training data", **EPOCHS)
    learning_rate: float = param(3e-3, "highest step size of the optimizer", **STRENGTH)

    network_: TaggerNetwork = field(init=False)
    vocabulary_: Vocabulary | None = field(init=False)
    n_features_in_: int | None = field(init=False)

    def fit(self, X: Any, y: Any = None, *, valid: Any = None, run: str | Path | None = None) -> Tagger:
        """Train on sequences X and their tags y and return self.

        valid: `(X, y)` or `Sentences`, held out to choose the best epoch (and to stop early, see `patience`); without
        it the last epoch's weights are kept. run: a folder for `metrics.jsonl` and the state of the training; the same
        call with the same folder resumes a training that was interrupted.

        Raises InputError for data without tags, a number of tags that differs from that of tokens, or fewer than two
        different tags.
        """
        self.check_parameters()
        values, tags = self._pairs(X, y)
        self.tag_counts_ = Counter(tag for sentence in tags for tag in sentence)
        self.tags_ = sorted(self.tag_counts_)
        limits.check("classes", len(self.tags_), "the training data")
        if len(self.tags_) < 2:
            raise InputError(f"all tokens have the tag {quoted(self.tags_[0])}; a tagger needs at least two tags")
        self.crf_ = marks_spans(tags) if self.crf is None else self.crf
        self.vocabulary_ = Vocabulary.of(values, self.least_count) if _are_sentences(values) else None
        self.n_features_in_ = None if self.vocabulary_ else values[0].shape[1]
        self.commonest_ = commonest(values, tags) if self.vocabulary_ else {}
        groups, held_out = _groups(X), None
        self.carries_ = groups is not None
        if valid is not None:
            check_alike(groups, _groups(valid))
            pair = valid if isinstance(valid, tuple) else (valid, None)
            held_out = in_sessions(self._examples(*self._pairs(*pair)), _groups(valid))
        self.network_ = self.new_network()
        if self.network_.standardise is not None:
            self.network_.standardise.fit(values)
        if self.init is not None:
            begin_with(self.init, load(self.init, "cpu").network_, self.network_)
        examples = in_sessions(self._examples(values, tags), groups)
        loss = loss_of_turns if self.carries_ else TaggerNetwork.loss
        self.train_network(loss, examples, held_out, run)
        if self.network_.crf is not None:
            bar(self.network_.crf, self.tags_, tags)
        return self

    def predict(self, X: Any) -> list[list[str]]:
        """The tag of each token or frame: the most probable one; with `crf`, that of the most probable path."""
        return [[self.tags_[k] for k in best] for best, _ in self._read(X)]

    def predict_proba(self, X: Any) -> list[np.ndarray]:
        """Probabilities, N arrays [T_i, K] float64, of the tags in the order of `tags_`; with `crf`, over all paths."""
        return [probabilities for _, probabilities in self._read(X)]

    def _read(self, X: Any) -> list[tuple[np.ndarray, np.ndarray]]:
        """The numbers of the best tags [T_i] of each sequence, and the probabilities [T_i, K] of all."""
        self.check_fitted()
        examples = in_sessions(self._examples(self._values(X)), _groups(X) if self.carries_ else None)
        return each_utterance(self, examples, self._read_batch)

    def _read_batch(self, batch: Any, state: Any) -> tuple[list[tuple[np.ndarray, np.ndarray]], Any]:
        given, lengths, _ = batch
        scores, state = self.network_.scan(given, lengths, state)
        found = (values.cpu().numpy() for values in self.network_.read(scores, lengths))
        return [(best[:n], p[:n]) for best, p, n in zip(*found, lengths.tolist(), strict=True)], state

    # Files, tables and the report

    @classmethod
    def read(cls, path: str | Path, columns: TagColumns | None = None, *, labelled: bool = True) -> Sentences:
        """Read a CoNLL or JSON lines file; see `keepgate.data.text.sentences`."""
        return read_sentences(path, **asdict(columns or TagColumns()), labelled=labelled)

    def predict_table(self, data: Any) -> pa.Table:
        """A row for each token: number of its sentence and its own, both from 1, the tag, and its probability."""
        found = self._read(data)
        steps = [len(best) for best, _ in found]
        tokens = {"token": [token for sentence in data.tokens for token in sentence]} if self.vocabulary_ else {}
        best, probabilities = (np.concatenate(values) for values in zip(*found, strict=True))
        return pa.table(
            {
                "sentence": np.repeat(np.arange(1, len(steps) + 1), steps),
                "position": np.concatenate([np.arange(1, n + 1) for n in steps]),
                **tokens,
                "tag_hat": [self.tags_[k] for k in best],
                "probability": np.take_along_axis(probabilities, best[:, None], axis=1)[:, 0],
            }
        )

    def evaluate(self, data: Any) -> list[dict[str, Any]]:
        """Scores of this model, of each word's commonest tag, and of the commonest tag of all.

        Accuracy of the tokens; and, where tags mark spans, precision, recall and F1 of the spans, by exact match.
        """
        _, truth = self._pairs(data, None)
        return [self._row(name, truth, guess) for name, guess in self.guesses(data).items()]

    def sections(self, data: Any, valid: Any) -> list[Section]:
        """Scores, those of each class, the confusion of tags, and the sentences with mistakes."""
        shown, where = (data, "training data") if valid is None else (valid, "held-out data")
        values, truth = self._pairs(shown, None)
        guesses = self.guesses(shown)
        guess = guesses[self.cell_name()]
        rows = [self._row(name, truth, tags) for name, tags in guesses.items()]
        classes = (span_scores if marks_spans(truth) else token_scores)(truth, guess)
        each = [{"class": name, **row} for name, row in classes.items() if name]
        number = {tag: k for k, tag in enumerate(self.tags_)}
        counts = np.zeros((len(self.tags_), len(self.tags_)), dtype=int)
        for right, given in zip(truth, guess, strict=True):
            for a, b in zip(right, given, strict=True):
                if a in number:
                    counts[number[a], number[b]] += 1
        return [
            Section(f"Scores on the {where}", f"{len(values)} sequences.", rows),
            Section(f"Each class on the {where}", rows=each),
            Section(f"Confusion on the {where}", figure=confusion_figure(counts, self.tags_)),
            *self._mistakes(values, truth, guess),
        ]

    def _mistakes(self, values: Any, truth: Any, guess: Any) -> list[Section]:
        wrong = [i for i, (a, b) in enumerate(zip(truth, guess, strict=True)) if list(a) != list(b)]
        if not wrong or self.vocabulary_ is None:
            return []
        lines = [" ".join(map(_marked, values[i], truth[i], guess[i])) for i in wrong[:SHOWN]]
        text = (
            f"{len(wrong)} of {len(truth)} sequences have a mistake; in the first ones, [token: true tag, given tag]."
        )
        return [Section("Mistakes", text, listing="\n\n".join(lines))]

    def guesses(self, X: Any) -> dict[str, list[list[str]]]:
        """Tags of sequences by this model and by the baselines: each word's commonest tag, and the commonest of all."""
        most = max(self.tags_, key=lambda tag: self.tag_counts_[tag])
        found, values = {self.cell_name(): self.predict(X)}, self._values(X)
        if self.vocabulary_:
            found["commonest tag of the word"] = [[self.commonest_.get(word, most) for word in s] for s in values]
        return {**found, "commonest tag": [[most] * len(s) for s in values]}

    def _row(self, name: str, truth: Any, guess: Any) -> dict[str, Any]:
        row = {"model": name, "accuracy": token_scores(truth, guess)[""]["F1"]}
        if marks_spans(truth):
            row |= {f"span {key}": value for key, value in span_scores(truth, guess)[""].items() if key != "count"}
        return row

    # The model file

    def fitted(self) -> dict[str, Any]:
        """Tags and what tokens or frames are."""
        return {
            "tags": [[tag, self.tag_counts_[tag]] for tag in self.tags_],
            "vocabulary": self.vocabulary_ and asdict(self.vocabulary_),
            "commonest": self.commonest_,
            "n_channels": self.n_features_in_,
            "carries": self.carries_,
            "crf": self.crf_,
        }

    def restore(self, fitted: dict[str, Any]) -> None:
        """Set what `fitted` returned and build the network."""
        self.tag_counts_ = Counter(dict(fitted["tags"]))
        self.tags_ = sorted(self.tag_counts_)
        self.vocabulary_ = fitted["vocabulary"] and Vocabulary(**fitted["vocabulary"])
        self.commonest_, self.n_features_in_ = fitted["commonest"], fitted["n_channels"]
        self.carries_, self.crf_ = fitted["carries"], fitted["crf"]
        if (self.vocabulary_ is None) == (self.n_features_in_ is None):
            raise InputError("fitted says a vocabulary or a number of channels, and not both")
        if unknown := [tag for tag in self.commonest_.values() if tag not in self.tag_counts_]:
            raise InputError(f"fitted.commonest has {quoted(unknown[0])}, which is none of the tags")
        self.network_ = self._network()

    def to_onnx(self, graph: Graph) -> None:
        """Emit what is between numbers of tokens, or frames, and tags; see `keepgate.export.onnx`."""
        self.check_fitted()
        graph.metadata["tags"] = json.dumps(self.tags_)
        shape = f"[B, T, {len(self.tags_)}]"
        inputs = {"lengths": ("lengths", "tokens or frames of each sequence, 1 to T, [B]")}
        if self.vocabulary_:
            graph.metadata |= {name: json.dumps(known) for name, known in asdict(self.vocabulary_).items()}
            inputs |= {
                "words": (
                    "words",
                    "numbers of the words (the metadata's count from 2; 1: unknown, 0: padding), [B, T]",
                ),
                "forms": ("forms", "different tokens by the numbers of their characters, counted alike, [U, L]"),
                "form_lengths": ("form_lengths", "characters of each of these, [U]"),
                "places": ("places", "which of them stands where, [B, T]"),
            }
        else:
            inputs["frames"] = (
                "input",
                f"frames as they are in the data, padded at the end, [B, T, {self.n_features_in_}]",
            )
        chances = ("probabilities", f"of the tags in the metadata's order, {shape}")
        if self.crf_:
            path = ("tags", "numbers of the tags of the most probable path, -1 past a length, [B, T]")
            return self.emit_network(graph, inputs, {"crf": path, "crf.marginals": chances})
        return self.emit_network(graph, inputs, {"probabilities": chances})

    def _network(self) -> TaggerNetwork:
        given = self._plain_parameters()
        if self.vocabulary_:
            size = given["character_size"]
            spelling = blocks.Recurrent(self.equations_, size, size, bidirectional=True)
            encoder = tokens_encoded(*self.vocabulary_.sizes, given["word_size"], spelling, given["word_dropout"])
        else:
            assert self.n_features_in_ is not None
            encoder = frames_encoded(self.n_features_in_)
        reading = blocks.Crf(len(self.tags_)) if self.crf_ else blocks.Softmax()
        description = tagger(encoder, self.layers(encoder[-1]), len(self.tags_), given["dropout"], reading)
        return TaggerNetwork(description, self.backend)

    def _values(self, X: Any) -> Any:
        values = _values(X)
        if self.vocabulary_:
            if not _are_sentences(values):
                raise InputError("X holds arrays of frames where the model was fitted to sentences of tokens")
            return values
        return as_sequences(values, self.n_features_in_)

    def _pairs(self, X: Any, y: Any) -> tuple[Any, list[list[str]]]:
        """Checked sequences, and the tags of each."""
        values = _values(X)
        tags = X.tags if y is None and isinstance(X, Sentences) else y
        if tags is None:
            raise InputError("there are no tags: give y, a list of tags for each sequence")
        tags = [as_list(f"y[{i}]", row, "tags") for i, row in enumerate(as_list("y", tags, "lists of tags"))]
        if len(values) != len(tags):
            raise InputError(f"inconsistent numbers of samples: {len(values)} sequences in X, {len(tags)} in y")
        for i, (value, row) in enumerate(zip(values, tags, strict=True)):
            if len(value) != len(row):
                raise InputError(f"X[{i}] has {len(value)} tokens or frames, y[{i}] {len(row)} tags")
        return values, [[str(tag) for tag in row] for row in tags]

    def _examples(self, values: Any, tags: Any = None) -> SentenceExamples | FrameExamples:
        number = {tag: k for k, tag in enumerate(self.tags_)}
        targets = None
        if tags is not None:
            targets = [np.array([number.get(tag, -1) for tag in row], dtype=np.int64) for row in tags]
        if self.vocabulary_:
            return SentenceExamples(values, self.vocabulary_, targets)
        return FrameExamples(values, targets)


def commonest(sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]) -> dict[str, str]:
    """The tag that each word has most often; of two as frequent the first in the alphabet."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence, row in zip(sentences, tags, strict=True):
        for word, tag in zip(sentence, row, strict=True):
            counts[word][tag] += 1
    return {word: min(count, key=lambda tag: (-count[tag], tag)) for word, count in counts.items()}


def bar(crf: LinearChainCRF, names: Sequence[str], seen: Sequence[Sequence[str]]) -> None:
    """Forbid what breaks a span in a trained CRF, an I- after another kind, unless the training data `seen` have it.

    Done after training: a held-out sentence that is marked wrongly would have an infinite loss.
    """
    if not marks_spans(seen):
        return
    pairs = {pair for row in seen for pair in pairwise([None, *row])}
    with torch.no_grad():
        for k, name in enumerate(names):
            for j, before in enumerate([*names, None]):
                if breaks_span(before, name) and (before, name) not in pairs:
                    (crf.start if before is None else crf.transitions[j])[k] = -torch.inf


def _are_sentences(values: Sequence[Any]) -> bool:
    return all(isinstance(item, str) for item in values[0])


def _values(X: Any) -> Any:
    """Sentences as lists of tokens, anything else as arrays of frames."""
    values = X.tokens if isinstance(X, Sentences) else X
    if isinstance(values, np.ndarray) and (values.dtype != object or values.ndim != 1):
        return as_sequences(values)
    values = as_list("X", values, "sentences, each a list of tokens, or of arrays of frames")
    if not isinstance(values[0], (list, tuple)) or not all(isinstance(item, str) for item in values[0]):
        return as_sequences(values)
    for i, sentence in enumerate(values):
        if (
            not isinstance(sentence, (list, tuple))
            or not len(sentence)
            or not all(isinstance(t, str) and t for t in sentence)
        ):
            raise InputError(f"X[{i}] is no list of tokens, each a text that is not empty")
    return values


def _groups(X: Any) -> list[str] | None:
    """The session of each sentence, where X says so."""
    return X.groups if isinstance(X, Sentences) else None


def _marked(token: str, right: str, given: str) -> str:
    return token if right == given else f"[{token}: {right}, {given}]"

"""`Tagger`: a tag for every token of a sentence or frame of a signal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from keepgate import networks as blocks
from keepgate import schema
from keepgate.data.arrays import as_sequences
from keepgate.data.text.running import cut_texts
from keepgate.data.text.sentences import Sentences
from keepgate.data.text.vectors import WIDEST, Vectors
from keepgate.errors import InputError, listed, quoted
from keepgate.tasks.common.class_weights import to_text
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.given import as_list
from keepgate.tasks.common.parameters import estimator
from keepgate.tasks.common.pretrained import begin_with
from keepgate.tasks.common.sessions import (
    TURNS,
    Sessions,
    check_alike,
    each_utterance,
    in_sessions,
    loss_of_turns,
    of_turns,
)
from keepgate.tasks.registry import load
from keepgate.tasks.tag import columns
from keepgate.tasks.tag.columns import TagColumn, weights_of
from keepgate.tasks.tag.confidence import scored, tag_temperature
from keepgate.tasks.tag.examples import FrameExamples, SentenceExamples, VectorWords, Vocabulary, vectors_of
from keepgate.tasks.tag.exporting import emit
from keepgate.tasks.tag.extraction import Extract, of_running
from keepgate.tasks.tag.inputs import MAIN, are_sentences, as_columns, as_untagged, sessions_of
from keepgate.tasks.tag.language import (
    LANGUAGES,
    Language,
    Texts,
    context_encoder,
    learned,
    loaded,
)
from keepgate.tasks.tag.network import (
    TaggerNetwork,
    forbid_broken_spans,
    frame_encoder,
    prefixed,
    tagger,
    token_encoder,
    vector_encoder,
)
from keepgate.tasks.tag.parameters import TaggerParameters
from keepgate.tasks.tag.scores import marks_spans, span_scores, token_scores
from keepgate.tasks.tag.selection import tag_score
from keepgate.training import Examples
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

MOST_COLUMNS = 100
TOKENS = 320  # of an update that counts for one, where it is asked how often the data are read
CACHED = 2**30  # bytes of context that are kept for training, so that language models read a sentence once
LANGUAGE = {"hidden_size": 512, "embedding_size": 64, "window": 64}  # parameters of models of unlabelled text


@estimator
class Tagger(TaggerParameters, columns.Columns, Estimator):
    """Recurrent tagger of sentences, or of sequences of numbers with a label for each step.

    X is a list of N sentences, each a list of tokens; or a list of N arrays [T_i, C] of frames; or the `Sentences` of
    a file, which carry their tags. y is a list of N lists of tags, as many as tokens or frames; or a mapping of several
    columns to such lists, which one network learns together: predictions are such mappings then. A token is represented
    by a vector learned for the word and by its characters, which a recurrent layer of the same cell reads. Where
    `Sentences` have sessions, in training and later, a sentence begins in the state that the one before it in its
    session ended in (the forward direction's).

    >>> X = [["the", "cat", "sleeps"], ["a", "dog", "barks"], ["the", "dog", "sleeps"]] * 10
    >>> tagger = Tagger(epochs=10, hidden_size=16).fit(X, [["DET", "NOUN", "VERB"]] * 30)
    >>> tagger.predict([["a", "cat", "barks"]])
    [['DET', 'NOUN', 'VERB']]

    Attributes:
        tag_columns_: the columns of tags, `TagColumn`s. What follows is the first one's, up to `temperature_`:
        tags_: sorted.
        tag_counts_: how often each is in the training data.
        commonest_: the commonest tag of each word.
        crf_: whether neighboring tags are scored together.
        temperature_: what all scores were divided by, so that probabilities are calibrated on the held-out part; None:
            there was none.
        vocabulary_: words and characters; None for frames.
        vectors_: the words that have a vector that was learned elsewhere: those of the training data, and the first
            50,000 of the file; None: there are none.
        vector_size_: size of such a vector; None.
        languages_: the language models that read sentences; none, one, or one for each direction.
        n_features_in_: channels of frames; None for sentences.
        carries_: whether the state is carried through sessions.
        equations_, network_, history_, columns_: as in every estimator of keepgate.
    """

    STATE: ClassVar[schema.Check] = schema.record(
        **columns.STATE,
        further=schema.several(schema.record(**columns.STATE), most=MOST_COLUMNS),
        vocabulary=schema.optional(
            schema.record(
                words=schema.several(schema.text(), distinct=True),
                characters=schema.several(schema.text(1, 1), distinct=True),
            )
        ),
        vector_words=schema.optional(schema.several(schema.text(), distinct=True)),
        vector_size=schema.optional(schema.whole(1, WIDEST)),
        languages=LANGUAGES,
        n_channels=schema.optional(schema.whole(1, 1_000_000)),
        carries=schema.boolean,
    )

    later: ClassVar[Mapping[str, Any]] = {
        **{"select": "loss", "vectors": None, "vector_words": None, "vector_size": None},
        **{"unlabelled": None, "language": (), "languages": (), "temperature": None, "group_column": None},
        **{"class_weight": None, "column": MAIN, "further": (), "further_columns": ()},
    }

    UPDATES: ClassVar[int] = 2_000
    PASSES: ClassVar[tuple[int, int]] = (15, 200)

    network_: TaggerNetwork = field(init=False)
    tag_columns_: list[TagColumn] = field(init=False)
    vocabulary_: Vocabulary | None = field(init=False)
    vectors_: VectorWords | None = field(init=False)
    vector_size_: int | None = field(init=False)
    languages_: list[Language] = field(init=False)
    n_features_in_: int | None = field(init=False)

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        valid: Any = None,
        run: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Tagger:
        """Train on tagged sequences and return self.

        Args:
            X: the sequences.
            y: their tags, or a mapping of columns to them; None: those that X carries.
            valid: `(X, y)` or `Sentences`, held out to choose the best epoch (and to stop early, see `patience`);
                without it the last epoch's weights are kept.
            run: folder for `metrics.jsonl` and the state of the training; the same call with the same folder resumes
                an interrupted training.
            callbacks: functions of each epoch's row and the network; see `keepgate.training.train`.

        Raises:
            InputError: there are no tags, not one for each token or frame, or fewer than two different ones.
        """
        self.check_parameters()
        values, tags = as_columns(X, y)
        words = values if are_sentences(values) else None
        self.tag_columns_ = [TagColumn.of(name, words, rows, self.crf) for name, rows in tags.items()]
        self.vocabulary_ = Vocabulary.of(values, self.least_count) if are_sentences(values) else None
        self.n_features_in_ = None if self.vocabulary_ else values[0].shape[1]
        vectors, languages = self._read_vectors(values), self._learn_languages(values, run)
        groups, held_out = sessions_of(X), None
        self.carries_ = groups is not None
        self.network_ = self.new_network()
        if self.network_.standardise is not None:
            self.network_.standardise.fit(values)
        if vectors is not None:
            self.network_.take_vectors(vectors.values)
        self.network_.take_languages(languages)
        self.network_.weigh(weights_of(self.tag_columns_, self.class_weight))
        if self.init is not None:
            begin_with(self.init, load(self.init, "cpu").network_, self.network_)
        if valid is not None:
            check_alike(groups, sessions_of(valid))
            pair = valid if isinstance(valid, tuple) else (valid, None)
            held_out = in_sessions(self._to_learn(*as_columns(*pair, names=list(tags))), sessions_of(valid))
        examples = in_sessions(self._to_learn(values, tags), groups)
        loss, window = (loss_of_turns, TURNS) if self.carries_ else (TaggerNetwork.loss, None)
        score = tag_score(self.select, self.tags_, spanned=marks_spans(next(iter(tags.values()))))
        score = of_turns(score) if score and self.carries_ else score
        sources = X.sources if isinstance(X, Sentences) and not self.carries_ else None
        self.train_network(loss, examples, held_out, run, window, callbacks=callbacks, score=score, groups=sources)
        self.network_.cool(*(column.temperature or 1.0 for column in self.tag_columns_))
        for k, (column, rows) in enumerate(zip(self.tag_columns_, tags.values(), strict=True)):
            if (crf := self.network_.field(k)) is not None:
                forbid_broken_spans(crf, column.tags, rows)
        return self

    def passes(self, data: Examples, window: int | None = None) -> int:
        """Return the passes over data that `epochs` asks for, or where it is None, those that learning takes.

        An update from long sequences counts for several, by the tokens or frames in it.
        """
        inner = data.examples if isinstance(data, Sessions) else data
        tokens = sum(inner.length(i) for i in range(len(inner)))
        updates = max(len(inner) / int(self.batch_size), tokens / TOKENS)
        fewest, most = self.PASSES
        return int(self.epochs) if self.epochs else min(max(math.ceil(self.UPDATES / updates), fewest), most)

    def calibrate(self, held_out: Examples) -> None:
        """Find the temperatures by which all scores are divided in the end."""
        for k, column in enumerate(self.tag_columns_):
            rows = self.each_example(*scored(self.network_, held_out, k))
            column.temperature = tag_temperature(self.network_.field(k), rows)

    def predict(self, X: Any) -> Any:
        """Return the tag of each token or frame: the most probable one; with `crf`, that of the most probable path.

        Several columns give a mapping of their names to such lists.
        """
        named = zip(self.tag_columns_, self.read_columns(X), strict=True)
        return self._by_name([[[column.tags[k] for k in best] for best, _ in found] for column, found in named])

    def predict_proba(self, X: Any) -> Any:
        """Return probabilities, N arrays [T_i, K] float64, of the tags as in `tags_`; with `crf`, over all paths.

        Several columns give a mapping of their names to such lists.
        """
        return self._by_name([[probabilities for _, probabilities in found] for found in self.read_columns(X)])

    def _by_name(self, each: list[Any]) -> Any:
        return each[0] if len(each) == 1 else {c.name: found for c, found in zip(self.tag_columns_, each, strict=True)}

    def score(self, X: Any, y: Any = None) -> float:
        """Return F1 of the spans where B-, I- and O (or B-, I-, E-, S- and O) mark spans, else the share of right tags.

        Args:
            X: the sequences.
            y: their tags, or a mapping of columns to them; None: those that X carries.

        Returns:
            Of several columns the mean.
        """
        self.check_fitted()
        values, truth = as_columns(X, y, [column.name for column in self.tag_columns_])
        found = self.predict(values if y is not None else X)
        each = [found] if len(truth) == 1 else found.values()
        pairs = zip(truth.values(), each, strict=True)
        return float(np.mean([(span_scores if marks_spans(a) else token_scores)(a, b)[""]["F1"] for a, b in pairs]))

    def read_off(self, X: Any) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the numbers of the best tags [T_i] of each sequence, and the probabilities [T_i, K] of all.

        They are those of the first column; see `read_columns`.
        """
        return self.read_columns(X)[0]

    def read_columns(self, X: Any) -> list[list[tuple[np.ndarray, np.ndarray]]]:
        """Return for each column what `read_off` returns for the first."""
        self.check_fitted()
        examples = in_sessions(self._examples(self.checked(X)), sessions_of(X) if self.carries_ else None)
        return [list(found) for found in zip(*each_utterance(self, examples, self._read_batch), strict=True)]

    def extract(self, texts: Sequence[str]) -> list[list[Extract]]:
        """Return what is found in running texts, each cut into sentences and words by rules for English.

        Args:
            texts: as people write them.

        Returns:
            For each text the spans that the tags of the first column mark, with kind, text, place and score.

        Raises:
            InputError: the model reads frames, its tags mark no spans, or no text has a word.
            MissingExtraError: NLTK is not installed.
        """
        self.check_fitted()
        if not marks_spans([self.tags_]):
            raise InputError(f"the tags ({listed(self.tags_)}) mark no spans: `predict` has a tag for each word")
        data = cut_texts([str(text) for text in as_list("texts", texts, "texts")])
        return of_running(data, self.tags_, self.read_off(data))

    def _read_batch(self, batch: Any, state: Any) -> tuple[list[list[tuple[np.ndarray, np.ndarray]]], Any]:
        inputs, lengths, _ = batch
        scores, state = self.network_.scan_all(inputs, lengths, state)
        read = [[part.cpu().numpy() for part in self.network_.read(row, lengths, k)] for k, row in enumerate(scores)]
        return [[(best[i, :n], p[i, :n]) for best, p in read] for i, n in enumerate(lengths.tolist())], state

    def state_to_json(self) -> dict[str, Any]:
        """Return tags and what tokens or frames are."""
        return {
            **self.tag_columns_[0].to_json(),
            "further": [column.to_json() for column in self.tag_columns_[1:]],
            "vocabulary": self.vocabulary_ and asdict(self.vocabulary_),
            "vector_words": self.vectors_ and self.vectors_.words,
            "vector_size": self.vector_size_,
            "languages": [language.to_json() for language in self.languages_],
            "n_channels": self.n_features_in_,
            "carries": self.carries_,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Set tags, what tokens or frames are, and the network."""
        self.tag_columns_ = [TagColumn.from_json(column) for column in (state, *state["further"])]
        self.vocabulary_ = state["vocabulary"] and Vocabulary(**state["vocabulary"])
        self.vectors_ = state["vector_words"] and VectorWords(state["vector_words"])
        self.vector_size_ = state["vector_size"]
        self.languages_ = [Language.from_json(language) for language in state["languages"]]
        self.n_features_in_, self.carries_ = state["n_channels"], state["carries"]
        if (self.vocabulary_ is None) == (self.n_features_in_ is None):
            raise InputError("fitted says a vocabulary or a number of channels, and not both")
        if (self.vectors_ is None) != (self.vector_size_ is None):
            raise InputError("fitted says the words and the size of vectors, or neither")
        if self.vocabulary_ is None and (self.vectors_ or self.languages_):
            raise InputError("fitted says vectors or language models where there are no words")
        self.network_ = self.build_network(int(self.ensemble))

    def to_onnx(self, graph: Graph) -> None:
        """Emit what is between numbers of tokens, or frames, and tags; see `keepgate.export.onnx`."""
        self.check_fitted()
        emit(self, graph)

    def build_network(self, members: int = 1) -> TaggerNetwork:
        """Return the network, untrained.

        Of an ensemble the mean is taken of the probabilities of tags, or of all scores of the random field.
        """
        values = self.plain_parameters()
        if self.vocabulary_:
            size = values["character_size"]
            spelling = blocks.Recurrent(self.equations_, size, size, bidirectional=True)
            further = [vector_encoder(self.vectors_.size, int(self.vector_size_ or 0))] if self.vectors_ else []
            further += [context_encoder(self.languages_)] if self.languages_ else []
            sizes = (*self.vocabulary_.sizes, values["word_size"])
            encoder = token_encoder(*sizes, spelling, values["word_dropout"], further)
        else:
            assert self.n_features_in_ is not None
            encoder = frame_encoder(self.n_features_in_)
        heads = [(len(c.tags), blocks.Crf(len(c.tags)) if c.crf else blocks.Softmax()) for c in self.tag_columns_]
        layers = self.layers(encoder[-1], bidirectional=values["bidirectional"])
        (tags, reading), *further = heads
        description = tagger(encoder, layers, tags, values["dropout"], reading, further)
        if members > 1:
            averages = {
                f"{prefix}output": blocks.Average(probabilities=not column.crf)
                for prefix, column in prefixed(self.tag_columns_)
            }
            description = blocks.ensemble(description, members, averages, ("encoder.vectors", "language"))
        return TaggerNetwork(description, self.backend)

    def checked(self, X: Any) -> Any:
        """Return sequences, checked to be of the kind that was trained on."""
        values = as_untagged(X)
        if self.vocabulary_:
            if not are_sentences(values):
                raise InputError("X holds arrays of frames where the model was fitted to sentences of tokens")
            return values
        return as_sequences(values, self.n_features_in_)

    def plain_parameters(self) -> dict[str, Any]:
        """Return the parameters as Python values, weights of tags as text."""
        return {**super().plain_parameters(), "class_weight": to_text(self.class_weight)}

    def _read_vectors(self, values: Any) -> Vectors | None:
        """Set which words have a vector that was learned elsewhere; return these vectors, of one spread."""
        self.vectors_ = self.vector_size_ = None
        if self.vectors is None:
            return None
        self._only_of_words("vectors", self.vectors)
        learned = vectors_of(self.vectors, values)
        self.vectors_, self.vector_size_ = VectorWords(learned.words), learned.values.shape[1]
        return learned

    def _learn_languages(self, values: Any, run: str | Path | None) -> list[Any]:
        """Set the language models that read sentences, and return them."""
        models: list[Any] = []
        if self.language:
            self._only_of_words("language", self.language)
            models = loaded(self.language)
        elif self.unlabelled is not None:
            self._only_of_words("unlabelled", self.unlabelled)
            alike = {name: getattr(self, name) for name in ("seed", "backend", "device", "threads", "progress")}
            models = learned(self.unlabelled, values, run, **LANGUAGE, **alike)
        self.languages_ = [Language.of(model) for model in models]
        return models

    def _only_of_words(self, name: str, value: Any) -> None:
        if self.vocabulary_ is None:
            raise InputError(f"{name}={quoted(value)} is for sentences of words, but X holds frames")

    def _to_learn(self, values: Any, tags: Any) -> SentenceExamples | FrameExamples:
        """Return examples whose context is computed once, if it is not too much to keep."""
        examples = self._examples(values, tags)
        size = 4 * sum(map(len, values)) * sum(language.layers.output_size for language in self.languages_)
        if isinstance(examples, SentenceExamples) and examples.texts is not None and size <= CACHED:
            examples.texts.context = self.each_example(examples, self._contexts)
        return examples

    def _contexts(self, batch: Any) -> list[np.ndarray]:
        inputs, lengths, _ = batch
        context = self.network_.run(inputs, "context").cpu().numpy()
        return [rows[:n].copy() for rows, n in zip(context, lengths.tolist(), strict=True)]

    def _examples(self, values: Any, tags: Any = None) -> SentenceExamples | FrameExamples:
        targets = None
        if tags is not None:
            each = [column.numbers(tags[column.name]) for column in self.tag_columns_]
            targets = each[0] if len(each) == 1 else [np.stack(rows, 1) for rows in zip(*each, strict=True)]
        if self.vocabulary_:
            texts = Texts(values, self.languages_) if self.languages_ else None
            return SentenceExamples(values, self.vocabulary_, targets, self.vectors_, texts)
        return FrameExamples(values, targets)

"""`Tagger`: a tag for every token of a sentence or frame of a signal."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from keepgate import limits, schema
from keepgate import networks as blocks
from keepgate.data.arrays import as_sequences
from keepgate.data.text.sentences import Sentences
from keepgate.data.text.vectors import WIDEST, Vectors, read_vectors
from keepgate.errors import InputError, quoted
from keepgate.tasks.common.calibration import HOTTEST
from keepgate.tasks.common.class_weights import class_weights, to_text
from keepgate.tasks.common.estimator import Estimator
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
from keepgate.tasks.tag.confidence import scored, tag_temperature
from keepgate.tasks.tag.examples import FrameExamples, SentenceExamples, VectorWords, Vocabulary
from keepgate.tasks.tag.inputs import are_sentences, as_tagged, as_untagged, sessions_of
from keepgate.tasks.tag.language import (
    LANGUAGES,
    Language,
    Texts,
    context_encoder,
    learned,
    loaded,
    text_inputs,
)
from keepgate.tasks.tag.network import (
    TaggerNetwork,
    forbid_broken_spans,
    frame_encoder,
    tagger,
    token_encoder,
    vector_encoder,
)
from keepgate.tasks.tag.parameters import TaggerParameters
from keepgate.tasks.tag.scores import commonest_tags, marks_spans, span_scores, token_scores
from keepgate.tasks.tag.selection import tag_score
from keepgate.training import Examples
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

TOKENS = 320  # of an update that counts for one, where it is asked how often the data are read
CACHED = 2**30  # bytes of context that are kept for training, so that language models read a sentence once
LANGUAGE = {"hidden_size": 512, "embedding_size": 64, "window": 64}  # parameters of models of unlabelled text
KEPT = 50_000  # words of a file of vectors that are known at use though the training data lack them
SPREAD = 0.3  # root mean square of the vectors, whatever it was in their file


@estimator
class Tagger(TaggerParameters, Estimator):
    """Recurrent tagger of sentences, or of sequences of numbers with a label for each step.

    X is a list of N sentences, each a list of tokens; or a list of N arrays [T_i, C] of frames; or the `Sentences` of
    a file, which carry their tags. y is a list of N lists of tags, as many as tokens or frames. A token is represented
    by a vector learned for the word and by its characters, which a recurrent layer of the same cell reads. Where
    `Sentences` have sessions, in training and later, a sentence begins in the state that the one before it in its
    session ended in (the forward direction's).

    >>> X = [["the", "cat", "sleeps"], ["a", "dog", "barks"], ["the", "dog", "sleeps"]] * 10
    >>> tagger = Tagger(epochs=10, hidden_size=16).fit(X, [["DET", "NOUN", "VERB"]] * 30)
    >>> tagger.predict([["a", "cat", "barks"]])
    [['DET', 'NOUN', 'VERB']]

    Attributes:
        tags_: sorted.
        tag_counts_: how often each is in the training data.
        commonest_: the commonest tag of each word.
        vocabulary_: words and characters; None for frames.
        vectors_: the words that have a vector that was learned elsewhere: those of the training data, and the first
            50,000 of the file; None: there are none.
        vector_size_: size of such a vector; None.
        languages_: the language models that read sentences; none, one, or one for each direction.
        n_features_in_: channels of frames; None for sentences.
        carries_: whether the state is carried through sessions.
        temperature_: what all scores were divided by, so that probabilities are calibrated on the held-out part; None:
            there was none.
        crf_: whether neighboring tags are scored together.
        equations_, network_, history_, columns_: as in every estimator of keepgate.
    """

    STATE: ClassVar[schema.Check] = schema.record(
        tags=schema.several(schema.items(schema.text(), schema.whole(0, 2**53)), 2),
        vocabulary=schema.optional(
            schema.record(
                words=schema.several(schema.text(), distinct=True),
                characters=schema.several(schema.text(1, 1), distinct=True),
            )
        ),
        vector_words=schema.optional(schema.several(schema.text(), distinct=True)),
        vector_size=schema.optional(schema.whole(1, WIDEST)),
        languages=LANGUAGES,
        commonest=schema.table(schema.text()),
        n_channels=schema.optional(schema.whole(1, 1_000_000)),
        carries=schema.boolean,
        crf=schema.boolean,
        temperature=schema.optional(schema.number(0, HOTTEST)),
    )

    later: ClassVar[Mapping[str, Any]] = {
        **{"select": "loss", "vectors": None, "vector_words": None, "vector_size": None},
        **{"unlabelled": None, "language": (), "languages": (), "temperature": None, "group_column": None},
        **{"class_weight": None},
    }

    UPDATES: ClassVar[int] = 2_000
    PASSES: ClassVar[tuple[int, int]] = (15, 200)

    network_: TaggerNetwork = field(init=False)
    vocabulary_: Vocabulary | None = field(init=False)
    vectors_: VectorWords | None = field(init=False)
    vector_size_: int | None = field(init=False)
    languages_: list[Language] = field(init=False)
    temperature_: float | None = field(init=False)
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
            y: their tags; None: those that X carries.
            valid: `(X, y)` or `Sentences`, held out to choose the best epoch (and to stop early, see `patience`);
                without it the last epoch's weights are kept.
            run: folder for `metrics.jsonl` and the state of the training; the same call with the same folder resumes
                an interrupted training.
            callbacks: functions of each epoch's row and the network; see `keepgate.training.train`.

        Raises:
            InputError: there are no tags, not one for each token or frame, or fewer than two different ones.
        """
        self.check_parameters()
        values, tags = as_tagged(X, y)
        self.tag_counts_ = Counter(tag for sentence in tags for tag in sentence)
        self.tags_ = sorted(self.tag_counts_)
        limits.check("classes", len(self.tags_), "the training data")
        if len(self.tags_) < 2:
            raise InputError(f"all tokens have the tag {quoted(self.tags_[0])}; a tagger needs at least two tags")
        self.crf_ = marks_spans(tags) if self.crf is None else self.crf
        self.vocabulary_ = Vocabulary.of(values, self.least_count) if are_sentences(values) else None
        self.n_features_in_ = None if self.vocabulary_ else values[0].shape[1]
        self.commonest_ = commonest_tags(values, tags) if self.vocabulary_ else {}
        vectors, languages = self._read_vectors(values), self._learn_languages(values, run)
        groups, held_out = sessions_of(X), None
        self.carries_ = groups is not None
        self.network_ = self.new_network()
        if self.network_.standardise is not None:
            self.network_.standardise.fit(values)
        if vectors is not None:
            self.network_.take_vectors(vectors.values)
        self.network_.take_languages(languages)
        if self.class_weight is not None:
            self.network_.weigh(self._weights())
        if self.init is not None:
            begin_with(self.init, load(self.init, "cpu").network_, self.network_)
        if valid is not None:
            check_alike(groups, sessions_of(valid))
            pair = valid if isinstance(valid, tuple) else (valid, None)
            held_out = in_sessions(self._to_learn(*as_tagged(*pair)), sessions_of(valid))
        examples = in_sessions(self._to_learn(values, tags), groups)
        loss, window = (loss_of_turns, TURNS) if self.carries_ else (TaggerNetwork.loss, None)
        score = tag_score(self.select, self.tags_, spanned=marks_spans(tags))
        score = of_turns(score) if score and self.carries_ else score
        self.temperature_ = None
        sources = X.sources if isinstance(X, Sentences) and not self.carries_ else None
        self.train_network(loss, examples, held_out, run, window, callbacks=callbacks, score=score, groups=sources)
        self.network_.cool(self.temperature_ or 1.0)
        if self.network_.crf is not None:
            forbid_broken_spans(self.network_.crf, self.tags_, tags)
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
        """Find the temperature by which all scores are divided in the end."""
        self.temperature_ = tag_temperature(self.network_.crf, self.each_example(*scored(self.network_, held_out)))

    def predict(self, X: Any) -> list[list[str]]:
        """Return the tag of each token or frame: the most probable one; with `crf`, that of the most probable path."""
        return [[self.tags_[k] for k in best] for best, _ in self.read_off(X)]

    def predict_proba(self, X: Any) -> list[np.ndarray]:
        """Return probabilities, N arrays [T_i, K] float64, of the tags as in `tags_`; with `crf`, over all paths."""
        return [probabilities for _, probabilities in self.read_off(X)]

    def score(self, X: Any, y: Any = None) -> float:
        """Return F1 of the spans where B-, I- and O (or B-, I-, E-, S- and O) mark spans, else the share of right tags.

        Args:
            X: the sequences.
            y: their tags; None: those that X carries.
        """
        self.check_fitted()
        values, truth = as_tagged(X, y)
        scores = span_scores if marks_spans(truth) else token_scores
        return scores(truth, self.predict(values if y is not None else X))[""]["F1"]

    def read_off(self, X: Any) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the numbers of the best tags [T_i] of each sequence, and the probabilities [T_i, K] of all."""
        self.check_fitted()
        examples = in_sessions(self._examples(self.checked(X)), sessions_of(X) if self.carries_ else None)
        return each_utterance(self, examples, self._read_batch)

    def _read_batch(self, batch: Any, state: Any) -> tuple[list[tuple[np.ndarray, np.ndarray]], Any]:
        inputs, lengths, _ = batch
        scores, state = self.network_.scan(inputs, lengths, state)
        best_and_all = (values.cpu().numpy() for values in self.network_.read(scores, lengths))
        return [(best[:n], p[:n]) for best, p, n in zip(*best_and_all, lengths.tolist(), strict=True)], state

    def state_to_json(self) -> dict[str, Any]:
        """Return tags and what tokens or frames are."""
        return {
            "tags": [[tag, self.tag_counts_[tag]] for tag in self.tags_],
            "vocabulary": self.vocabulary_ and asdict(self.vocabulary_),
            "vector_words": self.vectors_ and self.vectors_.words,
            "vector_size": self.vector_size_,
            "languages": [language.to_json() for language in self.languages_],
            "commonest": self.commonest_,
            "n_channels": self.n_features_in_,
            "carries": self.carries_,
            "crf": self.crf_,
            "temperature": self.temperature_,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Set tags, what tokens or frames are, and the network."""
        self.tag_counts_ = Counter(dict(state["tags"]))
        self.tags_ = sorted(self.tag_counts_)
        self.vocabulary_ = state["vocabulary"] and Vocabulary(**state["vocabulary"])
        self.vectors_ = state["vector_words"] and VectorWords(state["vector_words"])
        self.vector_size_ = state["vector_size"]
        self.languages_ = [Language.from_json(language) for language in state["languages"]]
        self.commonest_, self.n_features_in_ = state["commonest"], state["n_channels"]
        self.carries_, self.crf_, self.temperature_ = state["carries"], state["crf"], state["temperature"]
        if (self.vocabulary_ is None) == (self.n_features_in_ is None):
            raise InputError("fitted says a vocabulary or a number of channels, and not both")
        if (self.vectors_ is None) != (self.vector_size_ is None):
            raise InputError("fitted says the words and the size of vectors, or neither")
        if self.vocabulary_ is None and (self.vectors_ or self.languages_):
            raise InputError("fitted says vectors or language models where there are no words")
        if unknown := [tag for tag in self.commonest_.values() if tag not in self.tag_counts_]:
            raise InputError(f"fitted.commonest has {quoted(unknown[0])}, which is none of the tags")
        self.network_ = self.build_network()

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
            if self.vectors_:
                graph.metadata["vectors"] = json.dumps(self.vectors_.words)
                inputs["vectors"] = ("vectors", "numbers of the words in the metadata's vectors, counted alike, [B, T]")
            if self.languages_:
                graph.metadata["languages"] = json.dumps([language.tokens.to_json() for language in self.languages_])
                inputs |= text_inputs(self.languages_)
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

    def build_network(self) -> TaggerNetwork:
        """Return the network, untrained."""
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
        reading = blocks.Crf(len(self.tags_)) if self.crf_ else blocks.Softmax()
        layers = self.layers(encoder[-1], bidirectional=values["bidirectional"])
        return TaggerNetwork(tagger(encoder, layers, len(self.tags_), values["dropout"], reading), self.backend)

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

    def _weights(self) -> np.ndarray:
        counts = np.array([self.tag_counts_[tag] for tag in self.tags_])
        weights = class_weights(self.class_weight, np.array(self.tags_, dtype=object), counts, "tags")
        if not weights.all():
            raise InputError(
                f"class_weight gives {quoted(self.tags_[int(np.argmin(weights))])} the weight 0: give more than 0, or "
                "leave its sentences out"
            )
        return weights

    def _read_vectors(self, values: Any) -> Vectors | None:
        """Set which words have a vector that was learned elsewhere; return these vectors, of one spread."""
        self.vectors_ = self.vector_size_ = None
        if self.vectors is None:
            return None
        if self.vocabulary_ is None:
            raise InputError(f"vectors={quoted(self.vectors)} are of words, but X holds frames")
        words = {form for sentence in values for word in sentence for form in (word, word.lower())}
        learned = read_vectors(self.vectors, words, KEPT)
        self.vectors_, self.vector_size_ = VectorWords(learned.words), learned.values.shape[1]
        return Vectors(
            learned.words, learned.values * (SPREAD / max(float(np.sqrt(np.mean(learned.values**2))), 1e-30))
        )

    def _learn_languages(self, values: Any, run: str | Path | None) -> list[Any]:
        """Set the language models that read sentences, and return them."""
        self.languages_, models = [], []
        if self.unlabelled is None and not self.language:
            return models
        if self.vocabulary_ is None:
            raise InputError("unlabelled and language are of sentences, but X holds frames")
        if self.language:
            models = loaded(self.language)
        elif self.unlabelled is not None:
            alike = {name: getattr(self, name) for name in ("seed", "backend", "device", "threads", "progress")}
            models = learned(self.unlabelled, values, run, **LANGUAGE, **alike)
        self.languages_ = [Language.of(model) for model in models]
        return models

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
        number = {tag: k for k, tag in enumerate(self.tags_)}
        targets = None
        if tags is not None:
            targets = [np.array([number.get(tag, -1) for tag in row], dtype=np.int64) for row in tags]
        if self.vocabulary_:
            texts = Texts(values, self.languages_) if self.languages_ else None
            return SentenceExamples(values, self.vocabulary_, targets, self.vectors_, texts)
        return FrameExamples(values, targets)

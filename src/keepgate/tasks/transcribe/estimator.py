"""`Transcriber`: the text of a recording or of handwriting, learned without knowing where each symbol lies."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from keepgate import networks as blocks
from keepgate import schema
from keepgate.data.audio.stream import LogMelStream
from keepgate.data.recordings.manifest import Skipped, Utterances
from keepgate.errors import InputError
from keepgate.objectives import best_path
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.front_ends import FRONT_ENDS, FrontEnd
from keepgate.tasks.common.parameters import RATES, estimator
from keepgate.tasks.common.pretrained import freeze_all_but, go_on_from
from keepgate.tasks.common.sessions import TURNS, check_alike, each_utterance, in_sessions, loss_of_turns, of_turns
from keepgate.tasks.transcribe.alignment import Transcript, align, word_spans
from keepgate.tasks.transcribe.confidence import TEMPERATURES, right_words, sureness, temperature
from keepgate.tasks.transcribe.decoding import Decoder, Decoding
from keepgate.tasks.transcribe.examples import (
    UtteranceExamples,
    frames_a_step,
    join,
    separator,
    split,
    texts_of,
    too_long,
    unknown,
    utterances,
)
from keepgate.tasks.transcribe.live import LiveTranscription
from keepgate.tasks.transcribe.network import SCORE, TranscriberNetwork, transcriber
from keepgate.tasks.transcribe.parameters import TranscriberParameters
from keepgate.training import Examples, Part
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from keepgate.export.graph import Graph


CALIBRATED = 500  # held-out utterances, at most, that choose the temperature


@estimator
class Transcriber(TranscriberParameters, Estimator):
    """Transcribes recordings and pen strokes: deep recurrent layers under connectionist temporal classification.

    X is a list of N utterances of one kind: samples [N_i] of recordings, all of `rate` Hz; or strokes, each a list of
    arrays [points, 2] with y upward; or the `Utterances` of a file, which carry their texts. y is a list of N texts.
    How a fitted model decodes its scores is changed by `decode_with`.

    Attributes:
        symbols_: what texts are made of, sorted.
        kind_: "audio" or "ink".
        rate_: of the recordings in Hz.
        commonest_: the commonest text.
        stack_: features that make a step.
        temperature_: that scores are divided by to say how sure words are; held-out utterances chose it.
        carries_: whether the state is carried through sessions (the `groups` of `Utterances`), from each utterance to
            the next.
        skipped_: the rows of files that were left out.
        equations_, network_, history_, columns_: as in every estimator of keepgate.
    """

    STATE: ClassVar[schema.Check] = schema.record(
        symbols=schema.several(schema.text(least=1), 1, distinct=True),
        kind=schema.choice(FRONT_ENDS),
        rate=schema.optional(schema.whole(*RATES)),
        commonest=schema.text(),
        carries=schema.boolean,
        frames_a_step=schema.optional(schema.whole(1, 1_000)),
        temperature=schema.number(1e-3, 1e3),
    )
    fixed: ClassVar[tuple[str, ...]] = ("symbols", "bands", "stack", "bidirectional")
    later: ClassVar[Mapping[str, Any]] = {
        **{"select": "loss", "group_column": None, "init": None, "freeze": False},
        **{"frames_a_step": None, "temperature": 1.0},
    }
    UPDATES: ClassVar[int] = 6_000
    PASSES: ClassVar[tuple[int, int]] = (15, 200)

    network_: TranscriberNetwork = field(init=False)
    symbols_: list[str] = field(init=False)
    kind_: str = field(init=False)
    rate_: int | None = field(init=False)
    commonest_: str = field(init=False)
    stack_: int = field(init=False)
    temperature_: float = field(init=False)
    skipped_: tuple[Skipped, ...] = field(init=False)
    decoder_: Decoder = field(init=False)

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        rate: int | None = None,
        valid: Any = None,
        run: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Transcriber:
        """Train on utterances and their texts and return self.

        Args:
            X: the utterances.
            y: their texts; None: those that X carries.
            rate: of samples in X, in Hz.
            valid: `(X, y)` or `Utterances`, held out to choose the best epoch.
            run: folder for `metrics.jsonl` and the state of the training; the same call with the same folder resumes
                an interrupted training.
            callbacks: functions of each epoch's row and the network; see `keepgate.training.train`.

        Raises:
            InputError: it names an utterance that cannot be read, has an empty text, or has more symbols than steps.
        """
        self.check_parameters()
        data = utterances(X, y, rate)
        self.kind_, self.rate_, self.carries_ = data.kind, data.rate, data.groups is not None
        before = None if self.init is None else Transcriber.load(self.init, "cpu")._alike_in(data)
        stack = self.stack if before is None else before.stack_
        frames = self._frames(data)
        self.stack_ = int(stack or frames_a_step(self._targets(data), frames))
        data, frames = self._usable(data, frames)
        self.symbols_ = sorted({symbol for text in texts_of(data) for symbol in split(text, self.symbols)})
        self.commonest_ = Counter(texts_of(data)).most_common(1)[0][0]
        self.decode_with(Decoding())
        self.temperature_ = 1.0
        self.network_ = self.new_network()
        self.network_.measure(frames)
        if before is not None:
            symbols = {"output": (["", *before.symbols_], ["", *self.symbols_])}
            go_on_from(f"{self.init}", before.network_, self.network_, symbols)
            if self.freeze:
                freeze_all_but(self.network_, "output")
        examples, held_out, self.skipped_ = self._examples(data, frames), None, data.skipped
        if valid is not None:
            pair = valid if isinstance(valid, tuple) else (valid, None)
            rest = self._alike(utterances(*pair, rate=rate))
            rest, frames = self._usable(rest, self._frames(rest), self.symbols_)
            check_alike(data.groups, rest.groups)
            held_out = in_sessions(self._examples(rest, frames), rest.groups)
            self.skipped_ = (*data.skipped, *rest.skipped)
        loss, window = (loss_of_turns, TURNS) if self.carries_ else (TranscriberNetwork.loss, None)
        examples = in_sessions(examples, data.groups)
        score = None if self.select == "loss" else of_turns(SCORE) if self.carries_ else SCORE
        sources = None if self.carries_ else data.sources
        self.train_network(loss, examples, held_out, run, window, callbacks=callbacks, score=score, groups=sources)
        return self

    def decode_with(self, decoding: Decoding, texts: Iterable[str] | None = None) -> Transcriber:
        """From now on decode scores in another way, and return self; this is no part of the saved model.

        Args:
            decoding: how.
            texts: to learn the language from, instead of the file `decoding.language_model`.
        """
        self.decoder_ = Decoder(decoding, self.symbols_, self.symbols, texts)
        return self

    def predict(self, X: Any, rate: int | None = None) -> list[str]:
        """Return the text of each utterance: by the best path, unless `decode_with` was called.

        Args:
            X: the utterances.
            rate: of samples in X, in Hz.
        """
        return self.texts(self.log_probs(X, rate))

    def score(self, X: Any, y: Any = None, rate: int | None = None) -> float:
        """Return 1 - the label error rate: edits from predicted to true characters (or words), per true one.

        The higher, the better; 1 is without a mistake. It may be below 0.

        Args:
            X: the utterances.
            y: their texts; None: those that X carries.
            rate: of samples in X, in Hz; None: that of the training data.
        """
        from keepgate.tasks.transcribe.scores import error_rates  # which takes a package that fit does without

        self.check_fitted()
        data = utterances(X, y, rate or self.rate_)
        rates = error_rates(texts_of(data), self.predict(data), self.symbols)
        return 1 - next(iter(rates.values()))

    def transcribe(self, X: Any, rate: int | None = None) -> list[Transcript]:
        """Return the text of each utterance, and where each of its symbols lies.

        Args:
            X: the utterances.
            rate: of samples in X, in Hz.
        """
        data = utterances(X, None, rate)
        scores = self.log_probs(data)
        return [self.aligned(content, one) for content, one in zip(data.contents, scores, strict=True)]

    def live(self) -> LiveTranscription:
        """Return a transcription of a recording of `rate_` Hz that comes in pieces.

        Its `feed(samples)` returns the text that they add, its `finish()` the rest.

        Raises:
            InputError: the model is bidirectional, one of ink, or decodes with a beam.
        """
        self.check_fitted()
        if self.kind_ != "audio":
            raise InputError("only recordings can be transcribed as they come; the model was fitted to ink")
        if self.bidirectional:
            raise InputError(
                "a bidirectional model reads a recording to its end first, so it cannot transcribe a live stream; fit "
                "one with --no-bidirectional"
            )
        if self.decoder_.options is not None:
            raise InputError("a live stream is read along the best path: leave out the beam and the language model")
        assert self.rate_ is not None
        mel = LogMelStream(self.rate_, self.bands)
        return LiveTranscription(self.network_.runner(), mel, self.symbols_, separator(self.symbols))

    def log_probs(self, X: Any, rate: int | None = None) -> list[torch.Tensor]:
        """Return log-probabilities [T', K + 1] of blank and symbols for each utterance.

        Args:
            X: the utterances.
            rate: of samples in X, in Hz.
        """
        self.check_fitted()
        data = self._alike(utterances(X, None, rate))
        examples = in_sessions(UtteranceExamples(self._frames(data)), data.groups if self.carries_ else None)

        def compute(batch: Any, state: Any) -> tuple[list[torch.Tensor], Any]:
            x, lengths, *_ = batch
            scores, lengths, state = self.network_.scan(x, lengths, state)
            return [s[:n] for s, n in zip(scores.log_softmax(-1).cpu(), lengths.tolist(), strict=True)], state

        return each_utterance(self, examples, compute)

    def texts(self, scores: Sequence[torch.Tensor]) -> list[str]:
        """Return the texts that log-probabilities amount to."""
        return [join(self._named(self._path(one)), self.symbols) for one in scores]

    def aligned(self, content: Any, scores: torch.Tensor) -> Transcript:
        """Return the text of an utterance with log-probabilities [T', K + 1], and where its symbols lie."""
        path = self._path(scores)
        symbols = self._named(path)
        text = join(symbols, self.symbols)
        places = align(scores, path, self.network_.front_end.times(content), self.stack_)
        sure = sureness(scores.numpy(), path, self._word_spans(text, symbols), self.temperature_)
        return Transcript(text, symbols, *places, sure.symbols.tolist(), sure.words.tolist())

    def calibrate(self, held_out: Examples) -> None:
        """Choose the temperature at which words are as sure as they are right."""
        self.temperature_ = 1.0 if self.carries_ else temperature(self._answers(held_out))

    def _answers(self, held_out: Examples) -> list[list[tuple[np.ndarray, np.ndarray]]]:
        """Return how sure words along the best paths are at each temperature, and which of them are right."""
        some = Part(held_out, np.arange(min(len(held_out), CALIBRATED)))

        def compute(batch: Any) -> list[tuple[np.ndarray, list[int]]]:
            x, lengths, symbols, sizes = batch
            scores, lengths = self.network_(x, lengths)
            rows = zip(scores.log_softmax(-1).cpu(), lengths.tolist(), symbols.cpu().split(sizes.tolist()), strict=True)
            return [(row[:count].numpy(), target.tolist()) for row, count, target in rows]

        found = self.each_example(some, compute)
        answers: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in TEMPERATURES]
        for scores, target in found:
            path = best_path(scores[:, None])[0]
            symbols = self._named(path)
            text, truth = join(symbols, self.symbols), join(self._named(target), self.symbols)
            spans, right = self._word_spans(text, symbols), right_words(text.split(), truth.split())
            for one, of_temperature in zip(TEMPERATURES, answers, strict=True):
                of_temperature.append((sureness(scores, path, spans, one).words, right))
        return answers

    def _word_spans(self, text: str, symbols: Sequence[str]) -> list[tuple[int, int]] | None:
        return None if self.symbols == "words" else word_spans(text, symbols)

    def strange_symbols(self, data: Utterances) -> dict[int, str]:
        """Return by index what is wrong with utterances whose texts have symbols that the model does not know."""
        return {} if data.texts is None else unknown(self._targets(data), self.symbols_)

    def state_to_json(self) -> dict[str, Any]:
        """Return symbols, and what utterances are."""
        return {
            "symbols": self.symbols_,
            "kind": self.kind_,
            "rate": self.rate_,
            "commonest": self.commonest_,
            "carries": self.carries_,
            "frames_a_step": self.stack_,
            "temperature": self.temperature_,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Set symbols, what utterances are, and the network."""
        self.symbols_, self.kind_ = state["symbols"], state["kind"]
        self.rate_, self.commonest_, self.carries_ = state["rate"], state["commonest"], state["carries"]
        self.temperature_ = state["temperature"]
        self.stack_ = int(state["frames_a_step"] or self.stack or 1)
        if (self.kind_ == "audio") != (self.rate_ is not None):
            raise InputError(f"fitted.rate={self.rate_} does not go with utterances that are {self.kind_}")
        self.network_ = self.build_network(int(self.ensemble))
        self.decode_with(Decoding())

    def front_end(self) -> FrontEnd:
        """Return what turns utterances into features."""
        return FRONT_ENDS[self.kind_](self.rate_, self.bands, self.augment)

    def build_network(self, members: int = 1) -> TranscriberNetwork:
        """Return the network, untrained; the probabilities of an ensemble's symbols are the mean of its members'."""
        front_end, both = self.front_end(), bool(self.bidirectional)
        description = transcriber(
            self.layers(front_end.size * self.stack_, bidirectional=both),
            front_end.size,
            len(self.symbols_),
            stack=self.stack_,
            dropout=float(self.dropout),
            centred=self.kind_ == "audio" and both,
        )
        if members > 1:
            description = blocks.ensemble(description, members, {"output": blocks.Average(probabilities=True)})
        return TranscriberNetwork(description, self.backend, front_end)

    def to_onnx(self, graph: Graph) -> None:
        """Emit what is between features and the probabilities of symbols; see `keepgate.export.onnx`."""
        self.check_fitted()
        size = self.front_end().size
        graph.metadata |= {
            "symbols": json.dumps(self.symbols_, ensure_ascii=False),
            "kind": self.kind_,
            "rate": json.dumps(self.rate_),
        }
        what = "keepgate.data.audio.log_mel" if self.kind_ == "audio" else "keepgate.tasks.common.ink_features"
        features = f"features of {what}, padded at the end, [B, T, {size}]"
        shape = f"[B, steps, {1 + len(self.symbols_)}]"
        scores = f"log-probabilities of the blank and of each symbol in the metadata's order, {shape}"
        inputs = {"frames": ("features", features), "lengths": ("lengths", "rows of features of each, 1 to T, [B]")}
        outputs = {
            "log_probs": ("log_probs", scores),
            "stacked.lengths": ("steps", f"steps of each, of {self.stack_} rows of features, [B]"),
        }
        self.emit_network(graph, inputs, outputs)

    def _alike(self, data: Utterances) -> Utterances:
        """Return the utterances.

        Raises:
            InputError: they are of another kind or rate than those that the model was trained on.
        """
        whose = "" if data.path is None else f"{data.path}: "
        if data.kind != self.kind_:
            raise InputError(f"{whose}the utterances are {data.kind} where the model was fitted to {self.kind_}")
        if data.rate not in (None, self.rate_):
            rates = f"{data.rate} Hz where the model was fitted to {self.rate_} Hz"
            raise InputError(f"{whose}the recordings have {rates}; resample them")
        return data

    def _alike_in(self, data: Utterances) -> Transcriber:
        """Return this estimator, which training begins with; InputError if it is one of other utterances."""
        self._alike(data)
        return self

    def _frames(self, data: Utterances) -> list[np.ndarray]:
        front_end = self.front_end()
        return [front_end.frames(content) for content in data.contents]

    def _targets(self, data: Utterances) -> list[list[str]]:
        return [split(text, self.symbols) for text in texts_of(data)]

    def _usable(
        self, data: Utterances, frames: list[np.ndarray], symbols: Sequence[str] | None = None
    ) -> tuple[Utterances, list[np.ndarray]]:
        """Return the utterances whose texts fit their length and have these symbols (None: any), and their frames."""
        targets = self._targets(data)
        reasons = too_long(targets, [-(-len(frame) // self.stack_) for frame in frames])
        if symbols is not None:
            reasons |= unknown(targets, symbols)
        return data.without(reasons), [frame for i, frame in enumerate(frames) if i not in reasons]

    def _examples(self, data: Utterances, frames: list[np.ndarray]) -> UtteranceExamples:
        number = {symbol: k for k, symbol in enumerate(self.symbols_, start=1)}
        return UtteranceExamples(frames, [[number[symbol] for symbol in target] for target in self._targets(data)])

    def _path(self, scores: torch.Tensor) -> list[int]:
        """Return the numbers of the symbols in scores [T', K + 1]."""
        return self.decoder_.path(scores.numpy())

    def _named(self, path: Sequence[int]) -> list[str]:
        return [self.symbols_[k - 1] for k in path]

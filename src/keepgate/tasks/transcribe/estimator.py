"""`Transcriber`: the text of a recording or of handwriting, learned without knowing where each symbol lies."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import torch

from keepgate import schema
from keepgate.data.recordings.manifest import Skipped, Utterances, read_manifest, skipped_file
from keepgate.errors import InputError
from keepgate.objectives import ctc_align
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.front_ends import FRONT_ENDS, HERTZ, HIGHEST_RATE, LOWEST_RATE, MOST_BANDS, FrontEnd
from keepgate.tasks.common.parameters import EPOCHS, LAYERS, NORM, SHARE, SIZE, STRENGTH, param
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.common.sessions import check_alike, each_utterance, in_sessions, loss_of_turns
from keepgate.tasks.transcribe.decoding import Decoder, Decoding
from keepgate.tasks.transcribe.examples import SYMBOLS, join, split, texts_of, too_long, unknown, utterances
from keepgate.tasks.transcribe.live import LiveTranscription
from keepgate.tasks.transcribe.network import TranscriberNetwork, UtteranceExamples, transcriber
from keepgate.tasks.transcribe.scores import confusions, error_rates

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

SHOWN = 12  # pictures and confusions in the report


@dataclass(frozen=True, kw_only=True)
class TranscribeColumns:
    """What a manifest's columns are called, and how its files are read."""

    path_column: str = param("path", "manifest: column of the file of each row, relative to the manifest")
    text_column: str = param("text", "manifest: column of what is said or written")
    session_column: str | None = param(
        None, "manifest: column of the session, through whose rows the state is carried (none: every row begins anew)"
    )
    rate: int | None = param(
        None, "resample recordings to this rate in Hz (none: all must have the first one's)", **HERTZ
    )
    skip_bad: bool = param(False, "leave out rows that cannot be used, and list them in skipped.csv of the run")


class Transcript(NamedTuple):
    """What was read in one utterance: its symbols, and of each the begin and end (see `FrontEnd.times`) and its
    probability."""

    text: str
    symbols: list[str]
    begins: list[float]
    ends: list[float]
    confidences: list[float]


@dataclass(eq=False, repr=False, kw_only=True)
class Transcriber(Estimator):
    """Transcribes recordings and pen strokes: deep recurrent layers under connectionist temporal classification.

    X is a list of N utterances of one kind: samples [N_i] of recordings, all of `rate` Hz; or strokes, each a list of
    arrays [points, 2] with y upward; or the `Utterances` of `read`, which carry their texts. y is a list of N texts.

    `fit` sets, beside the attributes of `Estimator`: `symbols_`, what texts are made of, sorted; `kind_`, "audio" or
    "ink"; `rate_` of the recordings in Hz; `commonest_`, the commonest text; `carries_`, whether the state is carried
    through sessions (the `groups` of `Utterances`), from each utterance to the next; `skipped_`, the rows of files that
    were left out. How a fitted model reads its scores is changed by `decode_with`.
    """

    task: ClassVar[str] = "transcribe"
    formats: ClassVar[tuple[str, ...]] = (".csv", ".jsonl", "each also .gz")
    Columns: ClassVar[type] = TranscribeColumns
    FITTED: ClassVar[schema.Check] = schema.record(
        symbols=schema.several(schema.text(least=1), 1, distinct=True),
        kind=schema.choice(FRONT_ENDS),
        rate=schema.optional(schema.whole(LOWEST_RATE, HIGHEST_RATE)),
        commonest=schema.text(),
        carries=schema.boolean,
    )
    fixed: ClassVar[tuple[str, ...]] = ("symbols", "bands", "stack", "bidirectional")

    symbols: str = param("characters", "what texts are made of: characters, or words apart by spaces", choices=SYMBOLS)
    bands: int = param(40, "recordings: mel bands", minimum=1, maximum=MOST_BANDS)
    stack: int = param(2, "features (10 ms of a recording, points of ink) that make a step", minimum=1, maximum=1_000)
    augment: float = param(
        1.0, "how much utterances are disturbed while training (0: not at all)", minimum=0, maximum=100
    )
    hidden_size: int = param(128, "units of each layer and direction", **SIZE)
    num_layers: int = param(3, "recurrent layers, one above the other", **LAYERS)
    bidirectional: bool = param(True, "read the utterance in both directions; without, a live stream can be read")
    dropout: float = param(0.3, "share of activations dropped while training", **SHARE)
    epochs: int = param(20, "passes over the training data", **EPOCHS)
    learning_rate: float = param(2e-3, "highest step size of the optimizer", **STRENGTH)
    clip_norm: float | None = param(5.0, "largest norm of the gradient; longer ones are scaled down", **NORM)

    network_: TranscriberNetwork = field(init=False)
    symbols_: list[str] = field(init=False)
    kind_: str = field(init=False)
    rate_: int | None = field(init=False)
    commonest_: str = field(init=False)
    skipped_: tuple[Skipped, ...] = field(init=False)
    decoder_: Decoder = field(init=False)

    def fit(
        self, X: Any, y: Any = None, *, rate: int | None = None, valid: Any = None, run: str | Path | None = None
    ) -> Transcriber:
        """Train on utterances X and their texts y and return self.

        rate: of samples in X, in Hz. valid: `(X, y)` or `Utterances`, held out to choose the best epoch. run: a folder
        for `metrics.jsonl` and the state of the training; the same call resumes a training that was interrupted.

        Raises InputError that names the utterance for one that cannot be read, an empty text, or a text with more
        symbols than the utterance has steps.
        """
        self.check_parameters()
        data = utterances(X, y, rate)
        self.kind_, self.rate_, self.carries_ = data.kind, data.rate, data.groups is not None
        data, frames = self._usable(data)
        self.symbols_ = sorted({symbol for text in texts_of(data) for symbol in self._split(text)})
        self.commonest_ = Counter(texts_of(data)).most_common(1)[0][0]
        self.decode_with(Decoding())
        self.network_ = self.new_network()
        self.network_.measure(frames)
        examples, held_out, self.skipped_ = self._examples(data, frames), None, data.skipped
        if valid is not None:
            pair = valid if isinstance(valid, tuple) else (valid, None)
            rest, frames = self._usable(self._like(utterances(*pair, rate=rate)), self.symbols_)
            check_alike(data.groups, rest.groups)
            held_out = in_sessions(self._examples(rest, frames), rest.groups)
            self.skipped_ = (*data.skipped, *rest.skipped)
        loss = loss_of_turns if self.carries_ else TranscriberNetwork.loss
        self.train_network(loss, in_sessions(examples, data.groups), held_out, run)
        return self

    def decode_with(self, decoding: Decoding, texts: Iterable[str] | None = None) -> Transcriber:
        """From now on read scores as `decoding` says, and return self; it is no part of the saved model.

        texts: to learn the language from, instead of the file `decoding.language_model`.
        """
        self.decoder_ = Decoder(decoding, self.symbols_, self.symbols, texts)
        return self

    def predict(self, X: Any, rate: int | None = None) -> list[str]:
        """The text of each utterance: of the most probable symbol at each step, unless `decode_with` was called."""
        return self._texts(self._scores(self._given(X, rate)))

    def _texts(self, scores: Sequence[torch.Tensor]) -> list[str]:
        return [self._join(self._named(self._path(one))) for one in scores]

    def transcribe(self, X: Any, rate: int | None = None) -> list[Transcript]:
        """The text of each utterance, and where each of its symbols lies."""
        data = self._given(X, rate)
        return [
            self._aligned(content, scores) for content, scores in zip(data.contents, self._scores(data), strict=True)
        ]

    def live(self) -> LiveTranscription:
        """A recording of `rate_` Hz that comes in pieces: `feed(samples)` gives the text they add, `finish()` the rest.

        Raises InputError for a bidirectional model, one of ink, or one that decodes with a beam.
        """
        self.check_fitted()
        return LiveTranscription(self)

    # Files, tables and the report

    @classmethod
    def read(cls, path: str | Path, columns: TranscribeColumns | None = None, *, labelled: bool = True) -> Utterances:
        """Read a manifest and its files; see `keepgate.data.recordings.manifest`."""
        return read_manifest(path, **asdict(columns or TranscribeColumns()), labelled=labelled)

    def remember(self, columns: TranscribeColumns) -> None:
        """Read the next files alike, and recordings at the rate that was fitted to."""
        super().remember(replace(columns, rate=self.rate_))

    def notes(self, data: Utterances) -> list[str]:
        """Rows that were left out, and symbols that cannot come."""
        notes = [f"{one.file}, row {one.row} is left out: {one.reason}" for one in data.skipped]
        strange = {} if data.texts is None else unknown(self._targets(data), self.symbols_)
        return notes + [f"{data.where(i)}: {reason}, so it counts as a mistake" for i, reason in strange.items()]

    def files(self) -> dict[str, tuple[str, bytes]]:
        """skipped.csv, if rows may be left out: file, row and reason of each."""
        return {"skipped.csv": skipped_file(self.skipped_)} if self.columns_.skip_bad else {}

    def predict_table(self, data: Utterances) -> pa.Table:
        """A row for each utterance: its name, its text, and the mean probability of its symbols."""
        found = self.transcribe(data)
        return pa.table(
            {
                "path": data.names,
                "text_hat": [one.text for one in found],
                "probability": [float(np.mean(one.confidences)) if one.confidences else None for one in found],
            }
        )

    def evaluate(self, data: Utterances) -> list[dict[str, Any]]:
        """Error rates of this model and of the commonest text: edits of symbols, and of words, over their number."""
        return self._rows(texts_of(data), self.predict(data))

    def sections(self, data: Utterances, valid: Utterances | None) -> list[Section]:
        """Scores, the commonest confusions, and pictures of utterances with the symbols where the network put them."""
        from keepgate.tasks.transcribe.figures import utterance_figure

        shown, where = (data, "training data") if valid is None else (valid, "held-out data")
        scores = self._scores(self._given(shown, None))
        truth, guess = texts_of(shown), self._texts(scores)
        wrong = [i for i, (a, b) in enumerate(zip(truth, guess, strict=True)) if a != b]
        right = [i for i, (a, b) in enumerate(zip(truth, guess, strict=True)) if a == b]
        some = [*wrong[: SHOWN // 2], *right][:SHOWN]
        found = [self._aligned(shown.contents[i], scores[i]) for i in some]
        confused = confusions(truth, guess, self.symbols)
        rows = [{"true": a, "given": b, "times": count} for (a, b), count in confused.most_common(SHOWN)]
        text = f"{len(truth)} utterances, {len(wrong)} with a mistake."
        return [
            Section(f"Scores on the {where}", text, self._rows(truth, guess)),
            Section(f"Commonest mistakes on the {where}", "An empty place is nothing: left out or put in.", rows),
            *(
                Section(
                    f"{shown.names[i]}: {truth[i]}",
                    "" if guess[i] == truth[i] else f"Transcribed as: {guess[i]}",
                    figure=utterance_figure(self.network_.front_end, shown.contents[i], transcript),
                )
                for i, transcript in zip(some, found, strict=True)
            ),
        ]

    def _rows(self, truth: list[str], guess: list[str]) -> list[dict[str, Any]]:
        guesses = {self.cell_name(): guess, "commonest text": [self.commonest_] * len(truth)}
        return [{"model": name, **error_rates(truth, texts, self.symbols)} for name, texts in guesses.items()]

    # Decoding

    def _given(self, X: Any, rate: int | None) -> Utterances:
        """Utterances of the kind and rate that were fitted to."""
        self.check_fitted()
        return self._like(utterances(X, None, rate))

    def _like(self, data: Utterances) -> Utterances:
        whose = "" if data.path is None else f"{data.path}: "
        if data.kind != self.kind_:
            raise InputError(f"{whose}the utterances are {data.kind} where the model was fitted to {self.kind_}")
        if data.rate not in (None, self.rate_):
            rates = f"{data.rate} Hz where the model was fitted to {self.rate_} Hz"
            raise InputError(f"{whose}the recordings have {rates}; resample them")
        return data

    def _scores(self, data: Utterances) -> list[torch.Tensor]:
        """Log-probabilities [T', K + 1] of blank and symbols for each utterance."""
        examples = in_sessions(UtteranceExamples(self._frames(data)), data.groups if self.carries_ else None)
        return each_utterance(self, examples, self._log_probabilities)

    def _log_probabilities(self, batch: Any, state: Any) -> tuple[list[torch.Tensor], Any]:
        x, lengths, *_ = batch
        scores, lengths, state = self.network_.scan(x, lengths, state)
        return [s[:n] for s, n in zip(scores.log_softmax(-1).cpu(), lengths.tolist(), strict=True)], state

    def _aligned(self, content: Any, scores: torch.Tensor) -> Transcript:
        path = self._path(scores)
        if not path:
            return Transcript("", [], [], [], [])
        target, size = torch.tensor([path]), torch.tensor([len(path)])
        found = ctc_align(scores[:, None], target, torch.tensor([len(scores)]), size)
        times = self.network_.front_end.times(content)
        begin, end = (np.minimum(step[0].numpy() * self.stack, len(times) - 1) for step in (found.begin, found.end))
        places = [times[a : b + 1] for a, b in zip(begin, end, strict=True)]
        begins, ends = ([float(of(place)) for place in places] for of in (np.min, np.max))  # a pen goes back, too
        symbols = self._named(path)
        return Transcript(self._join(symbols), symbols, begins, ends, found.confidence[0].tolist())

    # The model file

    def fitted(self) -> dict[str, Any]:
        """Symbols, and what utterances are."""
        return {
            "symbols": self.symbols_,
            "kind": self.kind_,
            "rate": self.rate_,
            "commonest": self.commonest_,
            "carries": self.carries_,
        }

    def restore(self, fitted: dict[str, Any]) -> None:
        """Set what `fitted` returned and build the network."""
        self.symbols_, self.kind_ = fitted["symbols"], fitted["kind"]
        self.rate_, self.commonest_, self.carries_ = fitted["rate"], fitted["commonest"], fitted["carries"]
        if (self.kind_ == "audio") != (self.rate_ is not None):
            raise InputError(f"fitted.rate={self.rate_} does not go with utterances that are {self.kind_}")
        self.network_ = self._network()
        self.decode_with(Decoding())

    def to_onnx(self, graph: Graph) -> None:
        """Emit what is between features and the probabilities of symbols; see `keepgate.export.onnx`."""
        self.check_fitted()
        size = self._front_end().size
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
            "stacked.lengths": ("steps", f"steps of each, of {self.stack} rows of features, [B]"),
        }
        self.emit_network(graph, inputs, outputs)

    def _front_end(self) -> FrontEnd:
        return FRONT_ENDS[self.kind_](self.rate_, self.bands, self.augment)

    def _network(self) -> TranscriberNetwork:
        front_end = self._front_end()
        description = transcriber(
            self.layers(front_end.size * int(self.stack)),
            front_end.size,
            len(self.symbols_),
            stack=int(self.stack),
            dropout=float(self.dropout),
            centred=self.kind_ == "audio" and bool(self.bidirectional),
        )
        return TranscriberNetwork(description, self.backend, front_end)

    def _frames(self, data: Utterances) -> list[np.ndarray]:
        front_end = self._front_end()
        return [front_end.frames(content) for content in data.contents]

    def _targets(self, data: Utterances) -> list[list[str]]:
        return [self._split(text) for text in texts_of(data)]

    def _usable(self, data: Utterances, symbols: Sequence[str] | None = None) -> tuple[Utterances, list[np.ndarray]]:
        """The utterances whose texts fit their length and have no other symbols (None: any), and their frames."""
        targets, frames = self._targets(data), self._frames(data)
        reasons = too_long(targets, [-(-len(frame) // self.stack) for frame in frames])
        if symbols is not None:
            reasons |= unknown(targets, symbols)
        return data.without(reasons), [frame for i, frame in enumerate(frames) if i not in reasons]

    def _examples(self, data: Utterances, frames: list[np.ndarray]) -> UtteranceExamples:
        number = {symbol: k for k, symbol in enumerate(self.symbols_, start=1)}
        return UtteranceExamples(frames, [[number[symbol] for symbol in target] for target in self._targets(data)])

    def _path(self, scores: torch.Tensor) -> list[int]:
        """Numbers of the symbols in scores [T', K + 1]."""
        return self.decoder_.path(scores.numpy())

    def _named(self, path: Sequence[int]) -> list[str]:
        return [self.symbols_[k - 1] for k in path]

    def _split(self, text: str) -> list[str]:
        return split(text, self.symbols)

    def _join(self, symbols: Sequence[str]) -> str:
        return join(symbols, self.symbols)

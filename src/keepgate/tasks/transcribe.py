"""`Transcriber`: the text of a recording or of handwriting, learned without knowing where each symbol lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jiwer
import numpy as np
import pyarrow as pa
import torch
from rapidfuzz.distance import Levenshtein
from sklearn.utils.validation import check_is_fitted

from keepgate.data.audio import as_samples
from keepgate.data.manifest import Utterances, as_strokes, read_manifest
from keepgate.errors import InputError
from keepgate.objectives import best_path, ctc_align
from keepgate.tasks.base import Estimator
from keepgate.tasks.front_ends import FRONT_ENDS
from keepgate.tasks.parameters import param
from keepgate.tasks.report import Section
from keepgate.tasks.transcribe_network import TranscriberNetwork, UtteranceExamples

SYMBOLS = ("characters", "words")
SHOWN = 12  # pictures and confusions in the report


@dataclass(frozen=True, kw_only=True)
class TranscribeColumns:
    """What a manifest's columns are called, and how its files are read."""

    path_column: str = param("path", "manifest: column of the file of each row, relative to the manifest")
    text_column: str = param("text", "manifest: column of what is said or written")
    rate: int | None = param(None, "resample recordings to this rate in Hz (none: all must have the first one's)")
    skip_bad: bool = param(False, "leave out rows that cannot be used")


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
    "ink"; `rate_` of the recordings in Hz; `commonest_`, the commonest text.
    """

    task: ClassVar[str] = "transcribe"
    formats: ClassVar[tuple[str, ...]] = (".csv", ".jsonl", "each also .gz")
    Columns: ClassVar[type] = TranscribeColumns

    symbols: str = param("characters", "what texts are made of: characters, or words apart by spaces", choices=SYMBOLS)
    bands: int = param(40, "recordings: mel bands", minimum=1)
    stack: int = param(2, "features (10 ms of a recording, points of ink) that make a step", minimum=1)
    augment: float = param(1.0, "how much utterances are disturbed while training (0: not at all)", minimum=0)
    hidden_size: int = param(128, "units of each layer and direction", minimum=1)
    num_layers: int = param(3, "recurrent layers, one above the other", minimum=1)
    bidirectional: bool = param(True, "read the utterance in both directions; without, a live stream can be read")
    dropout: float = param(0.3, "share of activations dropped while training", minimum=0, maximum=1)
    epochs: int = param(20, "passes over the training data")
    learning_rate: float = param(2e-3, "highest step size of the optimiser")
    clip_norm: float | None = param(5.0, "largest norm of the gradient; longer ones are scaled down")

    network_: TranscriberNetwork = field(init=False)
    symbols_: list[str] = field(init=False)
    kind_: str = field(init=False)
    rate_: int | None = field(init=False)
    commonest_: str = field(init=False)

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
        data = _utterances(X, y, rate)
        self.kind_, self.rate_ = data.kind, data.rate
        texts = _texts(data)
        self.symbols_ = sorted({symbol for text in texts for symbol in self._split(text)})
        self.commonest_ = Counter(texts).most_common(1)[0][0]
        with self.seeded():
            self.network_ = self._network()
        examples = self._examples(data)
        self.network_.measure(examples.values)
        held_out = None
        if valid is not None:
            pair = valid if isinstance(valid, tuple) else (valid, None)
            held_out = self._examples(_utterances(*pair, rate=rate))
        self.train_network(TranscriberNetwork.loss, examples, held_out, run)
        return self

    def predict(self, X: Any, rate: int | None = None) -> list[str]:
        """The text of each utterance: of the most probable symbol at each step."""
        return [self._join(self._named(_path(scores))) for scores in self._scores(self._given(X, rate))]

    def transcribe(self, X: Any, rate: int | None = None) -> list[Transcript]:
        """The text of each utterance, and where each of its symbols lies."""
        data = self._given(X, rate)
        return [
            self._aligned(content, scores) for content, scores in zip(data.contents, self._scores(data), strict=True)
        ]

    # Files, tables and the report

    @classmethod
    def read(cls, path: str | Path, columns: TranscribeColumns | None = None, *, labelled: bool = True) -> Utterances:
        """Read a manifest and its files; see `keepgate.data.manifest`."""
        return read_manifest(path, **asdict(columns or TranscribeColumns()), labelled=labelled)

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
        return self._rows(_texts(data), self.predict(data))

    def sections(self, data: Utterances, valid: Utterances | None) -> list[Section]:
        """Scores, the commonest confusions, and pictures of utterances with the symbols where the network put them."""
        from keepgate.tasks.transcribe_figure import utterance_figure

        shown, where = (data, "training data") if valid is None else (valid, "held-out data")
        truth, guess = _texts(shown), self.predict(shown)
        wrong = [i for i, (a, b) in enumerate(zip(truth, guess, strict=True)) if a != b]
        right = [i for i, (a, b) in enumerate(zip(truth, guess, strict=True)) if a == b]
        some = [*wrong[: SHOWN // 2], *right][:SHOWN]
        found = self.transcribe(_part(shown, some))
        confused = Counter(pair for a, b in zip(truth, guess, strict=True) for pair in self._confusions(a, b))
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
        return [{"model": name, **self._errors(truth, texts)} for name, texts in guesses.items()]

    def _errors(self, truth: list[str], guess: list[str]) -> dict[str, float]:
        rates = {"word error rate": float(jiwer.wer(truth, guess))}
        if self.symbols == "characters":
            rates = {"character error rate": float(jiwer.cer(truth, guess)), **rates}
        return rates

    def _confusions(self, truth: str, guess: str) -> Iterator[tuple[str, str]]:
        """Pairs of true symbols and what was given for them; nothing is an empty text."""
        a, b = self._split(truth), self._split(guess)
        for edit in Levenshtein.opcodes(a, b):
            if edit.tag != "equal":
                yield (
                    self._join(a[edit.src_start : edit.src_end]),
                    self._join(b[edit.dest_start : edit.dest_end]),
                )

    # Decoding

    def _given(self, X: Any, rate: int | None) -> Utterances:
        """Utterances of the kind and rate that were fitted to."""
        check_is_fitted(self, "network_")
        data = _utterances(X, None, rate)
        if data.kind != self.kind_:
            raise InputError(f"the utterances are {data.kind} where the model was fitted to {self.kind_}")
        if data.rate not in (None, self.rate_):
            raise InputError(f"the recordings have {data.rate} Hz where the model was fitted to {self.rate_} Hz")
        return data

    def _scores(self, data: Utterances) -> list[torch.Tensor]:
        """Log-probabilities [T', K + 1] of blank and symbols for each utterance."""
        return self.each_example(self._examples(data, labelled=False), self._log_probabilities)

    def _log_probabilities(self, batch: Any) -> list[torch.Tensor]:
        scores, lengths = self.network_(*batch[:2])
        return [s[:n] for s, n in zip(scores.log_softmax(-1).cpu(), lengths.tolist(), strict=True)]

    def _aligned(self, content: Any, scores: torch.Tensor) -> Transcript:
        path = _path(scores)
        if not path:
            return Transcript("", [], [], [], [])
        target, size = torch.tensor([path]), torch.tensor([len(path)])
        found = ctc_align(scores[:, None], target, torch.tensor([len(scores)]), size)
        times = self.network_.front_end.times(content)
        steps = (np.minimum(step[0].numpy() * self.stack, len(times) - 1) for step in (found.begin, found.end))
        begins, ends = (times[step].tolist() for step in steps)
        symbols = self._named(path)
        return Transcript(self._join(symbols), symbols, begins, ends, found.confidence[0].tolist())

    # The model file

    def fitted(self) -> dict[str, Any]:
        """Symbols, and what utterances are."""
        return {"symbols": self.symbols_, "kind": self.kind_, "rate": self.rate_, "commonest": self.commonest_}

    def restore(self, fitted: dict[str, Any]) -> None:
        """Set what `fitted` returned and build the network."""
        self.symbols_, self.kind_ = fitted["symbols"], fitted["kind"]
        self.rate_, self.commonest_ = fitted["rate"], fitted["commonest"]
        self.network_ = self._network()

    def _network(self) -> TranscriberNetwork:
        front_end = FRONT_ENDS[self.kind_](self.rate_, self.bands, self.augment)
        recurrent = self.recurrent(front_end.size * self.stack)
        return TranscriberNetwork(front_end, recurrent, len(self.symbols_), self.stack, self.dropout)

    def _examples(self, data: Utterances, labelled: bool = True) -> UtteranceExamples:
        values = [self.network_.front_end.frames(content) for content in data.contents]
        if not labelled:
            return UtteranceExamples(values)
        number = {symbol: k for k, symbol in enumerate(self.symbols_, start=1)}
        targets = []
        for name, text, value in zip(data.names, _texts(data), values, strict=True):
            symbols = self._split(text)
            if unknown := [symbol for symbol in symbols if symbol not in number]:
                raise InputError(f"{name}: the symbol {unknown[0]!r} was never seen in the training data")
            needed = len(symbols) + sum(a == b for a, b in pairwise(symbols))
            steps = -(-len(value) // self.stack)
            if needed > steps:
                raise InputError(f"{name}: its text takes {needed} steps, but it has {steps}; leave it out")
            targets.append([number[symbol] for symbol in symbols])
        return UtteranceExamples(values, targets)

    def _named(self, path: Sequence[int]) -> list[str]:
        return [self.symbols_[k - 1] for k in path]

    def _split(self, text: str) -> list[str]:
        return list(text) if self.symbols == "characters" else text.split()

    def _join(self, symbols: Sequence[str]) -> str:
        return ("" if self.symbols == "characters" else " ").join(symbols)


def _path(scores: torch.Tensor) -> list[int]:
    """Numbers of the symbols along the best path through scores [T', K + 1]."""
    return best_path(scores[:, None].numpy())[0]


def _utterances(X: Any, y: Any, rate: int | None) -> Utterances:
    """Utterances given in Python, checked."""
    if isinstance(X, Utterances):
        return X
    if not len(X):
        raise InputError("X has no utterance")
    if y is not None and len(y) != len(X):
        raise InputError(f"inconsistent numbers of samples: {len(X)} utterances in X, {len(y)} texts in y")
    names = [f"X[{i}]" for i in range(len(X))]
    first = np.asarray(X[0][0])
    kind = "audio" if first.ndim == 0 else "ink"
    if kind == "audio" and rate is None:
        raise InputError("X holds samples: give their rate in Hz")
    take = as_samples if kind == "audio" else as_strokes
    contents = []
    for name, item in zip(names, X, strict=True):
        try:
            contents.append(take(item))
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    return Utterances(kind, contents, rate if kind == "audio" else None, None if y is None else list(y), names)


def _texts(data: Utterances) -> list[str]:
    if data.texts is None:
        raise InputError("there are no texts: give y, a text for each utterance")
    for name, text in zip(data.names, data.texts, strict=True):
        if not text.strip():
            raise InputError(f"{name}: its text is empty")
    return data.texts


def _part(data: Utterances, rows: Sequence[int]) -> Utterances:
    return Utterances(data.kind, [data.contents[i] for i in rows], data.rate, None, [data.names[i] for i in rows])

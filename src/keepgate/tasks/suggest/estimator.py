"""`Suggester`: words that may come next, or that a word may become, while it is typed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from keepgate import schema, store
from keepgate.errors import InputError, listed
from keepgate.objectives.ngram import MOST_ORDER, NGram
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.given import as_list
from keepgate.tasks.common.parameters import EPOCHS, SIZE, STEPS, STRENGTH, param
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.suggest.keyboard import Keyboard, Typed, type_with, with_taps
from keepgate.tasks.suggest.words import TOKEN, Following, Lexicon, Recent, mixture, plain
from keepgate.tasks.write.network import (
    COUNTS,
    MOST_UNITS,
    LanguageNetwork,
    as_counts,
    described,
    language,
    streams,
    text_log_probs,
)
from keepgate.tasks.write.text import TextFile, as_text, split
from keepgate.training import Streams

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

MOST_TYPED = 2**20  # characters
SHOWN = 4000  # characters that the report types


@dataclass(eq=False, repr=False, kw_only=True)
class Suggester(Estimator):
    """Word suggestions as on a phone's keyboard.

    Three models of the next word are mixed by weights that are found on the held-out text: a recurrent network of the
    commonest words with an adaptive softmax, n-grams of all of them, and what has been typed lately. A keystroke only
    looks up the words with the typed prefix; the network takes one step a word.

    >>> suggester = Suggester(hidden_size=16, epochs=2, window=8).fit("the cat sat on the mat . " * 60)
    >>> suggester.suggest("the cat sat o", count=1)
    ['on']

    `fit` sets, beside the attributes of `Estimator`: `names_`, the words and marks that the network knows, and
    `counts_`, how often each is, and last all others; `ngram_`; `weights_` of network, n-grams and recent words.
    """

    task: ClassVar[str] = "suggest"
    formats: ClassVar[tuple[str, ...]] = (".txt", "any other text in UTF-8", "each also .gz")
    FITTED: ClassVar[schema.Check] = schema.record(
        names=schema.several(schema.text(least=1), 1, MOST_UNITS, distinct=True),
        counts=COUNTS,
        weights=schema.items(*[schema.number(1e-30, 1)] * 3),
    )

    vocabulary_size: int = param(
        8000, "words and marks that the network knows: the commonest", minimum=2, maximum=MOST_UNITS
    )
    embedding_size: int = param(96, "size of the vector learned for a word", **SIZE)
    hidden_size: int = param(192, "units of each layer", **SIZE)
    order: int = param(2, "words that the n-grams look at together", minimum=1, maximum=MOST_ORDER)
    dropout: float = param(0.3, "share of values dropped, by one mask for a window", minimum=0, maximum=0.95)
    weight_drop: float = param(0.2, "share of the recurrent weights dropped in a window", minimum=0, maximum=0.95)
    window: int = param(35, "steps that the gradient goes back; the state goes on", **STEPS)
    epochs: int = param(4, "passes over the training text", **EPOCHS)
    learning_rate: float = param(4e-3, "highest step size of the optimizer", **STRENGTH)

    network_: LanguageNetwork = field(init=False)
    names_: list[str] = field(init=False)
    counts_: np.ndarray = field(init=False)
    ngram_: NGram = field(init=False)
    weights_: np.ndarray = field(init=False)

    def check_parameters(self) -> None:
        """Raise InputError for a parameter of the wrong type or value."""
        super().check_parameters()
        if self.bidirectional:
            raise InputError("bidirectional=True is not possible: what comes next is told from what came before alone")

    def fit(self, texts: Any, y: None = None, *, valid: Any = None, run: str | Path | None = None) -> Suggester:
        """Train on a text, or on a list of texts of which the last is most like what will be typed; return self.

        valid: a held-out text, to choose the best epoch and the weights of the mixture; without it the last tenth of
        the last text is held out, and given to the n-grams in the end. run: a folder for `metrics.jsonl` and the state
        of the training; the same call with the same folder resumes a training that was interrupted.

        Raises InputError for a text that is empty, too short or not UTF-8.
        """
        self.check_parameters()
        *others, last = as_list("texts", texts, "texts") if isinstance(texts, (list, tuple)) else [texts]
        train, held_out = split(last, valid, "words")
        parts = [TOKEN.findall(as_text(text, "words")) for text in (*others, train)]
        rest = TOKEN.findall(held_out)
        words = [token for part in parts for token in part]
        if len(words) <= self.window or len(rest) < 2:
            raise InputError(
                f"the training text has {len(words)} words and marks and the held-out text {len(rest)}: more than a "
                f"window of {self.window} is needed of the one and two of the other; give a longer text"
            )
        counts = Counter(words)
        self.names_ = sorted(counts, key=lambda token: (-counts[token], token))[: int(self.vocabulary_size) - 1]
        known = [counts[token] for token in self.names_]
        self.counts_ = np.array([*known, len(words) - sum(known)])
        self.network_ = self.new_network()
        self.train_network(LanguageNetwork.loss, self._streams(words), self._streams(rest), run)
        self.ngram_ = NGram.train(parts, int(self.order))
        self.weights_ = mixture(self._by_each_model(rest))
        if valid is None:
            self.ngram_ = NGram.train([*parts[:-1], parts[-1] + rest], int(self.order))
        return self

    def numbers(self, tokens: Sequence[str]) -> np.ndarray:
        """The network's numbers of tokens; one more than there are names stands for all others."""
        numbers = {token: number for number, token in enumerate(self.names_)}
        return np.array([numbers.get(token, len(self.names_)) for token in tokens], dtype=np.int64)

    def keyboard(self, weights: Sequence[float] | None = None) -> Keyboard:
        """A keyboard on which nothing has been typed yet; weights: of the mixture, by default `weights_`."""
        self.check_fitted()
        return Keyboard(self, self.weights_ if weights is None else np.asarray(weights))

    def suggest(self, text: str, count: int = 3) -> list[str]:
        """Words that the last word of a text may become, or after a space the next words, the most probable first."""
        keyboard = self.keyboard()
        schema.text(MOST_TYPED)("text", text)
        keyboard.become(text)
        return keyboard.suggestions(count)

    # Files and the report

    @classmethod
    def read(cls, path: str | Path, columns: Any = None, *, labelled: bool = True) -> TextFile:
        """Read a file, unzipped if its name ends in .gz."""
        return TextFile.read(Path(path))

    def predict_table(self, data: Any) -> pa.Table:
        """A row for each keystroke of a text that is typed without taps: what was typed so far, three suggestions."""
        keyboard, rows = self.keyboard(), []
        for character in plain(as_text(data, "words")):
            keyboard.type(character)
            rows.append({"word": keyboard.prefix, "suggestions": " ".join(keyboard.suggestions())})
        return pa.Table.from_pylist(rows)

    def evaluate(self, data: Any) -> list[dict[str, Any]]:
        """Keystrokes saved with three suggestions (see `type_with`) by this model and by parts of it.

        The n-grams alone, and with what was typed lately, are the baselines; median and 95th percentile of the time
        that a keystroke takes are in milliseconds.
        """
        _, counted, recent = self.weights_
        parts = {
            f"{self.cell_name()}, {self.order}-gram and recent words": self.weights_,
            f"{self.order}-gram and recent words": np.array([0, counted, recent]) / (counted + recent),
            f"{self.order}-gram": (0, 1, 0),
        }
        text = as_text(data, "words")
        return [_row(name, type_with(self.keyboard(weights), text)) for name, weights in parts.items()]

    def sections(self, data: Any, valid: Any) -> list[Section]:
        """Keystrokes saved on the held-out text, what the mixture weighs, and how the text is typed."""
        _, held_out = split(data, valid, "words")
        weights = dict(zip(("network", "n-grams", "recent words"), self.weights_.tolist(), strict=True))
        text = "Without a held-out file of its own, the n-grams have counted this text too." if valid is None else ""
        listing = with_taps(held_out[:SHOWN], type_with(self.keyboard(), held_out[:SHOWN]))
        return [
            Section("Keystrokes saved on the held-out text", text, self.evaluate(held_out)),
            Section("Weights of the mixture", rows=[{"model": name, "weight": w} for name, w in weights.items()]),
            Section("As it is typed", "What a tap has brought is in brackets.", listing=listing),
        ]

    # The model file

    def fitted(self) -> dict[str, Any]:
        """Words, their counts, and the weights of the mixture."""
        return {"names": self.names_, "counts": self.counts_.tolist(), "weights": self.weights_.tolist()}

    def restore(self, fitted: dict[str, Any]) -> None:
        """Set what `fitted` returned and build the network."""
        self.names_ = fitted["names"]
        self.counts_, self.weights_ = as_counts(fitted["counts"], len(self.names_) + 1), np.array(fitted["weights"])
        self.network_ = self._network()

    def save(self, folder: str | Path) -> None:
        """Write the model file, and beside it in `ngram` the n-grams."""
        super().save(folder)
        store.write_model(Path(folder) / "ngram", *self.ngram_.to_arrays(), kind="n-gram")

    def restore_more(self, folder: Path) -> None:
        """Read the n-grams."""
        self.ngram_ = NGram.from_arrays(*store.read_model(folder / "ngram", kind="n-gram"))
        if unknown := set(self.names_).difference(self.ngram_.vocabulary):
            raise InputError(f"the n-grams lack {listed(sorted(unknown))}, which the network knows")

    def _network(self) -> LanguageNetwork:
        options = {"time_first": True, "shared": True, "weight_drop": float(self.weight_drop)}
        layers, dropout = self.layers(int(self.embedding_size), **options), (float(self.dropout), float(self.dropout))
        return LanguageNetwork(language(layers, self.counts_, dropout, tied=False, adaptive=True), self.backend)

    def to_onnx(self, graph: Graph) -> None:
        """Emit the recurrent model of the three: between words and the probabilities of the next ones."""
        self.check_fitted()
        graph.metadata["words"] = json.dumps(self.names_, ensure_ascii=False)
        self.emit_network(graph, *described(self.network_.description))

    def _streams(self, tokens: Sequence[str]) -> Streams:
        return streams(self.numbers(tokens), int(self.batch_size), int(self.window))

    def _by_each_model(self, tokens: Sequence[str]) -> np.ndarray:
        """Probabilities [N, 3] of tokens by the network, the n-grams, and what was typed lately.

        What a model does not know, it cannot suggest: it has the probability 0.
        """
        following, recent, lexicon = Following(self.ngram_), Recent(), Lexicon(self.ngram_.vocabulary)
        numbers = self.numbers(tokens)
        network = np.exp(text_log_probs(self.network_, numbers)) * (numbers < len(self.names_))
        state, found = following.automaton.start, np.zeros((len(tokens), 3))
        for i, token in enumerate(tokens):
            number = lexicon.add(token)
            counted = following.probabilities(state)[number] if number < following.size else 0.0
            found[i] = network[i], counted, recent.probabilities(len(lexicon))[number]
            state = following.step(state, number)
            recent.add(number)
        return found


def _row(name: str, typed: Typed) -> dict[str, Any]:
    median, most = 1000 * np.quantile(typed.seconds, (0.5, 0.95))
    return {
        "model": name,
        "keystrokes saved": typed.saved,
        "characters": typed.characters,
        "keystrokes": typed.keystrokes,
        "median ms": float(median),
        "95 % within ms": float(most),
    }

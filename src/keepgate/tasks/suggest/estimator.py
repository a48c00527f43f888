"""`Suggester`: words that may come next, or that a word may become, while it is typed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from keepgate import schema, store
from keepgate.errors import InputError, listed
from keepgate.objectives.ngram import NGram
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.given import as_list
from keepgate.tasks.common.parameters import estimator
from keepgate.tasks.common.pretrained import go_on_from
from keepgate.tasks.suggest.keyboard import Keyboard
from keepgate.tasks.suggest.parameters import SuggesterParameters
from keepgate.tasks.suggest.words import TOKEN, Following, Lexicon, Recent, mixture, numbers_of
from keepgate.tasks.write.examples import COUNTS, as_counts, streams
from keepgate.tasks.write.network import LanguageNetwork, described, language, text_log_probs
from keepgate.tasks.write.parameters import MOST_UNITS
from keepgate.tasks.write.text import as_text, split
from keepgate.training import Streams
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

MOST_TYPED = 2**20  # characters


@estimator
class Suggester(SuggesterParameters, Estimator):
    """Word suggestions as on a phone's keyboard.

    Three models of the next word are mixed, with weights estimated on the held-out text: a recurrent network of the
    commonest words with an adaptive softmax, n-grams of all of them, and the words typed recently. A keystroke only
    looks up the words with the typed prefix; the network takes one step a word.

    >>> suggester = Suggester(hidden_size=16, epochs=2, window=8).fit("the cat sat on the mat . " * 60)
    >>> suggester.suggest("the cat sat o", count=1)
    ['on']

    Attributes:
        names_: the words and marks that the network knows.
        counts_: how often each is in the training text, and last all others.
        ngram_: the n-grams.
        weights_: of network, n-grams and recent words.
        equations_, network_, history_, columns_: as in every estimator of keepgate.
    """

    retired: ClassVar[Mapping[str, Any]] = {"bidirectional": False}
    STATE: ClassVar[schema.Check] = schema.record(
        names=schema.several(schema.text(least=1), 1, MOST_UNITS, distinct=True),
        counts=COUNTS,
        weights=schema.items(*[schema.number(1e-30, 1)] * 3),
    )
    later: ClassVar[Mapping[str, Any]] = {"init": None}
    UPDATES: ClassVar[int] = 1_000
    PASSES: ClassVar[tuple[int, int]] = (4, 20)

    network_: LanguageNetwork = field(init=False)
    names_: list[str] = field(init=False)
    counts_: np.ndarray = field(init=False)
    ngram_: NGram = field(init=False)
    weights_: np.ndarray = field(init=False)

    def fit(
        self,
        texts: Any,
        y: None = None,
        *,
        valid: Any = None,
        run: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Suggester:
        """Train and return self.

        Args:
            texts: a text, or a list of texts of which the last is most like what will be typed.
            y: ignored.
            valid: a held-out text, to choose the best epoch and the weights of the mixture; without it the last tenth
                of the last text is held out, and given to the n-grams in the end.
            run: folder for `metrics.jsonl` and the state of the training; the same call with the same folder resumes
                an interrupted training.
            callbacks: functions of each epoch's row and the network; see `keepgate.training.train`.

        Raises:
            InputError: a text is empty, too short or not UTF-8.
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
        before = None if self.init is None else Suggester.load(self.init, "cpu")
        commonest = sorted(counts, key=lambda token: (-counts[token], token))[: int(self.vocabulary_size) - 1]
        self.names_ = commonest if before is None else before.names_
        known = [counts[token] for token in self.names_]
        self.counts_ = np.array([*known, len(words) - sum(known)])
        self.network_ = self.new_network()
        if before is not None:
            go_on_from(f"{self.init}", before.network_, self.network_)
        data, held_out_data = self._streams(words), self._streams(rest)
        self.train_network(LanguageNetwork.loss, data, held_out_data, run, int(self.window), callbacks=callbacks)
        self.ngram_ = NGram.train(parts, int(self.order))
        self.weights_ = mixture(self._by_each_model(rest))
        if valid is None:
            self.ngram_ = NGram.train([*parts[:-1], parts[-1] + rest], int(self.order))
        return self

    def keyboard(self, weights: Sequence[float] | None = None) -> Keyboard:
        """Return a keyboard on which nothing has been typed yet.

        Args:
            weights: of network, n-grams and recent words; None: `weights_`.
        """
        self.check_fitted()
        mixed = self.weights_ if weights is None else np.asarray(weights)
        return Keyboard(self.network_, self.names_, self.ngram_, mixed)

    def suggest(self, text: str, count: int = 3) -> list[str]:
        """Return words that may complete the last word of a text, or after a space the next words, best first.

        Args:
            text: typed so far.
            count: how many words.
        """
        keyboard = self.keyboard()
        schema.text(MOST_TYPED)("text", text)
        keyboard.become(text)
        return keyboard.suggestions(count)

    def state_to_json(self) -> dict[str, Any]:
        """Return words, their counts, and the weights of the mixture."""
        return {"names": self.names_, "counts": self.counts_.tolist(), "weights": self.weights_.tolist()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Set words, their counts, the weights of the mixture and the network."""
        self.names_ = state["names"]
        self.counts_, self.weights_ = as_counts(state["counts"], len(self.names_) + 1), np.array(state["weights"])
        self.network_ = self.build_network()

    def save(self, folder: str | Path) -> None:
        """Write the model file, and in `ngram` next to it the n-grams."""
        super().save(folder)
        store.write_model(Path(folder) / "ngram", *self.ngram_.to_arrays(), kind="n-gram")

    def read_companions(self, folder: Path) -> None:
        """Read the n-grams."""
        self.ngram_ = NGram.from_arrays(*store.read_model(folder / "ngram", kind="n-gram"))
        if unknown := set(self.names_).difference(self.ngram_.vocabulary):
            raise InputError(f"the n-grams lack {listed(sorted(unknown))}, which the network knows")

    def build_network(self) -> LanguageNetwork:
        """Return the network, untrained."""
        options = {"time_first": True, "shared": True, "weight_drop": float(self.weight_drop)}
        layers, dropout = self.layers(int(self.embedding_size), **options), (float(self.dropout), float(self.dropout))
        return LanguageNetwork(language(layers, self.counts_, dropout, tied=False, adaptive=True), self.backend)

    def to_onnx(self, graph: Graph) -> None:
        """Emit the recurrent model of the three: between words and the probabilities of the next ones."""
        self.check_fitted()
        graph.metadata["words"] = json.dumps(self.names_, ensure_ascii=False)
        self.emit_network(graph, *described(self.network_.description))

    def _streams(self, tokens: Sequence[str]) -> Streams:
        return streams(numbers_of(tokens, self.names_), int(self.batch_size), int(self.window))

    def _by_each_model(self, tokens: Sequence[str]) -> np.ndarray:
        """Return probabilities [N, 3] of tokens by the network, the n-grams, and the words typed recently.

        A model cannot suggest what it does not know; such tokens get the probability 0.
        """
        following, recent, lexicon = Following(self.ngram_), Recent(), Lexicon(self.ngram_.vocabulary)
        numbers = numbers_of(tokens, self.names_)
        network = np.exp(text_log_probs(self.network_, numbers)) * (numbers < len(self.names_))
        state, probabilities = following.automaton.start, np.zeros((len(tokens), 3))
        for i, token in enumerate(tokens):
            number = lexicon.add(token)
            counted = following.probabilities(state)[number] if number < following.size else 0.0
            probabilities[i] = network[i], counted, recent.probabilities(len(lexicon))[number]
            state = following.step(state, number)
            recent.add(number)
        return probabilities

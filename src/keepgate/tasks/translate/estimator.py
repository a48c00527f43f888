"""`Translator`: a text for a text, by a recurrent encoder and a decoder with attention."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from keepgate import limits, schema
from keepgate import networks as blocks
from keepgate.data.text.pairs import Pairs
from keepgate.data.text.tokens import TOKENS, Tokens
from keepgate.errors import InputError, quoted
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.parameters import estimator
from keepgate.tasks.common.pretrained import go_on_from
from keepgate.tasks.translate.beam import Ranking
from keepgate.tasks.translate.examples import PairExamples, as_pairs, targets_of
from keepgate.tasks.translate.network import TranslatorNetwork, translator
from keepgate.tasks.translate.parameters import MOST_BEAM, TranslatorParameters
from keepgate.tasks.translate.search import Translation, as_translation, bleu_score, replies, translations
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

REPLIES = 3  # for a message


@estimator
class Translator(TranslatorParameters, Estimator):
    """Translates texts; with `task="reply"` answers messages, by several short replies that begin differently.

    X is a list of N source texts, y a list of their N targets; or X is the `Pairs` of a file, which carry both. Texts
    are made of subwords learned from the training data.

    >>> X = ["ein Hund", "eine Katze", "ein Haus"] * 20
    >>> translator = Translator(hidden_size=32, vocabulary=300, epochs=20, batch_size=4)
    >>> translator.fit(X, ["a dog", "a cat", "a house"] * 20).predict(["eine Katze"])
    ['a cat']

    Attributes:
        tokens_: the units of sources and of targets.
        commonest_: the commonest targets of the training data.
        equations_, network_, history_, columns_: as in every estimator of keepgate.
    """

    onnx_parts: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    STATE: ClassVar[schema.Check] = schema.record(
        tokens=schema.items(TOKENS, TOKENS), commonest=schema.several(schema.text(2**20), 1, REPLIES)
    )
    fixed: ClassVar[tuple[str, ...]] = ("task", "lowercase")
    later: ClassVar[Mapping[str, Any]] = {"source_suffix": None, "target_suffix": None, "init": None, "select": "loss"}
    UPDATES: ClassVar[int] = 3_000
    PASSES: ClassVar[tuple[int, int]] = (7, 100)

    network_: TranslatorNetwork = field(init=False)
    tokens_: tuple[Tokens, Tokens] = field(init=False)
    commonest_: list[str] = field(init=False)

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        valid: Any = None,
        run: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Translator:
        """Train on sources and their targets and return self.

        Args:
            X: the sources.
            y: their targets; None: those that X carries.
            valid: `(X, y)` or `Pairs`, held out to choose the best epoch (and to stop early, see `patience`); without
                it the last epoch's weights are kept.
            run: folder for `metrics.jsonl` and the state of the training; the same call with the same folder resumes
                an interrupted training.
            callbacks: functions of each epoch's row and the network; see `keepgate.training.train`.

        Raises:
            InputError: there are unequal numbers of sources and targets, or an empty text.
        """
        self.check_parameters()
        data = as_pairs(X, y)
        held_out = None if valid is None else as_pairs(*valid if isinstance(valid, tuple) else (valid,))
        counts = Counter(targets_of(data))
        self.commonest_ = sorted(counts, key=lambda text: (-counts[text], text))[:REPLIES]
        before = None if self.init is None else Translator.load(self.init, "cpu")
        self.tokens_ = self._learned_tokens(data) if before is None else before.tokens_
        self.network_ = self.new_network()
        if before is not None:
            go_on_from(f"{self.init}", before.network_, self.network_)
        examples = None if held_out is None else self._examples(held_out)
        chosen = self.select or ("loss" if self.is_reply else "bleu")
        score = None if chosen == "loss" else bleu_score(self.tokens_[1], self.lowercase)
        loss = TranslatorNetwork.loss
        self.train_network(loss, self._examples(data), examples, run, callbacks=callbacks, score=score)
        return self

    def check_parameters(self) -> None:
        """As `Estimator.check_parameters`; and units are even where two directions have half of them each."""
        super().check_parameters()
        if self.bidirectional and self.hidden_size % 2:
            raise InputError(f"hidden_size={self.hidden_size} is odd: each direction of the encoder has half the units")

    def predict(self, X: Any) -> list[str]:
        """Return the best translation of each text, or the best reply to it."""
        return [best.text for best, *_ in self.translate(X)]

    def translate(self, X: Any, nbest: int | None = None) -> list[list[Translation]]:
        """Return the best translations of each text, or replies to it, best first.

        Args:
            X: the texts.
            nbest: how many, up to 1,000; None: one translation, or three replies.

        Raises:
            InputError: `nbest` is no such number.
        """
        self.check_fitted()
        find = replies if self.is_reply else translations
        if nbest is not None and not (isinstance(nbest, int) and 1 <= nbest <= MOST_BEAM):
            raise InputError(f"nbest={quoted(nbest)} is no whole number from 1 to {MOST_BEAM:,}")
        count = nbest or (REPLIES if self.is_reply else 1)
        ranking = Ranking(self.length_penalty, self.coverage_penalty)

        def compute(batch: Any) -> list[list[Translation]]:
            sources, lengths, *_ = batch
            found = find(self.network_, (sources, lengths), self.tokens_[1].end, self.beam, count, ranking)
            symbols = [row[:n].tolist() for row, n in zip(sources.cpu(), lengths.tolist(), strict=True)]
            return [[as_translation(s, h, self.tokens_) for h in rows] for s, rows in zip(symbols, found, strict=True)]

        return self.each_example(self._examples(Pairs(as_pairs(X).sources, None)), compute)

    @property
    def is_reply(self) -> bool:
        """Whether messages are answered, and not translated."""
        return self.task == "reply"

    def state_to_json(self) -> dict[str, Any]:
        """Return the units of texts, and the commonest targets."""
        return {"tokens": [tokens.to_json() for tokens in self.tokens_], "commonest": self.commonest_}

    def set_state(self, state: dict[str, Any]) -> None:
        """Set the units of texts, the commonest targets and the network."""
        source, target = (Tokens.from_json(tokens) for tokens in state["tokens"])
        self.tokens_, self.commonest_ = (source, target), state["commonest"]
        if any(tokens.special != ("end",) for tokens in self.tokens_):
            raise InputError("fitted.tokens have not the one special symbol, their end")
        if self._one_vocabulary() and source.state != target.state:
            raise InputError("fitted.tokens differ where sources and targets have one vocabulary")
        self.network_ = self.build_network()

    def build_network(self) -> TranslatorNetwork:
        """Return the network, untrained."""
        values = self.plain_parameters()
        hidden, size, both = values["hidden_size"], values["embedding_size"], values["bidirectional"]

        def layer(inputs: int, units: int = hidden, **more: Any) -> blocks.Recurrent:
            return blocks.Recurrent(self.equations_, inputs, units, **more)

        first = layer(size, hidden // (1 + both), bidirectional=both)
        above = range(values["num_layers"] - 1)
        encoder, decoder = [first, *(layer(hidden) for _ in above)], [layer(size), *(layer(2 * hidden) for _ in above)]
        if any(one.output_size != hidden for one in (*encoder, *decoder)):
            raise InputError(f"cell {self.cell_name()} gives no output of hidden_size={hidden}; '{self.TASK}' needs it")
        symbols = (self.tokens_[0].size, self.tokens_[1].size)
        options = {"shared": self._one_vocabulary(), "dropout": float(values["dropout"])}
        description = translator(encoder, decoder, symbols, **options)
        return TranslatorNetwork(description, values["backend"], smoothing=float(values["label_smoothing"]))

    def to_onnx(self, graph: Graph, part: str) -> None:
        """Emit the encoder, or the decoder, which a search calls step by step; see `keepgate.export.onnx`."""
        self.check_fitted()
        source, target = self.tokens_
        graph.metadata |= {
            "source_tokens": json.dumps(source.to_json()),
            "target_tokens": json.dumps(target.to_json()),
            "end": json.dumps([source.end, target.end]),
        }
        network = self.network_
        hidden, count = int(self.hidden_size), target.size
        log_probs, weights, memory = network.description.outputs
        lengths = {"source_lengths": ("source_lengths", "symbols of each source with its end, 1 to S, [B]")}
        symbols = "numbers of the source's symbols, closed by the end, [B, S]"
        first = network.entering[0]
        widths = {name: network.description.values()[name].width for name in network.entering}
        if part == "encoder":
            outputs = {
                memory: ("memory", f"what the decoder attends to, [B, S, {hidden}]"),
                first: ("state_0", f"the decoder's first state before its first step, [B, 1, {hidden}]"),
            }
            return self.emit_network(graph, {"source_symbols": ("source", symbols), **lengths}, outputs)
        inputs = {
            "target_symbols": ("target", "numbers of the symbols that come next, the end first of all, [B, T]"),
            memory: ("memory", f"the encoder's, [B, S, {hidden}]"),
            **lengths,
            **{
                name: (f"state_{k}", f"of the step before, at first zeros but for state_0, [B, 1, {widths[name]}]")
                for k, name in enumerate(network.entering)
            },
        }
        outputs = {
            log_probs: ("log_probs", f"logarithms of the probabilities of the next symbol, [B, T, {count}]"),
            weights: ("attention", "to each place of the source, [B, T, S]"),
            **{name: (f"next_state_{k}", "for the step after") for k, name in enumerate(network.ending)},
        }
        return self.emit_network(graph, inputs, outputs)

    def _learned_tokens(self, data: Pairs) -> tuple[Tokens, Tokens]:
        sides = [[self._prepared(text) for text in side] for side in (data.sources, targets_of(data))]
        if self._one_vocabulary():
            sides = [sides[0] + sides[1]]
        tokens = [Tokens.train(texts, "subwords", self.vocabulary, ("end",)) for texts in sides]
        return tokens[0], tokens[-1]

    def _one_vocabulary(self) -> bool:
        return self.shared or self.is_reply

    def _prepared(self, text: str) -> str:
        """Return a text as it is cut into pieces: with a space before the first word as before all others."""
        return " " + (text.lower() if self.lowercase else text).strip()

    def _examples(self, data: Pairs) -> PairExamples:
        targets = data.targets or [""] * len(data)
        source, target = self.tokens_
        pairs = [
            (self._numbers(source, a), self._numbers(target, b) if b else np.empty(0, np.int64))
            for a, b in zip(data.sources, targets, strict=True)
        ]
        return PairExamples(pairs, (source.end, target.end))

    def _numbers(self, tokens: Tokens, text: str) -> np.ndarray:
        """Return a text as numbers; InputError above `text_pieces`: attention needs memory for each pair of them."""
        numbers = tokens.encode(self._prepared(text))
        limits.check("text_pieces", len(numbers), f"the text {quoted(text)}")
        return numbers

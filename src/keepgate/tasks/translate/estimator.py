"""`Translator`: a text for a text, by a recurrent encoder and a decoder with attention."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import torch

from keepgate import limits, schema
from keepgate import networks as blocks
from keepgate.data.text.pairs import Pairs, read_pairs
from keepgate.data.text.tokens import TOKENS, Tokens
from keepgate.errors import InputError, quoted
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.given import as_list
from keepgate.tasks.common.parameters import EPOCHS, EXAMPLES, LAYERS, SHARE, SIZE, STRENGTH, param
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.translate.beam import Hypothesis, Ranking, Start, Translation, different_starts, search
from keepgate.tasks.translate.network import Decoding, PairExamples, TranslatorNetwork, translator
from keepgate.tasks.translate.scores import reply_scores, signatures, translation_scores

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

KINDS = ("translate", "reply")
REPLIES = 3  # for a message
SHOWN = 20  # texts in the report
DRAWN = 4  # pictures of attention in it


@dataclass(eq=False, repr=False, kw_only=True)
class Translator(Estimator):
    """Translates texts; with `task="reply"` answers messages, by several short replies that begin differently.

    X is a list of N source texts, y a list of their N targets; or X is the `Pairs` of `read`, which carry both. Texts
    are made of subwords learned from the training data.

    >>> X = ["ein Hund", "eine Katze", "ein Haus"] * 20
    >>> translator = Translator(hidden_size=32, vocabulary=300, epochs=20, batch_size=4)
    >>> translator.fit(X, ["a dog", "a cat", "a house"] * 20).predict(["eine Katze"])
    ['a cat']

    `fit` sets, beside the attributes of `Estimator`: `tokens_`, the units of sources and of targets, and `commonest_`,
    the commonest targets of the training data.
    """

    task: ClassVar[str] = "translate"
    onnx_parts: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    formats: ClassVar[tuple[str, ...]] = (".tsv", ".txt", ".jsonl", "each also .gz")
    FITTED: ClassVar[schema.Check] = schema.record(
        tokens=schema.items(TOKENS, TOKENS), commonest=schema.several(schema.text(2**20), 1, REPLIES)
    )
    fixed: ClassVar[tuple[str, ...]] = ("task", "lowercase")

    task: str = param("translate", "what is learned: translations, or replies to messages", choices=KINDS)
    vocabulary: int = param(4000, "subwords of a language at most", minimum=257, maximum=2**22)
    shared: bool = param(False, "sources and targets have one vocabulary; with --task reply they always have")
    lowercase: bool = param(False, "turn all texts to lower case")
    embedding_size: int = param(256, "size of the vector learned for a subword", **SIZE)
    hidden_size: int = param(256, "units of each layer", **SIZE)
    num_layers: int = param(2, "layers of the encoder, and of the decoder", **LAYERS)
    bidirectional: bool = param(True, "the encoder's first layer reads in both directions, with half the units each")
    dropout: float = param(0.3, "share of activations dropped while training, the same for a whole text", **SHARE)
    label_smoothing: float = param(0.1, "share of probability aimed at all subwords alike", **SHARE)
    beam: int = param(6, "hypotheses kept while searching for a translation", minimum=1, maximum=1_000)
    length_penalty: float = param(
        1.0, "power of the length that log-probabilities are divided by", minimum=0, maximum=100
    )
    coverage_penalty: float = param(0.0, "weight of what was not attended to", **STRENGTH)
    epochs: int = param(7, "passes over the training data", **EPOCHS)
    batch_size: int = param(64, "examples in one step of the optimizer", **EXAMPLES)
    learning_rate: float = param(2e-3, "highest step size of the optimizer", **STRENGTH)

    network_: TranslatorNetwork = field(init=False)
    tokens_: tuple[Tokens, Tokens] = field(init=False)
    commonest_: list[str] = field(init=False)

    def fit(self, X: Any, y: Any = None, *, valid: Any = None, run: str | Path | None = None) -> Translator:
        """Train on sources X and their targets y and return self.

        valid: `(X, y)` or `Pairs`, held out to choose the best epoch (and to stop early, see `patience`); without it
        the last epoch's weights are kept. run: a folder for `metrics.jsonl` and the state of the training; the same
        call with the same folder resumes a training that was interrupted.

        Raises InputError for unequal numbers of sources and targets, or an empty text.
        """
        self.check_parameters()
        data = _pairs(X, y)
        held_out = None if valid is None else _pairs(*valid if isinstance(valid, tuple) else (valid,))
        counts = Counter(_targets(data))
        self.commonest_ = sorted(counts, key=lambda text: (-counts[text], text))[:REPLIES]
        self.tokens_ = self._learned_tokens(data)
        self.network_ = self.new_network()
        examples = None if held_out is None else self._examples(held_out)
        self.train_network(TranslatorNetwork.loss, self._examples(data), examples, run)
        return self

    def check_parameters(self) -> None:
        """As in `Estimator`; and units must be even where two directions have half of them each."""
        super().check_parameters()
        if self.bidirectional and self.hidden_size % 2:
            raise InputError(f"hidden_size={self.hidden_size} is odd: each direction of the encoder has half the units")

    def predict(self, X: Any) -> list[str]:
        """The best translation of each text, or the best reply to it."""
        return [found[0].text for found in self.translate(X)]

    def translate(self, X: Any, nbest: int | None = None) -> list[list[Translation]]:
        """The `nbest` translations of each text (by default one), or replies to it (by default three), best first."""
        self.check_fitted()
        nbest = nbest or self._wanted()
        data = _pairs(X)

        def compute(batch: Any) -> list[list[Translation]]:
            found = self._search(batch[0], batch[1], nbest)
            sources = [row[:n].tolist() for row, n in zip(batch[0].cpu(), batch[1].tolist(), strict=True)]
            return [[self._translation(s, h) for h in rows] for s, rows in zip(sources, found, strict=True)]

        return self.each_example(self._examples(Pairs(data.sources, None)), compute)

    def _wanted(self) -> int:
        return REPLIES if self.task == "reply" else 1

    def _search(self, source: torch.Tensor, lengths: torch.Tensor, nbest: int) -> list[list[Hypothesis]]:
        """The best hypotheses for sources [B, S] of these lengths [B]."""
        network, end = self.network_, self.tokens_[1].end
        at = network.encode(source, lengths)
        start = Start.of(end, at.inside, at)
        ranking, limits = Ranking(self.length_penalty, self.coverage_penalty), 2 * lengths + 10
        if self.task != "reply":
            found = search(self._step, start, end, max(self.beam, nbest), limits, ranking)
            return [_some(rows)[:nbest] for rows in found]
        begun = different_starts(self._step, start, end, nbest)
        found = search(self._step, begun, end, self.beam, limits.repeat_interleave(nbest), ranking)
        best = [_some(rows)[0] for rows in found]
        groups = (best[i : i + nbest] for i in range(0, len(best), nbest))
        return [sorted(group, key=lambda hypothesis: -hypothesis.score) for group in groups]

    def _step(self, symbols: torch.Tensor, at: Decoding) -> tuple[torch.Tensor, torch.Tensor, Decoding]:
        told, weights, at = self.network_.decode(symbols[:, None], at)
        return self.network_.scores(told[:, 0]).log_softmax(-1), weights[:, 0], at

    def _translation(self, source: list[int], found: Hypothesis) -> Translation:
        spoken, said = self.tokens_
        return Translation(
            said.decode(found.symbols).strip(),
            found.score,
            [spoken.decode([symbol]) for symbol in source],
            [said.decode([symbol]) for symbol in found.symbols],
            found.weights[:, : len(source)].cpu().numpy(),
        )

    # Files, tables and the report

    @classmethod
    def read(cls, path: str | Path, columns: Any = None, *, labelled: bool = True) -> Pairs:
        """Read a file of pairs; see `keepgate.data.text.pairs`."""
        return read_pairs(path, labelled)

    def predict_table(self, data: Any) -> pa.Table:
        """A row for each translation, or for each of the replies to a message: source, rank, target, score."""
        data = _pairs(data)
        rows = [
            {"source": source, "rank": rank, "target_hat": one.text, "score": one.score}
            for source, found in zip(data.sources, self.translate(data), strict=True)
            for rank, one in enumerate(found, start=1)
        ]
        return pa.Table.from_pylist(rows)

    def evaluate(self, data: Any) -> list[dict[str, Any]]:
        """Scores of this model and of what needs no training.

        Translations: BLEU and chrF by sacrebleu (see `signatures`), beside the sources themselves and the commonest
        target. Replies: how often the first, or one of three, is the true one, beside the commonest replies.
        """
        data = _pairs(data)
        return self._rows(data, [[one.text for one in found] for found in self.translate(data)])

    def signatures(self) -> dict[str, str]:
        """Of each score of `evaluate`, how sacrebleu computed it."""
        return signatures(self.lowercase)

    def sections(self, data: Any, valid: Any) -> list[Section]:
        """Scores, some texts, and what the pieces of some translations attended to."""
        from keepgate.tasks.translate.figures import attention_figure

        shown, where = (data, "training data") if valid is None else (valid, "held-out data")
        shown = _pairs(shown)
        found = self.translate(shown)
        rows = self._rows(shown, [[one.text for one in some] for some in found])
        about = "" if self.task == "reply" else ", ".join(f"{k}: {v}" for k, v in self.signatures().items())
        some = np.linspace(0, len(shown) - 1, min(SHOWN, len(shown))).astype(int)
        texts = [
            "\n".join(["  " + shown.sources[i], "= " + _targets(shown)[i], *("> " + one.text for one in found[i])])
            for i in some
        ]
        key = "The source; = the target that was given; > what this model says."
        return [
            Section(f"Scores on the {where}", f"{len(shown)} pairs. {about}", rows),
            Section("What the model says", key, listing="\n\n".join(texts)),
            *(Section(f"Attention: {shown.sources[i]}", figure=attention_figure(found[i][0])) for i in some[:DRAWN]),
        ]

    def _rows(self, data: Pairs, found: list[list[str]]) -> list[dict[str, Any]]:
        truth, count = _targets(data), len(data)
        if self.task == "reply":
            guesses = {self.cell_name(): found, "commonest replies": [self.commonest_] * count}
            return [{"model": name, **reply_scores(rows, truth)} for name, rows in guesses.items()]
        guesses = {
            self.cell_name(): [rows[0] for rows in found],
            "source itself": data.sources,
            "commonest target": self.commonest_[:1] * count,
        }
        return [{"model": name, **translation_scores(rows, truth, self.lowercase)} for name, rows in guesses.items()]

    # The model file

    def fitted(self) -> dict[str, Any]:
        """The units of texts."""
        return {"tokens": [tokens.to_json() for tokens in self.tokens_], "commonest": self.commonest_}

    def restore(self, fitted: dict[str, Any]) -> None:
        """Set what `fitted` returned and build the network."""
        source, target = (Tokens.from_json(tokens) for tokens in fitted["tokens"])
        self.tokens_, self.commonest_ = (source, target), fitted["commonest"]
        if any(tokens.special != ("end",) for tokens in self.tokens_):
            raise InputError("fitted.tokens have not the one special symbol, their end")
        if self._one_vocabulary() and source.state != target.state:
            raise InputError("fitted.tokens differ where sources and targets have one vocabulary")
        self.network_ = self._network()

    def _learned_tokens(self, data: Pairs) -> tuple[Tokens, Tokens]:
        sides = [[self._prepared(text) for text in side] for side in (data.sources, _targets(data))]
        if self._one_vocabulary():
            sides = [sides[0] + sides[1]]
        found = [Tokens.train(texts, "subwords", self.vocabulary, ("end",)) for texts in sides]
        return found[0], found[-1]

    def _one_vocabulary(self) -> bool:
        return self.shared or self.task == "reply"

    def _prepared(self, text: str) -> str:
        """A text as its pieces are looked for: a space before the first word as before all others."""
        return " " + (text.lower() if self.lowercase else text).strip()

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

    def _network(self) -> TranslatorNetwork:
        given = self._plain_parameters()
        hidden, size = given["hidden_size"], given["embedding_size"]
        directions = 1 + given["bidirectional"]

        def layer(inputs: int, units: int = hidden, **more: Any) -> blocks.Recurrent:
            return blocks.Recurrent(self.equations_, inputs, units, **more)

        first = layer(size, hidden // directions, bidirectional=given["bidirectional"])
        above = range(given["num_layers"] - 1)
        encoder, decoder = [first, *(layer(hidden) for _ in above)], [layer(size), *(layer(2 * hidden) for _ in above)]
        if any(one.output_size != hidden for one in (*encoder, *decoder)):
            raise InputError(f"cell {self.cell_name()} gives no output of hidden_size={hidden}; '{self.task}' needs it")
        symbols = (self.tokens_[0].size, self.tokens_[1].size)
        options = {"shared": self._one_vocabulary(), "dropout": float(given["dropout"])}
        description = translator(encoder, decoder, symbols, **options)
        return TranslatorNetwork(description, given["backend"], smoothing=float(given["label_smoothing"]))

    def _examples(self, data: Pairs) -> PairExamples:
        targets = data.targets or [""] * len(data)
        source, target = self.tokens_
        pairs = [
            (self._numbers(source, a), self._numbers(target, b) if b else np.empty(0, np.int64))
            for a, b in zip(data.sources, targets, strict=True)
        ]
        return PairExamples(pairs, (source.end, target.end))

    def _numbers(self, tokens: Tokens, text: str) -> np.ndarray:
        """A text as numbers; InputError above `text_pieces`, for attention takes memory for each pair of pieces."""
        numbers = tokens.encode(self._prepared(text))
        limits.check("text_pieces", len(numbers), f"the text {quoted(text)}")
        return numbers


def _pairs(X: Any, y: Any = None) -> Pairs:
    """Texts as pairs, checked."""
    if isinstance(X, Pairs):
        X, y = X.sources, X.targets
    X = as_list("X", X, "texts")
    y = None if y is None else as_list("y", y, "texts")
    if y is not None and len(y) != len(X):
        raise InputError(f"inconsistent numbers of samples: {len(X)} texts in X, {len(y)} in y")
    for name, texts in (("X", X), ("y", y or [])):
        for i, text in enumerate(texts):
            if not isinstance(text, str) or not text.strip():
                raise InputError(f"{name}[{i}] is no text, or an empty one")
    return Pairs(X, y)


def _some(rows: list[Hypothesis]) -> list[Hypothesis]:
    """What a search found; InputError for nothing, which scores that are no numbers lead to."""
    if not rows:
        raise InputError("the model's scores are no numbers: its weights are of no training; train it again")
    return rows


def _targets(data: Pairs) -> list[str]:
    if data.targets is None:
        raise InputError("there are no targets: give y, a text for each source")
    return data.targets

"""`LanguageModel`: what comes next in a text, by bytes, characters or subwords; it continues a prompt."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from keepgate import schema, store
from keepgate.data.text.tokens import TOKENS, Tokens
from keepgate.errors import InputError, quoted
from keepgate.objectives import NGram
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.parameters import estimator
from keepgate.tasks.common.pretrained import go_on_from
from keepgate.tasks.common.running import limited_threads
from keepgate.tasks.write.examples import COUNTS, as_counts, streams
from keepgate.tasks.write.network import LanguageNetwork, described, language, text_log_probs
from keepgate.tasks.write.parameters import LanguageModelParameters
from keepgate.tasks.write.sampling import Sampler, Sampling, sampled
from keepgate.tasks.write.text import content_of, split
from keepgate.training import Streams
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

ORDERS = {"bytes": 6, "characters": 6, "subwords": 3}  # of the n-gram baseline
COUNTED = 2**22  # units of the training text that the n-gram baseline is counted from, at most


@estimator
class LanguageModel(LanguageModelParameters, Estimator):
    """Recurrent language model of a text.

    A text is a str, or bytes (UTF-8, or with `units="bytes"` any). It is cut into as many streams as a batch has rows;
    the state is carried from window to window, the gradient through one window (truncated back-propagation through
    time). Dropout of embeddings and outputs and weight drop are after Gal & Ghahramani 2016 and Merity, Keskar & Socher
    2018: one mask for a window.

    >>> model = LanguageModel(hidden_size=16, window=10, batch_size=4, epochs=3, threads=1).fit("to be or not " * 50)
    >>> text = "".join(model.write("to be", length=20, temperature=0.5, seed=0))
    >>> len(text), model.log_probs("to be or not").shape
    (20, (12,))

    Attributes:
        tokens_: the units and their numbers (`keepgate.data.text.tokens`).
        counts_: how often each is in the training text.
        ngram_: the n-gram baseline, or None.
        network_: its tensors are listed in `keepgate.tasks.write.network`.
        equations_, history_, columns_: as in every estimator of keepgate.
    """

    retired: ClassVar[Mapping[str, Any]] = {"bidirectional": False}
    STATE: ClassVar[schema.Check] = schema.record(tokens=TOKENS, counts=COUNTS)
    fixed: ClassVar[tuple[str, ...]] = ("units",)
    later: ClassVar[Mapping[str, Any]] = {"init": None}
    UPDATES: ClassVar[int] = 2_000
    PASSES: ClassVar[tuple[int, int]] = (8, 40)

    network_: LanguageNetwork = field(init=False)
    tokens_: Tokens = field(init=False)
    counts_: np.ndarray = field(init=False)
    ngram_: NGram | None = field(init=False)

    def check_parameters(self) -> None:
        """As `Estimator.check_parameters`; and InputError for two parameters that exclude each other."""
        super().check_parameters()
        if self.tied and self.adaptive:
            raise InputError("tied=True and adaptive=True exclude each other: choose one")

    def fit(
        self,
        text: Any,
        y: None = None,
        *,
        valid: Any = None,
        run: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> LanguageModel:
        """Train on a text and return self.

        Args:
            text: the text.
            y: ignored.
            valid: a held-out text, to choose the best epoch; without it the last tenth of `text` is held out.
            run: folder for `metrics.jsonl` and the state of the training; the same call with the same folder resumes
                an interrupted training.
            callbacks: functions of each epoch's row and the network; see `keepgate.training.train`.

        Raises:
            InputError: the text is empty, shorter than a window, or not UTF-8 (except with `units="bytes"`).
        """
        self.check_parameters()
        train, held_out = split(text, valid, self.units)
        before = None if self.init is None else LanguageModel.load(self.init, "cpu")
        if before is None:
            self.tokens_ = Tokens.train([] if self.units == "bytes" else [train], self.units, self.vocabulary_size, ())
        elif before.units == self.units:
            self.tokens_ = before.tokens_
        else:
            raise InputError(
                f"init={self.init}: that run has units={before.units}, this one {self.units}: choose those"
            )
        numbers = self.tokens_.encode(train)
        if len(numbers) <= self.window:
            raise InputError(
                f"the training text has {len(numbers)} {self.units}, which is no more than one window of "
                f"{self.window}: give a longer text or a smaller window"
            )
        self.counts_ = np.bincount(numbers, minlength=self.tokens_.size)
        self.network_ = self.new_network()
        if before is not None:
            go_on_from(f"{self.init}", before.network_, self.network_)
        parts = self._streams(numbers), self._streams(self.tokens_.encode(held_out))
        self.train_network(LanguageNetwork.loss, *parts, run, int(self.window), callbacks=callbacks)
        self.ngram_ = NGram.train([[*map(str, numbers[-COUNTED:])]], ORDERS[self.units])
        return self

    def log_probs(self, text: Any) -> np.ndarray:
        """Return the natural logarithm of the probability of each unit of a text after all before it, [N] float64.

        The state is carried through the whole text. Before the first unit the recurrent layers' output is taken to be
        zero.
        """
        self.check_fitted()
        with limited_threads(self.threads):
            return text_log_probs(self.network_, self.encoded(text))

    def encoded(self, text: Any) -> np.ndarray:
        """Return a text as the numbers of its units, [N]; InputError if it is empty."""
        numbers = self.tokens_.encode(content_of(text))
        if not len(numbers):
            raise InputError("the text is empty: give at least one character")
        return numbers

    def write(
        self,
        prompt: Any = "",
        length: int = 500,
        temperature: float = 1.0,
        top_p: float = 1.0,
        seed: int | None = None,
        *,
        top_k: int | None = None,
        repetition_penalty: float = 1.0,
        stop: str | Sequence[str] = (),
    ) -> Iterator[str]:
        """Continue a prompt: yield the text of `length` units, in pieces, as they are drawn.

        Args:
            prompt: a text.
            length: units to draw, at most.
            temperature: probabilities are taken to the power of its inverse; 0: always the most probable unit.
            top_p: of these, draw from the fewest most probable units that have this share of the probability (Holtzman
                et al. 2020).
            seed: the same one writes the same text; None: another one each time.
            top_k: draw from so many most probable units (Fan, Lewis & Dauphin 2018); None: all.
            repetition_penalty: by which the logarithms of the probabilities of units that were there before are
                multiplied (after Keskar et al. 2019).
            stop: a text, or several, before the first of which the text ends.

        Raises:
            InputError: the prompt has units that were not in the training text, or an option is out of range.
        """
        self.check_fitted()
        how = Sampling(
            **{"length": length, "temperature": temperature, "top_p": top_p, "top_k": top_k, "seed": seed},
            repetition_penalty=repetition_penalty,
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
        )
        return sampled(Sampler(self.network_), self.tokens_, self._prompt(prompt), how)

    def _prompt(self, prompt: Any) -> np.ndarray:
        numbers = self.tokens_.encode(content_of(prompt))
        for place, number in enumerate(numbers):
            if not self.counts_[number]:
                unseen = self.tokens_.decode([number]) or content_of(prompt)[place]
                raise InputError(
                    f"the prompt has {quoted(unseen)} as number {place + 1} of its {self.units}, which was not in the "
                    "training text: leave it out"
                )
        return numbers

    def _streams(self, numbers: np.ndarray) -> Streams:
        return streams(numbers, int(self.batch_size), int(self.window))

    def state_to_json(self) -> dict[str, Any]:
        """Return units and their counts."""
        return {"tokens": self.tokens_.to_json(), "counts": self.counts_.tolist()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Set units, their counts and the network."""
        self.tokens_ = Tokens.from_json(state["tokens"])
        if self.tokens_.units != self.units:
            raise InputError(f"fitted.tokens are {self.tokens_.units} where units={quoted(self.units)}")
        self.counts_, self.ngram_ = as_counts(state["counts"], self.tokens_.size), None
        self.network_ = self.build_network()

    def save(self, folder: str | Path) -> None:
        """Write the model file, and in `ngram` next to it the baseline, without which the model still works."""
        super().save(folder)
        if self.ngram_ is not None:
            store.write_model(Path(folder) / "ngram", *self.ngram_.to_arrays(), kind="n-gram")

    def read_companions(self, folder: Path) -> None:
        """Read the n-gram baseline, if it is there."""
        if store.has_model(folder / "ngram"):
            self.ngram_ = NGram.from_arrays(*store.read_model(folder / "ngram", kind="n-gram"))

    def build_network(self) -> LanguageNetwork:
        """Return the network, untrained."""
        size = int(self.hidden_size if self.embedding_size is None else self.embedding_size)
        layers = self.layers(size, time_first=True, shared=True, weight_drop=float(self.weight_drop))
        if self.tied and layers.input_size != layers.output_size:
            raise InputError(
                f"tied=True needs embeddings of the output's size: embedding_size={layers.output_size}, "
                f"not {layers.input_size}"
            )
        dropout = (float(self.embedding_dropout), float(self.dropout))
        options = {"tied": bool(self.tied), "adaptive": bool(self.adaptive)}
        return LanguageNetwork(language(layers, self.counts_, dropout, **options), self.backend)

    def to_onnx(self, graph: Graph) -> None:
        """Emit what is between units and the probabilities of the next ones; see `keepgate.export.onnx`."""
        self.check_fitted()
        graph.metadata["tokens"] = json.dumps(self.tokens_.to_json())
        self.emit_network(graph, *described(self.network_.description))

"""Words in their context, as a language model of characters reads them.

Akbik, Blythe & Vollgraf 2018, "Contextual String Embeddings for Sequence Labeling": a model that predicts the next
character of unlabelled text reads the sentence, and what its layers hold behind a word is an input of the tagger; so
does another one that reads from the end. Neither learns any more when the tagger does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keepgate import networks as blocks
from keepgate import schema
from keepgate.data.text.sentences import read_sentences
from keepgate.data.text.tokens import TOKENS, Tokens
from keepgate.equations import Equations
from keepgate.errors import InputError
from keepgate.networks import INT64, Input, Step, Value
from keepgate.tasks.common.padded import pad_frames, pad_numbers
from keepgate.tasks.registry import estimator_class, load

__all__ = ["LANGUAGES", "Language", "Texts", "context_encoder", "learned", "loaded", "text_inputs"]

CHARACTERS = 4_000_000  # that a language model of unlabelled text learns from, in as many passes
MOST_PASSES = 40
FOLDERS = ("forward", "backward")  # of a run, where the models are that it learned from unlabelled text
LANGUAGES = schema.several(
    schema.record(
        tokens=TOKENS,
        equations=lambda name, value: None,  # they are checked when they are read
        embedding_size=schema.whole(1, 65_536),
        hidden_size=schema.whole(1, 65_536),
        num_layers=schema.whole(1, 100),
    ),
    most=2,
)


@dataclass(frozen=True)
class Language:
    """The characters and the layers of a language model."""

    tokens: Tokens
    layers: blocks.Recurrent

    @classmethod
    def of(cls, model: Any) -> Language:
        """Return those of a `LanguageModel`."""
        values = model.plain_parameters()
        size = values["hidden_size"] if values["embedding_size"] is None else values["embedding_size"]
        layers = blocks.Recurrent(model.equations_, size, values["hidden_size"], values["num_layers"])
        return cls(model.tokens_, layers)

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Language:
        """Read what `to_json` returned."""
        sizes = (state["embedding_size"], state["hidden_size"], state["num_layers"])
        return cls(Tokens.from_json(state["tokens"]), blocks.Recurrent(Equations.from_json(state["equations"]), *sizes))

    def to_json(self) -> dict[str, Any]:
        """Return all as JSON values."""
        return {
            "tokens": self.tokens.to_json(),
            "equations": self.layers.equations.to_json(),
            "embedding_size": self.layers.input_size,
            "hidden_size": self.layers.hidden_size,
            "num_layers": self.layers.num_layers,
        }


def loaded(runs: Sequence[str]) -> list[Any]:
    """Return the language models of one or two runs.

    Raises:
        InputError: a run is of another task, or reads no characters.
    """
    if len(runs) > len(FOLDERS):
        raise InputError(f"language names {len(runs)} runs: give one, or a second one of the text written backwards")
    models: list[Any] = [load(run, "cpu") for run in runs]
    for run, model in zip(runs, models, strict=True):
        if model.TASK != "write" or model.units != "characters":
            raise InputError(
                f"language={run}: no language model of characters; make one by keepgate fit write --units characters"
            )
    return models


def learned(path: str, sentences: Sequence[Sequence[str]], run: str | Path | None, **options: Any) -> list[Any]:
    """Return two language models, of unlabelled text and of the same written backwards.

    Args:
        path: of the unlabelled text, in any form that sentences are read in.
        sentences: those of the training data, which are read too.
        run: the folder of the tagger's run, where the models are kept; None: they are not.
        options: parameters of the language models.
    """
    text = "".join(f"{' '.join(row)}\n" for row in (*read_sentences(path, labelled=False).tokens, *sentences))
    passes = min(max(round(CHARACTERS / len(text)), 1), MOST_PASSES)
    models: list[Any] = []
    kind: Any = estimator_class("write")
    for name, reading in zip(FOLDERS, (text, text[::-1]), strict=True):
        folder = None if run is None else Path(run) / name
        models.append(kind(epochs=passes, **options).fit(reading, run=folder))
        if folder is not None:
            models[-1].save(folder)
    return models


def context_encoder(languages: Sequence[Language]) -> tuple[tuple[Input, ...], tuple[Step, ...], str, int]:
    """Return the part that reads a sentence's characters and gives what is held behind each word.

    Args:
        languages: one that reads forward, and perhaps one that reads backward.
    """
    inputs, steps = [Input("text_lengths", Value(INT64, ("batch",)))], []
    for k, language in enumerate(languages):
        inputs += [
            Input(f"text.{k}", Value(INT64, ("batch", "characters"))),
            Input(f"ends.{k}", Value(INT64, ("batch", "time"))),
        ]
        steps += [
            Step(
                f"language.{k}.embedding",
                blocks.Embedding(language.tokens.size, language.layers.input_size),
                (f"text.{k}",),
            ),
            Step(f"language.{k}.recurrent", language.layers, (f"language.{k}.embedding", "text_lengths")),
            Step(f"held.{k}", blocks.Lookup(), (f"language.{k}.recurrent", f"ends.{k}")),
        ]
    steps.append(Step("context", blocks.Concat(), tuple(f"held.{k}" for k in range(len(languages)))))
    return tuple(inputs), tuple(steps), "context", sum(language.layers.output_size for language in languages)


def text_inputs(languages: Sequence[Language]) -> dict[str, tuple[str, str]]:
    """Return the further inputs of an exported model: by value, name and text."""
    names = {"text_lengths": ("text_lengths", "characters of each sentence's line, [B]")}
    for k, order in zip(range(len(languages)), ("", " in reverse"), strict=False):
        text = f"numbers of the characters of each line{order}, by the metadata's languages, [B, L]"
        names[f"text.{k}"] = (f"text_{k}", text)
        names[f"ends.{k}"] = (f"ends_{k}", "where in it the character behind each word is, [B, T]")
    return names


class Texts:
    """Sentences as characters, a line each, for language models.

    A line begins and ends with the end of a line, words are apart by spaces. A word's end is the character behind it;
    for the second language, which reads backward, the one before it.

    Attributes:
        context: what the models hold behind each word of each sentence [T, H], once that is known.

    Args:
        sentences: lists of tokens.
        languages: one or two.
    """

    def __init__(self, sentences: Sequence[Sequence[str]], languages: Sequence[Language]) -> None:
        self.lines = [f"\n{' '.join(sentence)}\n" for sentence in sentences]
        self.ends = [np.cumsum([len(word) + 1 for word in sentence]) for sentence in sentences]
        self.languages = languages
        self.context: list[np.ndarray] | None = None

    def inputs(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """Return the network's inputs by name for some of the sentences: their context, if it is known."""
        if self.context is not None:
            return {"context": pad_frames([self.context[i] for i in indices])[0]}
        lines, ends = [self.lines[i] for i in indices], [self.ends[i] for i in indices]
        given = {"text_lengths": torch.tensor([len(line) for line in lines])}
        for k, language in enumerate(self.languages):
            if k:
                ends = [len(line) - 1 - np.r_[0, end[:-1]] for line, end in zip(lines, ends, strict=True)]
                lines = [line[::-1] for line in lines]
            given[f"text.{k}"] = pad_numbers([language.tokens.encode(line) for line in lines])
            given[f"ends.{k}"] = pad_numbers(ends)
        return given

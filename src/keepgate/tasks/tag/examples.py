"""What a tagger learns from: sentences as numbers, with each word spelled once in a batch, or sequences of frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keepgate.data.text.vectors import Vectors, read_vectors
from keepgate.tasks.common.padded import pad_frames, pad_numbers
from keepgate.tasks.tag.language import Texts
from keepgate.training import Examples

UNKNOWN = 1  # word and character; 0 is padding
FIRST = UNKNOWN + 1  # number of the first known word or character
LONGEST = 64  # characters of a word that are read
KEPT = 50_000  # words of a file of vectors that are known at use though the training data lack them
SPREAD = 0.3  # root mean square of the vectors, whatever it was in their file


@dataclass(frozen=True)
class Vocabulary:
    """Known words (in lower case) and characters; each is numbered by its position, from 2 on."""

    words: list[str]
    characters: list[str]

    @classmethod
    def of(cls, sentences: Sequence[Sequence[str]], least: int) -> Vocabulary:
        """Return the words that occur `least` times or more, the commonest first, and all characters."""
        counts = Counter(word.lower() for sentence in sentences for word in sentence)
        words = [word for word, count in counts.most_common() if count >= least]
        return cls(words, sorted({c for sentence in sentences for word in sentence for c in word}))

    def __post_init__(self) -> None:
        object.__setattr__(self, "_words", {word: FIRST + i for i, word in enumerate(self.words)})
        object.__setattr__(self, "_characters", {c: FIRST + i for i, c in enumerate(self.characters)})

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers in use for words and characters, padding and unknown included."""
        return FIRST + len(self.words), FIRST + len(self.characters)

    def spell(self, word: str) -> list[int]:
        """Return the numbers of a word's characters; of a long word those at its beginning and its end."""
        if len(word) > LONGEST:
            word = word[: LONGEST // 2] + word[-LONGEST // 2 :]
        return [self._characters.get(c, UNKNOWN) for c in word]  # type: ignore[attr-defined]

    def number(self, word: str) -> int:
        """Return the number of a word."""
        return self._words.get(word.lower(), UNKNOWN)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class VectorWords:
    """Words that have a vector that was learned elsewhere; each is numbered by its position, from 2 on."""

    words: list[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_numbers", {word: FIRST + i for i, word in enumerate(self.words)})

    @property
    def size(self) -> int:
        """Numbers in use, padding and unknown included."""
        return FIRST + len(self.words)

    def number(self, word: str) -> int:
        """Return the number of a word as it is written, or else in lower case."""
        numbers = self._numbers  # type: ignore[attr-defined]
        return numbers.get(word) or numbers.get(word.lower(), UNKNOWN)


def vectors_of(path: str, sentences: Sequence[Sequence[str]]) -> Vectors:
    """Return vectors that were learned elsewhere, of one spread: of the words of sentences, and the first of the file.

    Raises:
        InputError: as `read_vectors`.
    """
    words = {form for sentence in sentences for word in sentence for form in (word, word.lower())}
    learned = read_vectors(path, words, KEPT)
    deviation = max(float(np.sqrt(np.mean(learned.values**2))), 1e-30)
    return Vectors(learned.words, learned.values * (SPREAD / deviation))


def pad_targets(rows: Sequence[np.ndarray]) -> Tensor:
    """Return targets [B, T] of rows [T_i], or [B, T, H] of rows [T_i, H] of several columns, -1 past a length."""
    if rows[0].ndim == 1:
        return pad_numbers(rows, -1)
    return torch.stack([pad_numbers([row[:, k] for row in rows], -1) for k in range(rows[0].shape[1])], -1)


class SentenceExamples(Examples):
    """Sentences as batches of the network's inputs by name, lengths [B], and targets [B, T], -1 past a length.

    Where there are several columns of tags, targets are [B, T, H].

    The inputs are `words` [B, T], `forms` [U, L], the batch's distinct tokens by their characters, `form_lengths` [U],
    `places` [B, T], which of them stands where, where there are such vectors `vectors` [B, T], and those of `Texts`.

    Args:
        sentences: lists of tokens.
        vocabulary: numbers for them.
        targets: the number of each token's tag, -1 for an unknown one, arrays [T] or [T, H]; None: zeros.
        vectors: the words that have a vector that was learned elsewhere; None: there are none.
        texts: the sentences as language models read them; None: there are no such models.
    """

    def __init__(
        self,
        sentences: Sequence[Sequence[str]],
        vocabulary: Vocabulary,
        targets: Sequence[np.ndarray] | None = None,
        vectors: VectorWords | None = None,
        texts: Texts | None = None,
    ) -> None:
        self.texts = texts
        numbers = {form: i for i, form in enumerate(dict.fromkeys(word for s in sentences for word in s))}
        self.spelled = [np.array(vocabulary.spell(form)) for form in numbers]
        tables = {"words": vocabulary} | ({"vectors": vectors} if vectors else {})
        self.numbers = {
            name: np.array([table.number(form) for form in numbers], dtype=np.int64) for name, table in tables.items()
        }
        self.sentences = [np.array([numbers[word] for word in s], dtype=np.int64) for s in sentences]
        self.targets = [np.zeros_like(s) for s in self.sentences] if targets is None else targets

    def __len__(self) -> int:
        return len(self.sentences)

    def length(self, index: int) -> int:
        """Return the number of tokens of sentence `index`."""
        return len(self.sentences[index])

    def batch(self, indices: Sequence[int]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Return the sentences `indices`, padded to the longest, and the distinct words in them."""
        rows = [self.sentences[i] for i in indices]
        forms, places = np.unique(np.concatenate(rows), return_inverse=True)
        lengths = torch.tensor([len(row) for row in rows])
        spelled = [self.spelled[form] for form in forms]
        inputs = {name: pad_numbers([numbers[row] for row in rows]) for name, numbers in self.numbers.items()} | {
            "forms": pad_numbers(spelled),
            "form_lengths": torch.tensor([len(form) for form in spelled]),
            "places": pad_numbers(np.split(places, np.cumsum(lengths.numpy())[:-1])),
        }
        if self.texts is not None:
            inputs |= self.texts.inputs(indices)
        return inputs, lengths, pad_targets([self.targets[i] for i in indices])

    def weight(self, batch: Any, count: int) -> float:
        """Return the number of tokens, for the loss is their mean."""
        return float(batch[1].sum()) if count else 0.0


class FrameExamples(Examples):
    """Sequences of frames as batches of `(x [B, T, C] float64, lengths [B], targets [B, T])`.

    Args:
        values: N sequences [T_i, C].
        targets: the number of each frame's tag, N arrays [T_i] or [T_i, H], -1 for an unknown one; None: zeros.
    """

    def __init__(self, values: Sequence[np.ndarray], targets: Sequence[np.ndarray] | None = None) -> None:
        self.values = values
        self.targets = [np.zeros(len(v), dtype=np.int64) for v in values] if targets is None else targets

    def __len__(self) -> int:
        return len(self.values)

    def length(self, index: int) -> int:
        """Return the number of frames of sequence `index`."""
        return len(self.values[index])

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the sequences `indices`, padded to the longest."""
        x, lengths = pad_frames([self.values[i] for i in indices])
        return x, lengths, pad_targets([self.targets[i] for i in indices])

    def weight(self, batch: Any, count: int) -> float:
        """Return the number of frames, for the loss is their mean."""
        return float(batch[1].sum()) if count else 0.0

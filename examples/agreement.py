"""Does the verb agree with its subject? A probe at growing distance, with nouns in between that mislead.

    python examples/agreement.py

After Linzen, Dupoux & Goldberg 2016, "Assessing the Ability of LSTMs to Learn Syntax-Sensitive Dependencies", on a
synthetic grammar, so that nothing but the structure tells: "near a house , the dogs near the key of the old men see"
has a plural subject, which is neither the first noun nor the last, and behind it a noun of the other number (an
attractor) and one of the same. A network reads the words up to the verb and says which number it has. Trained on up to
`NOUNS` nouns behind the subject, each of any number, it is tested on up to sixteen times as many.

Measured (3 seeds): lstm and gru are right everywhere, 48 nouns and 168 words behind the subject included; rnn in 99.9 %
or more at every distance; the number of the last noun in half. One bit that must be kept is no trouble to any of them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from keepgate.nn import Recurrent
from keepgate.training import Examples, Settings, train

NOUNS = 3  # behind the subject, at most, while training
TESTED = (0, 1, 2, 3, 6, 12, 24, 48)
STEMS, PREPOSITIONS, ADJECTIVES = 20, 5, 10
THE = 2 * STEMS  # words: singular nouns, plural nouns, the, prepositions, adjectives, comma
COMMA = THE + 1 + PREPOSITIONS + ADJECTIVES
WORDS = COMMA + 1
CELLS = ("lstm", "gru", "rnn")


class Sentences(Examples):
    """Beginnings of sentences up to the verb as batches `(words [T, B], lengths [B], plural [B])`."""

    def __init__(self, count: int, between: Sequence[int], seed: int) -> None:
        random = np.random.default_rng(seed)
        made = [sentence(random, random.choice(between)) for _ in range(count)]
        self.words = [torch.tensor(words) for words, _ in made]
        self.numbers = np.array([numbers[0] for _, numbers in made])  # of the subject
        self.attractors = np.array([sum(n != numbers[0] for n in numbers[1:]) for _, numbers in made])
        self.between = np.array([len(numbers) - 1 for _, numbers in made])
        self.last = np.array([numbers[-1] for _, numbers in made])
        self.distances = np.array([len(words) - 1 - subject(words) for words, _ in made])  # words since the subject

    def __len__(self) -> int:
        return len(self.words)

    def length(self, index: int) -> int:
        return len(self.words[index])

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        rows = [self.words[i] for i in indices]
        plural = torch.tensor(self.numbers[indices], dtype=torch.float32)
        return nn.utils.rnn.pad_sequence(rows), torch.tensor([len(row) for row in rows]), plural


def sentence(random: np.random.Generator, between: int) -> tuple[list[int], list[int]]:
    """The words up to the verb, and the number (1 is plural) of the subject and of each noun behind it."""
    front = [*prepositional(random)[0], COMMA] if random.random() < 0.5 else []
    phrases = [noun_phrase(random), *(prepositional(random) for _ in range(between))]
    return [*front, *(word for words, _ in phrases for word in words)], [number for _, number in phrases]


def prepositional(random: np.random.Generator) -> tuple[list[int], int]:
    """A preposition and a noun phrase, and the noun's number."""
    words, number = noun_phrase(random)
    return [THE + 1 + int(random.integers(PREPOSITIONS)), *words], number


def noun_phrase(random: np.random.Generator) -> tuple[list[int], int]:
    """the, an adjective or none, a noun; and the noun's number."""
    adjective = [THE + 1 + PREPOSITIONS + int(random.integers(ADJECTIVES))] if random.random() < 0.5 else []
    plural = int(random.integers(2))
    return [THE, *adjective, int(random.integers(STEMS)) + plural * STEMS], plural


def subject(words: list[int]) -> int:
    """The place of the subject: the first noun, or the first one behind the comma."""
    begin = words.index(COMMA) if COMMA in words else 0
    return next(i for i, word in enumerate(words) if i >= begin and word < THE)


class Probe(nn.Module):
    """The score [B] of a plural verb after words [T, B]."""

    def __init__(self, cell: str, hidden: int = 32) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, 16)
        self.recurrent = Recurrent(cell, 16, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        _, state = self.recurrent(self.embed(words), lengths=lengths)
        h = state[0] if isinstance(state, tuple) else state
        return self.output(h[-1])[:, 0]


def loss(probe: Probe, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    words, lengths, plural = batch
    return nn.functional.binary_cross_entropy_with_logits(probe(words, lengths), plural)


def right(cell: str, seed: int, count: int, epochs: int, test: Sentences) -> np.ndarray:
    """Which of the test sentences a probe is right about, after training."""
    torch.manual_seed(seed)
    probe = Probe(cell)
    settings = Settings(epochs=epochs, learning_rate=0.01, schedule="cosine", seed=seed)
    train(probe, loss, Sentences(count, range(NOUNS + 1), seed), settings=settings)
    with torch.inference_mode():
        words, lengths, plural = test.batch(np.arange(len(test)))
        return ((probe(words, lengths) > 0) == (plural > 0)).numpy()


def table(found: dict[str, np.ndarray], test: Sentences) -> pd.DataFrame:
    """Accuracy, mean over seeds, by the nouns behind the subject; and where most of those have the other number."""
    rows = []
    for between in np.unique(test.between):
        some = test.between == between
        mislead = some & (2 * test.attractors > between)
        row = {"nouns behind": between, "words since": test.distances[some].mean()}
        row["last noun"] = np.mean(test.last[some] == test.numbers[some])
        for cell, correct in found.items():
            row[cell] = correct[:, some].mean()
            row[f"{cell}, misled"] = correct[:, mislead].mean() if mislead.any() else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sentences", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=8)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    started = time.process_time()
    test = Sentences(4000, TESTED, seed=10**6)
    found = {
        cell: np.stack([right(cell, s, arguments.sentences, arguments.epochs, test) for s in range(arguments.seeds)])
        for cell in CELLS
    }
    print(f"accuracy; trained on up to {NOUNS} nouns behind the subject, mean of {arguments.seeds} seeds")
    print(table(found, test).round(3).to_string(index=False))
    print(f"{time.process_time() - started:.0f} s of one core")


if __name__ == "__main__":
    main()

"""Formal languages learnt from short strings and tested on long ones, with peepholes and without.

    python examples/formal_languages.py                      # 10 seeds of each language and cell
    python examples/formal_languages.py --language anbncn

The set-up is that of Gers & Schmidhuber 2001, "LSTM Recurrent Networks Learn Simple Context-Free and Context-Sensitive
Languages": the network reads a string symbol by symbol and says at each step which symbols can follow; a string is
right if all that it says is. Other than there it is trained by Adam and minibatches, and under weight noise that rises
(Graves 2011, "Practical Variational Inference for Neural Networks"): counting far beyond the training strings needs
gates that are wide open or shut, and only such gates bear the noise.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context

import numpy as np
import pandas as pd
import torch
from lag_tasks import REBER, Batch, predictions, reber_string
from long_time_lag import Network
from numpy.random import Generator
from torch import nn
from tqdm import tqdm

CELLS = ("peephole_lstm", "lstm")
HIDDEN, UPDATES, CLIP = 12, 4200, 0.2
RATE, NOISE = 0.03, 1.0  # the learning rate falls from this to zero, the noise rises from zero to this
BATCH = 64  # strings an update, if there are more

String = tuple[str, list[str]]  # a text, and for each symbol but the last those that can follow it


@dataclass(frozen=True)
class Language:
    """A row of the table: which strings are for training and which for the test, and how it is trained."""

    title: str
    alphabet: str
    train: Callable[[Generator], list[String]]
    test: Callable[[Generator], list[String]]
    forget_bias: float


def counted(letters: str, n: int) -> String:
    """S, n times each letter, T: after the first letter either it or the second can follow, then all is certain."""
    nexts = [letters[0], *[letters[:2]] * n]
    for letter, following in zip(letters[1:], letters[2:] + "T", strict=True):
        nexts += [letter] * (n - 1) + [following]
    return "S" + "".join(letter * n for letter in letters) + "T", nexts


def counts(letters: str, low: int, high: int, random: Generator) -> list[String]:
    return [counted(letters, n) for n in range(low, high + 1)]


PAIRS = {"(": ")", "[": "]"}


def nested(random: Generator, symbols: int, depth: int) -> String:
    """S, brackets of two kinds, at least so many and at most so deep, T, which can follow wherever all are closed."""
    text, nexts, open_ = "S", [], []
    while True:
        nexts.append(("([" if len(open_) < depth else "") + (PAIRS[open_[-1]] if open_ else "T"))
        enough = len(text) > symbols
        choice = nexts[-1][-1] if enough else random.choice(list(nexts[-1].replace("T", "")))
        text += choice
        if choice == "T":
            return text, nexts
        if choice in PAIRS:
            open_.append(choice)
        else:
            open_.pop()


def brackets(count: int, low: int, high: int, random: Generator) -> list[String]:
    return [nested(random, random.integers(low, high + 1), depth=3) for _ in range(count)]


def reber_strings(count: int, low: int, high: int, random: Generator) -> list[String]:
    strings = (reber_string(random) for _ in iter(int, 1))
    fitting = (string for string in strings if low <= len(string[0]) <= high)
    return [next(fitting) for _ in range(count)]


LANGUAGES = {
    "anbn": Language(
        "a^n b^n, n to 10; 11 to 100", "SabT", partial(counts, "ab", 1, 10), partial(counts, "ab", 11, 100), 10
    ),
    "anbncn": Language(
        "a^n b^n c^n, n to 10; 11 to 100", "SabcT", partial(counts, "abc", 1, 10), partial(counts, "abc", 11, 100), 10
    ),
    "dyck": Language(
        "two brackets, 3 deep, to 20 symbols; 50 to 100",
        "S()[]T",
        partial(brackets, 512, 2, 20),
        partial(brackets, 200, 50, 100),
        1,
    ),
    "reber": Language(
        "embedded Reber, to 15 symbols; 25 to 50",
        REBER,
        partial(reber_strings, 256, 9, 15),
        partial(reber_strings, 200, 25, 50),
        1,
    ),
}


def batch_of(strings: list[String], alphabet: str) -> Batch:
    """As `predictions`, but taught is the set of symbols that can follow."""
    batch = predictions(strings, alphabet)
    return replace(batch, target=batch.truth)


def not_the_set(output: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Which strings have a step at which the outputs above 0.5 are not just the symbols that can follow."""
    return (((output > 0.5) != (truth > 0)) & truth.any(axis=-1, keepdims=True)).any(axis=(0, 2))


@contextmanager
def weight_noise(network: nn.Module, size: float) -> Iterator[None]:
    """Within, all weights are disturbed by noise of this deviation; afterwards they are as they were."""
    kept = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    with torch.no_grad():
        for weight in network.parameters():
            weight += size * torch.randn_like(weight)
    yield
    network.load_state_dict(kept)


def generalize(name: str, cell: str, seed: int) -> tuple[int, int]:
    """Train on the short strings; return how many of those and how many of the long ones are not right."""
    language, random = LANGUAGES[name], np.random.default_rng(seed)
    torch.manual_seed(seed)
    train, test = (batch_of(part(random), language.alphabet) for part in (language.train, language.test))
    network = Network(cell, {"f": (language.forget_bias,) * 2}, train, HIDDEN)
    adam = torch.optim.Adam(network.parameters(), RATE)
    slower = torch.optim.lr_scheduler.LambdaLR(adam, lambda update: 1 - update / UPDATES)
    count = len(train.lengths)
    for update in range(UPDATES):
        batch = train if count <= BATCH else train.take(random.integers(0, count, BATCH))
        adam.zero_grad()
        with weight_noise(network, NOISE * update / UPDATES):
            network.loss(network(batch), batch).backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        adam.step()
        slower.step()
    return tuple(
        int(not_the_set(torch.sigmoid(network.read(part)).numpy(), part.truth).sum()) for part in (train, test)
    )


def runs(names: list[str], seeds: int) -> Iterator[tuple[tuple[str, str, int], tuple[int, int]]]:
    """Each language by each cell from each seed, on all cores, as they end."""
    jobs = [(name, cell, seed) for name in names for cell in CELLS for seed in range(seeds)]
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        started = {pool.submit(generalize, *job): job for job in jobs}
        for run in tqdm(as_completed(started), total=len(jobs), unit="run", disable=None, leave=False):
            yield started[run], run.result()


def row(name: str, cell: str, outcomes: list[tuple[int, int]]) -> dict[str, object]:
    """A line of the table: the outcomes of one language and cell over all seeds."""
    language = LANGUAGES[name]
    test = len(language.test(np.random.default_rng(0)))
    return {
        "language": language.title,
        "cell": cell,
        "learnt": f"{sum(short == 0 for short, _ in outcomes)} of {len(outcomes)}",
        "all long ones right": f"{sum(short == long == 0 for short, long in outcomes)} of {len(outcomes)}",
        "of the long, right": f"{1 - statistics.median(long for _, long in outcomes) / test:.1%}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", choices=LANGUAGES, help="this one alone")
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    names = [arguments.language] if arguments.language else list(LANGUAGES)
    outcomes: dict[tuple[str, str], list[tuple[int, int]]] = {(name, cell): [] for name in names for cell in CELLS}
    for (name, cell, _), outcome in runs(names, arguments.seeds):
        outcomes[name, cell].append(outcome)
    print(pd.DataFrame([row(*key, found) for key, found in outcomes.items()]).to_string(index=False))


if __name__ == "__main__":
    main()

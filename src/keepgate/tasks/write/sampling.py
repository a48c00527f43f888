"""Sampling: units drawn one after the other from a language model, on the native core."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from keepgate.data.text.tokens import Tokens
from keepgate.errors import InputError, quoted
from keepgate.runtime import Stream
from keepgate.tasks.write.network import LanguageNetwork


class Sampler:
    """A language model that reads unit by unit and predicts the next one, with the weights it has now.

    Attributes:
        log_probs: [V] float64, natural logarithms of the probabilities of the next unit.
    """

    def __init__(self, network: LanguageNetwork) -> None:
        self.runner = network.runner()
        self.stream = Stream(self.runner, "units", "outputs")
        (outputs,) = self.runner.network.by_name["outputs"].sources
        self._predict(np.zeros((1, 1, self.runner.network.values()[outputs].width)))

    def read(self, numbers: Iterable[int]) -> None:
        """Read further units."""
        units = np.array([int(number) for number in numbers], np.int64)
        if len(units):
            self._predict(self.stream.feed(units[:, None])[-1:])

    def _predict(self, outputs: np.ndarray) -> None:
        log_probs = self.runner.run({"outputs": outputs}, self.runner.network.outputs[0])
        self.log_probs = log_probs[0, 0].astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How units are drawn.

    Attributes:
        length: how many at most.
        temperature: probabilities are taken to the power of its inverse; at 0 the most probable unit is taken.
        top_p: the least set of most probable units is kept whose probabilities sum to it (Holtzman et al. 2020, "The
            Curious Case of Neural Text Degeneration"), above 0 and at most 1.
        top_k: so many most probable units are kept (Fan, Lewis & Dauphin 2018); None: all.
        repetition_penalty: logarithms of the probabilities of units that were read or written before are multiplied by
            it (after Keskar et al. 2019, CTRL), from 1 on; 1: no penalty.
        stop: texts at the first of which the text ends, without it.
        seed: of the random numbers; None: another one each time.

    Raises:
        InputError: a value is out of range.
    """

    length: int = 500
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int | None = None
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        for name, fits, wanted in (
            ("length", self.length >= 0, "a number from 0 on"),
            ("temperature", 0 <= self.temperature < np.inf, "a number from 0 on"),
            ("top_p", 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("top_k", self.top_k is None or self.top_k >= 1, "a whole number from 1 on"),
            ("repetition_penalty", 1 <= self.repetition_penalty < np.inf, "a number from 1 on"),
            ("stop", all(self.stop), "texts that are not empty"),
        ):
            if not fits:
                raise InputError(f"{name}={quoted(getattr(self, name))} is not possible: it has to be {wanted}")


def draw(log_probs: np.ndarray, how: Sampling, random: np.random.Generator) -> int:
    """Return a unit drawn from the probabilities that `how` keeps.

    Args:
        log_probs: natural logarithms of the probabilities, [V].
        how: see `Sampling`.
        random: the generator.
    """
    if np.isnan(log_probs).any() or log_probs.max() == -np.inf:
        raise InputError("the model's probabilities are no numbers: its weights are of no training; train it again")
    if how.temperature == 0:
        return int(np.argmax(log_probs))
    probabilities = np.exp((log_probs - log_probs.max()) / how.temperature)
    probabilities /= probabilities.sum()
    order = np.argsort(-probabilities, kind="stable")[: how.top_k]
    sums = np.cumsum(probabilities[order])
    share = how.top_p if how.top_k is None else how.top_p * sums[-1]
    kept = order[: int(np.searchsorted(sums, min(share, sums[-1]))) + 1]
    return int(random.choice(kept, p=probabilities[kept] / probabilities[kept].sum()))


def sampled(sampler: Sampler, tokens: Tokens, prompt: np.ndarray, how: Sampling) -> Iterator[str]:
    """Yield the text of units drawn one after the other, in pieces as soon as their characters are whole.

    Args:
        sampler: the language model.
        tokens: its units.
        prompt: the units that it reads before, [P] integers.
        how: they are drawn.
    """
    sampler.read(prompt)
    return until(_pieces(sampler, tokens, prompt, how), how.stop)


def until(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """Yield pieces up to the first of some texts; what may be the beginning of one waits for what follows it."""
    held = ""
    for piece in pieces:
        held += piece
        if found := [place for stop in stops if (place := held.find(stop)) >= 0]:
            if before := held[: min(found)]:
                yield before
            return
        waiting = max((n for stop in stops for n in range(1, len(stop)) if held.endswith(stop[:n])), default=0)
        free = len(held) - waiting
        if free:
            yield held[:free]
            held = held[free:]
    if held:
        yield held


def _pieces(sampler: Sampler, tokens: Tokens, prompt: np.ndarray, how: Sampling) -> Iterator[str]:
    random, decoder = np.random.default_rng(how.seed), codecs.getincrementaldecoder("utf-8")("replace")
    silent = [number for number, piece in enumerate(tokens.pieces) if not piece]  # special symbols are never written
    seen = np.zeros(len(tokens.pieces), dtype=bool)
    seen[prompt] = True
    for _ in range(how.length):
        log_probs = np.where(seen, sampler.log_probs * how.repetition_penalty, sampler.log_probs)
        log_probs[silent] = -np.inf
        number = draw(log_probs, how, random)
        seen[number] = True
        sampler.read([number])
        if piece := decoder.decode(tokens.pieces[number]):
            yield piece
    if rest := decoder.decode(b"", final=True):
        yield rest

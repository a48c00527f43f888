"""Sampling: units drawn one after the other from a language model, on the native core."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

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


def draw(log_probs: np.ndarray, temperature: float, top_p: float, random: np.random.Generator) -> int:
    """Return a unit drawn from the probabilities to the power of 1 / temperature; at 0 the most probable one.

    Of these the least set of most probable units is kept whose probabilities sum to `top_p` (Holtzman et al. 2020,
    "The Curious Case of Neural Text Degeneration").

    Args:
        log_probs: natural logarithms of the probabilities, [V].
        temperature: from 0 on.
        top_p: above 0 and at most 1.
        random: the generator.
    """
    if np.isnan(log_probs).any() or log_probs.max() == -np.inf:
        raise InputError("the model's probabilities are no numbers: its weights are of no training; train it again")
    if temperature == 0:
        return int(np.argmax(log_probs))
    probabilities = np.exp((log_probs - log_probs.max()) / temperature)
    probabilities /= probabilities.sum()
    order = np.argsort(-probabilities, kind="stable")
    sums = np.cumsum(probabilities[order])
    kept = order[: int(np.searchsorted(sums, min(top_p, sums[-1]))) + 1]
    return int(random.choice(kept, p=probabilities[kept] / probabilities[kept].sum()))


def sampled(
    sampler: Sampler, tokens: Tokens, length: int, temperature: float, top_p: float, seed: int | None
) -> Iterator[str]:
    """Yield the text of `length` units drawn one after the other, in pieces as soon as their characters are whole.

    Args:
        sampler: the language model, which may have read a prompt.
        tokens: its units.
        length: how many are drawn.
        temperature: see `draw`.
        top_p: see `draw`.
        seed: of the random numbers; None: another one each time.

    Raises:
        InputError: the temperature is below 0, top_p not above 0 and at most 1, or the length negative.
    """
    for name, value, fits, wanted in (
        ("length", length, length >= 0, "a number from 0 on"),
        ("temperature", temperature, 0 <= temperature < np.inf, "a number from 0 on"),
        ("top_p", top_p, 0 < top_p <= 1, "above 0 and at most 1"),
    ):
        if not fits:
            raise InputError(f"{name}={quoted(value)} is not possible: it has to be {wanted}")
    return _pieces(sampler, tokens, length, temperature, top_p, np.random.default_rng(seed))


def _pieces(
    sampler: Sampler, tokens: Tokens, length: int, temperature: float, top_p: float, random: np.random.Generator
) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    silent = [number for number, piece in enumerate(tokens.pieces) if not piece]  # special symbols are never written
    for _ in range(length):
        log_probs = sampler.log_probs.copy()
        log_probs[silent] = -np.inf
        number = draw(log_probs, temperature, top_p, random)
        sampler.read([number])
        if piece := decoder.decode(tokens.pieces[number]):
            yield piece
    if rest := decoder.decode(b"", final=True):
        yield rest

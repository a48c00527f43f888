"""A keyboard that suggests words while one types, and how many keystrokes that saves."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from keepgate.objectives.ngram import NGram
from keepgate.tasks.suggest.words import TOKEN, UNFINISHED, Following, Lexicon, Recent, is_word, numbers_of, plain
from keepgate.tasks.write.network import LanguageNetwork
from keepgate.tasks.write.sampling import Sampler

CLOSING = set(".,;:!?)]}\"'’%")  # before these the space that a tap has inserted gives way


class Keyboard:
    """The text typed so far, and the words that may come next or that the present word may become.

    The probabilities of three models are mixed: the recurrent network, the n-grams of the training text, and the words
    typed recently; words that were typed are known from then on.

    Attributes:
        text: typed so far.

    Args:
        network: the recurrent model.
        names: of its units, in their order; one more unit stands for all others.
        ngram: the n-grams, whose vocabulary holds these names.
        weights: of network, n-grams and recent words.
    """

    def __init__(self, network: LanguageNetwork, names: Sequence[str], ngram: NGram, weights: np.ndarray) -> None:
        self._network, self._tokens, self._weights = network, ngram.vocabulary, weights
        self._following = Following(ngram)
        numbers = {token: number for number, token in enumerate(self._tokens)}
        self._known = np.array([numbers[name] for name in names])  # in the network's order
        self._numbers = numbers_of(self._tokens, names)
        self._restart()

    def _restart(self) -> None:
        self.text, self._read = "", 0
        self._lexicon = Lexicon(self._tokens)
        self._sampler = Sampler(self._network)
        self._state = self._following.automaton.start
        self._recent = Recent()
        self._mixed: np.ndarray | None = None

    @property
    def prefix(self) -> str:
        """The word that is not finished yet; empty between words."""
        return self.text[self._read :]

    def type(self, text: str) -> None:
        """Append these characters."""
        self.become(self.text + text)

    def become(self, text: str) -> None:
        """Set the text that has been typed: longer, or shorter after a deletion."""
        if not text.startswith(self.text[: self._read]):
            self._restart()
        unfinished = UNFINISHED.search(text, self._read)
        end = unfinished.start() if unfinished else len(text)
        for token in TOKEN.findall(text[self._read : end]):
            self._commit(token)
        self.text, self._read = text, end

    def _commit(self, token: str) -> None:
        number = self._lexicon.add(token)
        self._sampler.read([self._numbers[number] if number < len(self._numbers) else len(self._known)])
        self._state = self._following.step(self._state, number)
        self._recent.add(number)
        self._mixed = None

    def suggestions(self, count: int = 3) -> list[str]:
        """Return the most probable words that continue the prefix, the most probable first."""
        numbers = self._lexicon.beginning(self.prefix)
        probabilities = self._probabilities()[numbers]
        if len(probabilities) > count:
            best = np.argpartition(-probabilities, count)[:count]
            numbers, probabilities = numbers[best], probabilities[best]
        return [self._lexicon.tokens[numbers[i]] for i in np.argsort(-probabilities, kind="stable")]

    def _probabilities(self) -> np.ndarray:
        mixed = self._mixed
        if mixed is None:
            network, counted, recent = self._weights
            mixed = recent * self._recent.probabilities(len(self._lexicon))
            mixed[: self._following.size] += counted * self._following.probabilities(self._state)
            if network:
                mixed[self._known] += network * np.exp(self._sampler.log_probs[: len(self._known)])
            self._mixed = mixed
        return mixed


@dataclass
class Typed:
    """How a text was typed.

    Attributes:
        characters: of the text.
        keystrokes: that it took.
        taps: first and last (exclusive) character that each tap on a suggestion inserted.
        seconds: from each keystroke until the next suggestions are there.
    """

    characters: int
    keystrokes: int = 0
    taps: list[tuple[int, int]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def saved(self) -> float:
        """The share of keystrokes that were saved: 1 - keystrokes / characters."""
        return 1 - self.keystrokes / self.characters


def type_with(keyboard: Keyboard, text: str, count: int = 3) -> Typed:
    """Type a text, tapping on a suggestion as soon as it is the next word and that saves keystrokes.

    The text is typed with single spaces between words, and that is what its characters are counted in. Every character
    is one keystroke, and so is a tap on one of the `count` suggestions that are shown, which may be before the first
    character of a word. A tap inserts the word and the space after it. Where a mark of `CLOSING` follows the word the
    space gives way to it, and nothing is saved by the space; where anything else follows, such as an opening bracket or
    a slash, the deletion of the space is one more keystroke. Marks and words that are never suggested are typed.
    """
    text = plain(text)
    ends = {i: match for match in TOKEN.finditer(text) if is_word(match[0]) for i in range(*match.span())}
    typed = Typed(len(text))
    shown, at = keyboard.suggestions(count), 0
    while at < len(text):
        match = ends.get(at)
        after = "" if match is None else text[match.end() : match.end() + 1]
        cost = 1 if after in ("", " ") or after in CLOSING else 2
        if match is not None and match[0] in shown and cost < match.end() - at + (after == " "):
            typed.taps.append((at, match.end()))
            at, typed.keystrokes = match.end() + (after == " "), typed.keystrokes + cost
        else:
            at, typed.keystrokes = at + 1, typed.keystrokes + 1
        begin = time.perf_counter()
        keyboard.become(text[:at])
        shown = keyboard.suggestions(count)
        typed.seconds.append(time.perf_counter() - begin)
    return typed


def with_taps(text: str, typed: Typed, characters: int | None = None) -> str:
    """Return the beginning of a text that was typed, in lines, with what taps inserted in brackets.

    Args:
        text: that was typed.
        typed: how.
        characters: of the beginning; a tap that reaches beyond it is left out.
    """
    text, pieces, at = plain(text)[:characters], [], 0
    for start, end in typed.taps:
        if end > len(text):
            break
        pieces += [text[at:start], "[", text[start:end], "]"]
        at = end
    return textwrap.fill("".join([*pieces, text[at:]]), 100, break_on_hyphens=False)

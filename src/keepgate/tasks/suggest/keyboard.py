"""A keyboard that suggests words while one types, and how many keystrokes that saves."""

from __future__ import annotations

import textwrap
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from keepgate.tasks.suggest.words import TOKEN, UNFINISHED, Following, Lexicon, Recent, is_word, plain
from keepgate.tasks.write.sampling import Writer

if TYPE_CHECKING:
    from keepgate.tasks.suggest.estimator import Suggester

CLOSING = set(".,;:!?)]}\"'’%")  # before these the space that a tap has brought gives way


class Keyboard:
    """What has been typed so far, and the words that may come next or that the present word may become.

    The probabilities of three models are mixed: the recurrent network, the n-grams of the training text, and what has
    been typed; words that were typed are known from then on.

    Attributes:
        text: what has been typed.
    """

    def __init__(self, suggester: Suggester, weights: np.ndarray) -> None:
        self._network, self._tokens, self._weights = suggester.network_, suggester.ngram_.vocabulary, weights
        self._following = Following(suggester.ngram_)
        numbers = {token: number for number, token in enumerate(self._tokens)}
        self._known = np.array([numbers[token] for token in suggester.names_])  # what the network knows, in its order
        self._numbers = suggester.numbers(self._tokens)
        self._restart()

    def _restart(self) -> None:
        self.text, self._read = "", 0
        self._lexicon = Lexicon(self._tokens)
        self._writer = Writer(self._network)
        self._state = self._following.automaton.start
        self._recent = Recent()
        self._mixed: np.ndarray | None = None

    @property
    def prefix(self) -> str:
        """The word that is not finished yet; empty between words."""
        return self.text[self._read :]

    def type(self, text: str) -> None:
        """Go on by these characters."""
        self.become(self.text + text)

    def become(self, text: str) -> None:
        """Let this be what has been typed: longer, or shorter after a deletion."""
        if not text.startswith(self.text[: self._read]):
            self._restart()
        unfinished = UNFINISHED.search(text, self._read)
        end = unfinished.start() if unfinished else len(text)
        for token in TOKEN.findall(text[self._read : end]):
            self._commit(token)
        self.text, self._read = text, end

    def _commit(self, token: str) -> None:
        number = self._lexicon.add(token)
        self._writer.read([self._numbers[number] if number < len(self._numbers) else len(self._known)])
        self._state = self._following.step(self._state, number)
        self._recent.add(number)
        self._mixed = None

    def suggestions(self, count: int = 3) -> list[str]:
        """The most probable words that begin with the prefix and go on, the most probable first."""
        numbers = self._lexicon.beginning(self.prefix)
        found = self._probabilities()[numbers]
        if len(found) > count:
            best = np.argpartition(-found, count)[:count]
            numbers, found = numbers[best], found[best]
        return [self._lexicon.tokens[numbers[i]] for i in np.argsort(-found, kind="stable")]

    def _probabilities(self) -> np.ndarray:
        mixed = self._mixed
        if mixed is None:
            network, counted, recent = self._weights
            mixed = recent * self._recent.probabilities(len(self._lexicon))
            mixed[: self._following.size] += counted * self._following.probabilities(self._state)
            if network:
                mixed[self._known] += network * np.exp(self._writer.log_probs[: len(self._known)])
            self._mixed = mixed
        return mixed


@dataclass
class Typed:
    """What a text took to type."""

    characters: int
    keystrokes: int = 0
    taps: list[tuple[int, int]] = field(default_factory=list)  # what each brought: from where to where in the text
    seconds: list[float] = field(default_factory=list)  # of each keystroke, until new suggestions are there

    @property
    def saved(self) -> float:
        """The share of keystrokes that were saved: 1 - keystrokes / characters."""
        return 1 - self.keystrokes / self.characters


def type_with(keyboard: Keyboard, text: str, count: int = 3) -> Typed:
    """Type a text, tapping on a suggestion as soon as it is the word that is wanted and that saves keystrokes.

    The text is typed with single spaces between words, and that is what its characters are counted in. Every character
    is one keystroke, and so is a tap on one of the `count` suggestions that are shown, which may be before the first
    character of a word. A tap brings the word and the space after it. Where a mark of `CLOSING` follows the word the
    space gives way to it, and nothing is saved by the space; where anything else follows, such as an opening bracket or
    a slash, the deletion of the space is one more keystroke. Marks and words that never are suggested are typed.
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


def with_taps(text: str, typed: Typed) -> str:
    """The text that was typed, in lines, with what taps brought in brackets."""
    text, pieces, at = plain(text), [], 0
    for start, end in typed.taps:
        pieces += [text[at:start], "[", text[start:end], "]"]
        at = end
    return textwrap.fill("".join([*pieces, text[at:]]), 100, break_on_hyphens=False)

"""Text as numbers and back: bytes, characters, or subwords by byte-pair encoding.

Sennrich, Haddow & Birch 2016, "Neural Machine Translation of Rare Words with Subword Units", over the bytes of UTF-8,
so that subwords can say any text; the pairs are found and merged by the library `tokenizers`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from keepgate import schema
from keepgate.errors import InputError, MissingExtraError, quoted, reason

__all__ = ["SPECIAL", "TOKENS", "UNITS", "Tokens"]

UNITS = ("bytes", "characters", "subwords")
SPECIAL = ("unknown", "end", "padding")
LONGEST_STATE = 2**28  # characters
TOKENS = schema.record(  # what `to_json` gives
    units=schema.choice(UNITS),
    state=schema.optional(schema.text(LONGEST_STATE, least=1)),
    special=schema.several(schema.choice(SPECIAL), distinct=True),
)


class Tokens:
    """The units of a text and their numbers; made by `train` or `from_json`.

    Units are numbered from 0: a byte by its value, characters by their code points, subwords from the 256 bytes on in
    the order of their merging. Special symbols follow; they stand for no text.

    >>> tokens = Tokens.train(["a cab", "a bac"], "characters")
    >>> tokens.encode("abc!").tolist(), tokens.unknown, tokens.decode([1, 2, 3, tokens.end])
    ([1, 2, 3, 4], 4, 'abc')

    Attributes:
        units: "bytes", "characters" or "subwords".
        special: the special symbols, some of "unknown", "end" and "padding".
        pieces: the bytes in UTF-8 that each number stands for; none for special symbols.
    """

    def __init__(self, units: str, state: Any, special: Sequence[str] = SPECIAL) -> None:
        if units not in UNITS:
            raise InputError(f"units={quoted(units)} is none of {', '.join(UNITS)}")
        self.units, self.state, self.special = units, state, tuple(special)
        self.pieces = PIECES[units](self) + [b""] * len(self.special)

    @classmethod
    def train(
        cls, texts: Iterable[str], units: str = "subwords", size: int | None = None, special: Sequence[str] = SPECIAL
    ) -> Tokens:
        """Return the units of these texts.

        Args:
            texts: to find them in.
            units: "bytes", "characters" or "subwords".
            size: of subwords, the largest number of units, special symbols included (by default 8,000).
            special: the special symbols; characters always have "unknown".

        Raises:
            InputError: there is no text, or the size is too small for the 256 bytes.
        """
        match units:
            case "characters":
                characters = sorted({character for text in texts for character in text})
                if not characters:
                    raise InputError("the text is empty: give at least one character")
                return cls(units, "".join(characters), tuple(dict.fromkeys(("unknown", *special))))
            case "subwords":
                size = 8000 if size is None else size
                if size < 256 + len(special):
                    raise InputError(f"size={size} is too small for subwords: the 256 bytes alone and special symbols")
                return cls(units, _merges(texts, size - len(special)), special)
            case _:
                return cls(units, None, special)

    @property
    def size(self) -> int:
        """The number of units, special symbols included."""
        return len(self.pieces)

    @property
    def unknown(self) -> int:
        """The number of a character that was not in the texts."""
        return self._special("unknown")

    @property
    def end(self) -> int:
        """The number that ends a sentence."""
        return self._special("end")

    @property
    def padding(self) -> int:
        """The number that fills up a batch."""
        return self._special("padding")

    def _special(self, name: str) -> int:
        return self.size - len(self.special) + self.special.index(name)

    def encode(self, text: str | bytes) -> np.ndarray:
        """Return the numbers of a text, int64 [N]; bytes are taken as they are, or for other units as UTF-8.

        Raises:
            InputError: the text has half a surrogate pair.
        """
        if self.units == "bytes":
            data = text if isinstance(text, bytes) else _utf8(text)
            return np.frombuffer(data, np.uint8).astype(np.int64)
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        if self.units == "subwords":
            return np.array(self._tokenizer.encode(_utf8(text).decode()).ids, dtype=np.int64)
        known, codes = self._codes, np.array([*map(ord, text)], dtype=np.int64)
        places = np.minimum(np.searchsorted(known, codes), len(known) - 1)
        return np.where(known[places] == codes, places, self.unknown)

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text of numbers; bytes that are not UTF-8 become U+FFFD, and special symbols nothing."""
        return self.decode_bytes(numbers).decode("utf-8", "replace")

    def decode_bytes(self, numbers: Iterable[int]) -> bytes:
        """Return the bytes that numbers stand for."""
        return b"".join(self.pieces[int(number)] for number in numbers)

    def to_json(self) -> dict[str, Any]:
        """Return the units as plain data; `from_json` reads them back."""
        return {"units": self.units, "state": self.state, "special": list(self.special)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tokens:
        """Read what `to_json` wrote.

        Raises:
            InputError: it describes no units.
        """
        TOKENS("tokens", data)
        units, state = data["units"], data["state"]
        if (state is None) != (units == "bytes"):
            raise InputError(f"tokens.state does not go with units of {units}")
        if units == "characters" and (list(state) != sorted(set(state)) or "unknown" not in data["special"]):
            raise InputError("tokens.state is not different characters in their order, or there is no unknown one")
        return cls(units, _only_merges(state) if units == "subwords" else state, data["special"])

    @cached_property
    def _codes(self) -> np.ndarray:
        return np.array([*map(ord, self.state)], dtype=np.int64)

    @cached_property
    def _tokenizer(self) -> Any:
        return _library().Tokenizer.from_str(self.state)


def _subwords(tokens: Tokens) -> list[bytes]:
    numbers = tokens._tokenizer.get_vocab()
    byte_of = {character: byte for byte, character in _letters().items()}
    return [bytes(byte_of[c] for c in piece) for piece in sorted(numbers, key=numbers.__getitem__)]


PIECES = {
    "bytes": lambda tokens: [bytes([byte]) for byte in range(256)],
    "characters": lambda tokens: [_utf8(character) for character in tokens.state],
    "subwords": _subwords,
}


def _merges(texts: Iterable[str], size: int) -> str:
    """Return a tokenizer of at most `size` subwords, trained on the texts, as JSON."""
    tokenizer = _byte_pairs()
    letters = list(_letters().values())
    trainer = _library().trainers.BpeTrainer(vocab_size=size, initial_alphabet=letters, show_progress=False)
    tokenizer.train_from_iterator((_utf8(text).decode() for text in texts), trainer)
    return tokenizer.to_str()


def _only_merges(state: str) -> str:
    """Return a tokenizer with the pieces and merges of the file, all else as `_merges` sets it.

    So nothing else that the library can be configured with, such as expressions to cut a text by, is taken from a file.
    """
    try:
        model = json.loads(state)["model"]
        pieces, merges = model["vocab"], [tuple(m.split(" ") if isinstance(m, str) else m) for m in model["merges"]]
        if sorted(pieces.values()) != list(range(len(pieces))):
            raise ValueError("pieces are not numbered from 0 on")
        if not set(_letters().values()).issuperset("".join(pieces)) or "" in pieces:
            raise ValueError("a piece is not of bytes")
        return _byte_pairs(pieces, merges).to_str()
    except MissingExtraError:
        raise
    except Exception as error:  # the library raises bare ones
        raise InputError(f"tokens.state is no tokenizer: {type(error).__name__}: {reason(error)}") from error


def _byte_pairs(pieces: dict[str, int] | None = None, merges: list[tuple[str, ...]] | None = None) -> Any:
    library = _library()
    tokenizer = library.Tokenizer(library.models.BPE(pieces, merges))
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def _letters() -> dict[int, str]:
    """Return the character that the library writes for each byte: its own if it is visible, else one from U+0100 on."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in seen]
    return {byte: chr(byte) for byte in seen} | {byte: chr(0x100 + i) for i, byte in enumerate(hidden)}


def _library() -> Any:
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise MissingExtraError("subwords need tokenizers; run: pip install 'keepgate[write]'") from None
    return tokenizers


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"the text has half a surrogate pair at character {error.start}: it is no Unicode") from None

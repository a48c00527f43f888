"""Tokens: what a text becomes, that it comes back, what the units are."""

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepgate.data.text.tokens import UNITS, Tokens
from keepgate.errors import InputError

TEXT = "low low low low low lower lower newest newest newest newest newest newest widest widest widest ß€\n"


@pytest.fixture(scope="module")
def made():
    return {units: Tokens.train([TEXT], units, 270) for units in UNITS}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_bytes_and_subwords_say_any_text(made, text):
    for units in ("bytes", "subwords"):
        tokens = made[units]
        assert tokens.decode(tokens.encode(text)) == text
        assert tokens.decode_bytes(tokens.encode(text)) == text.encode()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_characters_say_what_they_know(made, text):
    tokens = made["characters"]
    known = sorted(set(TEXT))
    assert tokens.encode(text).tolist() == [known.index(c) if c in known else len(known) for c in text]
    assert tokens.decode(tokens.encode(text)) == "".join(c for c in text if c in known)


def test_a_byte_is_its_value():
    tokens = Tokens.train([], "bytes", special=())
    assert tokens.size == 256
    assert tokens.encode(b"\x00a\xff").tolist() == [0, 97, 255]
    assert tokens.decode_bytes([0, 97, 255]) == b"\x00a\xff"


def test_subwords_merge_the_commonest_pairs():
    """The first merges of byte-pair encoding of the paper's example, found by counting by hand."""
    text = "low low low low low lower lower newest newest newest newest newest newest widest widest widest"
    tokens = Tokens.train([text], "subwords", 256 + 4, special=())
    words = Counter(tuple((" " if i else "") + word) for i, word in enumerate(text.split()))
    merged = []
    for _ in range(4):
        pairs = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                pairs[pair] += count
        new = tokens.pieces[256 + len(merged)].decode()
        best = [a + b for (a, b), count in pairs.items() if count == max(pairs.values())]
        assert new in best  # ties are the library's to break
        merged.append(new)
        words = Counter({_merge(word, new): count for word, count in words.items()})
    assert tokens.size == 260


def _merge(word, new):
    found, i = [], 0
    while i < len(word):
        pair = "".join(word[i : i + 2])
        step = 2 if pair == new and i + 1 < len(word) else 1
        found.append("".join(word[i : i + step]))
        i += step
    return tuple(found)


@pytest.mark.parametrize("units", UNITS)
def test_json_makes_the_same_again(made, units):
    again = Tokens.from_json(json.loads(json.dumps(made[units].to_json())))
    assert again.pieces == made[units].pieces
    np.testing.assert_array_equal(again.encode(TEXT + "#"), made[units].encode(TEXT + "#"))


def test_special_symbols_come_last_and_stand_for_no_text(made):
    for tokens in made.values():
        assert [tokens.unknown, tokens.end, tokens.padding] == list(range(tokens.size - 3, tokens.size))
        assert tokens.decode([tokens.unknown, tokens.end, tokens.padding]) == ""
    assert Tokens.train(["ab"], "characters", special=()).unknown == 2


def test_bytes_are_read_as_utf8_where_units_are_not_bytes(made):
    for tokens in made.values():
        assert tokens.decode(tokens.encode("ß€".encode())) == "ß€"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Tokens.train(["a"], "words"), "units='words' is none of bytes, characters, subwords"),
        (lambda: Tokens.train([""], "characters"), "the text is empty"),
        (lambda: Tokens.train(["a"], "subwords", 100), "size=100 is too small"),
        (lambda: Tokens.train(["a"], "bytes").encode("\ud800"), "half a surrogate pair at character 0"),
    ],
)
def test_what_cannot_be_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()

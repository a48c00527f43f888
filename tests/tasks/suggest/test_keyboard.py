"""Keystrokes and taps, counted by hand."""

import pytest

from keepgate.tasks.suggest.keyboard import type_with, with_taps
from keepgate.tasks.suggest.words import plain


class Fixed:
    """A keyboard that always offers the same words."""

    def __init__(self, *words):
        self.words, self.typed = list(words), []

    def become(self, text):
        self.typed.append(text)

    def suggestions(self, count):
        return self.words[:count]


@pytest.mark.parametrize(
    ("text", "keystrokes", "taps"),
    [
        ("the cat", 2, 2),  # the tap brings the space too
        ("the dog", 4, 1),
        ("the\n  cat ", 2, 2),
        ("the, cat", 4, 2),  # tap, mark, space, tap
        ("a cat a cat", 6, 2),  # "a" and its space are two keystrokes
        ("the/cat", 4, 2),  # tap, deletion of the space, slash, tap
        ("then", 4, 0),
        ("hi", 2, 0),
    ],
)
def test_keystrokes_are_counted_as_is_said(text, keystrokes, taps):
    keyboard = Fixed("the", "cat")
    typed = type_with(keyboard, text)
    assert (typed.keystrokes, len(typed.taps), typed.characters) == (keystrokes, taps, len(plain(text)))
    assert typed.saved == pytest.approx(1 - keystrokes / len(plain(text)))
    assert keyboard.typed[-1] == plain(text)
    assert len(typed.seconds) == len(keyboard.typed)


def test_only_what_is_shown_can_be_tapped():
    assert type_with(Fixed("a", "b", "c", "the"), "the").keystrokes == 3
    assert with_taps("the  dog, the end", type_with(Fixed("the"), "the dog, the end")) == "[the] dog, [the] end"

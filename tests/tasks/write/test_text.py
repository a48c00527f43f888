"""Texts and their held-out part."""

from keepgate.tasks.write.text import TextFile, split


def test_the_last_tenth_is_held_out():
    train, held_out = split("0123456789" * 2, None, "characters")
    assert (train, held_out) == ("012345678901234567", "89")
    assert split(TextFile(b"0123456789", "file"), "abc", "bytes") == (b"0123456789", b"abc")

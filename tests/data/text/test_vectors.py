"""Vectors of words from files of every format: what is read, and what is refused by file and row."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from safetensors.numpy import save_file

from keepgate.data.text.vectors import read_vectors
from keepgate.errors import InputError

WORDS = ["the", "of", "cat", "zebra", "naïve"]
VALUES = np.arange(20, dtype=np.float32).reshape(5, 4) / 8 - 1


def lines(header=False, end=""):
    rows = [" ".join([word, *map(str, row)]) + end for word, row in zip(WORDS, VALUES.tolist(), strict=True)]
    return "\n".join([*(["5 4"] if header else []), *rows]) + "\n"


def as_glove(path):
    path.write_text(lines())


def as_fasttext(path):
    path.write_text(lines(header=True, end=" "))  # its lines end in a space


def as_zipped(path):
    path.write_bytes(gzip.compress(lines(header=True).encode()))


def as_word2vec(path):
    rows = [word.encode() + b" " + row.tobytes() + b"\n" for word, row in zip(WORDS, VALUES, strict=True)]
    path.write_bytes(b"5 4\n" + b"".join(rows))


def as_safetensors(path):
    save_file({"vectors": VALUES}, path)
    path.with_suffix(".txt").write_text("\n".join(WORDS) + "\n")


FORMATS = {
    "glove.txt": as_glove,
    "wiki.vec": as_fasttext,
    "glove.txt.gz": as_zipped,
    "news.bin": as_word2vec,
    "own.safetensors": as_safetensors,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_holds_the_same_vectors(tmp_path, name):
    FORMATS[name](tmp_path / name)
    found = read_vectors(tmp_path / name, {"cat", "naïve", "unicorn"})
    assert found.words == ["cat", "naïve"]
    np.testing.assert_array_equal(found.values, VALUES[[2, 4]])
    assert found.values.dtype == np.float32


@pytest.mark.parametrize("name", FORMATS)
def test_the_first_words_of_the_file_are_read_too(tmp_path, name):
    FORMATS[name](tmp_path / name)
    assert read_vectors(tmp_path / name, {"zebra", "the"}, others=2).words == ["the", "of", "cat", "zebra"]


GENSIM = {  # what gensim 4.4.0 writes for the words "the" and "naïve"
    "a.bin": b"2 2\nthe \x00\x00\x00?\x00\x00\xa0\xbfna\xc3\xafve \x00\x00@@\xcd\xcc\xcc=",
    "a.txt": b"2 2\nthe 0.5 -1.25\nna\xc3\xafve 3.0 0.1\n",
}


@pytest.mark.parametrize("name", GENSIM)
def test_vectors_of_another_library_are_read(tmp_path, name):
    (tmp_path / name).write_bytes(GENSIM[name])
    found = read_vectors(tmp_path / name, ["the", "naïve"])
    assert found.words == ["the", "naïve"]
    np.testing.assert_array_equal(found.values, np.array([[0.5, -1.25], [3, 0.1]], dtype=np.float32))


def test_a_word_with_spaces_and_one_that_comes_twice(tmp_path):
    (tmp_path / "a.txt").write_text("the 1 2\n. . . 3 4\nthe 5 6\n")
    found = read_vectors(tmp_path / "a.txt", {"the", ". . ."})
    assert (found.words, found.values.tolist()) == (["the", ". . ."], [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a.txt has a vector of none of the 1 words"),
        ("2 2\ncat 1 2\n", "a.txt is cut short: it has 1 words of 2"),
        ("dog 1 2\ncat 1\n", "a.txt, word 2: 1 numbers where others have 2"),
        ("dog 1 2\ncat 1 x\n", r"a.txt, word 2 \('cat'\): its vector has what is no finite number"),
        ("dog 1 2\ncat 1 inf\n", r"a.txt, word 2 \('cat'\): its vector has what is no finite number"),
        ("cat\n", "a.txt is no file of vectors: a word has 0 numbers"),
        ("3 9999999\ncat 1\n", "a.txt is no file of vectors: a word has 9,999,999 numbers"),
        ("dog 1 2\n", "is it of this language"),
    ],
)
def test_broken_text_is_refused_by_its_row(tmp_path, text, words):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(InputError, match=words):
        read_vectors(tmp_path / "a.txt", {"cat"})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no binary file of word2vec"),
        ((793_712_314).to_bytes(4, "little") + b"x\n", "of fastText take the .vec file"),
        (b"2 2\ncat " + bytes(8), "damaged or cut short at word 2 of 2"),
        (b"2 2\ncat " + bytes(5), "damaged or cut short at word 1 of 2"),
        (b"1 2\n" + b"x" * 5000, "damaged or cut short at word 1 of 1"),
        (b"1 99999999\ncat ", "a word has 99,999,999 numbers"),
    ],
)
def test_a_broken_binary_file_is_refused(tmp_path, data, words):
    (tmp_path / "a.bin").write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_vectors(tmp_path / "a.bin", {"cat"})


def test_a_broken_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"vectors": VALUES}, path)
    with pytest.raises(InputError, match=r"needs the words of its rows, one a line, in a\.txt"):
        read_vectors(path, {"cat"})
    for words, message in ((["cat"], "has 1 words, and .* 5 rows"), ([*WORDS, "more"], "has more words")):
        path.with_suffix(".txt").write_text("\n".join(words) + "\n")
        with pytest.raises(InputError, match=message):
            read_vectors(path, {"cat"})
    path.with_suffix(".txt").write_text("\n".join(WORDS) + "\n")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match="is no safetensors file, or is damaged"):
        read_vectors(path, {"cat"})
    save_file({"a": VALUES, "b": VALUES}, path)
    with pytest.raises(InputError, match="has 2 matrices"):
        read_vectors(path, {"cat"})


def test_more_than_the_bound_is_not_kept(tmp_path, monkeypatch):
    as_glove(tmp_path / "a.txt")
    monkeypatch.setenv("KEEPGATE_MAX_CELLS", "7")
    assert read_vectors(tmp_path / "a.txt", {"cat"}).words == ["cat"]
    with pytest.raises(InputError, match="KEEPGATE_MAX_CELLS"):
        read_vectors(tmp_path / "a.txt", {"cat", "zebra"})

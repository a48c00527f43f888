"""Decoding of a trained transcriber: languages, their options, and what is refused."""

import numpy as np
import pytest
import torch

from keepgate.errors import InputError
from keepgate.objectives import best_path
from keepgate.tasks.transcribe.decoding import LANGUAGES, Decoder, Decoding

LETTERS = ["a", "b", "c"]


def scores(*rows):
    """Log-probabilities of blank, a, b, c at each step."""
    return torch.tensor(rows, dtype=torch.float64).log_softmax(-1).numpy()


UNSURE = scores([0, 4, 0, 0], [0, 0, 3.0, 2.9], [4, 0, 0, 0])  # a, then b or c


def test_without_options_it_is_the_best_path_and_a_wide_beam_finds_the_likeliest():
    values = torch.randn(9, 4, generator=torch.Generator().manual_seed(0)).log_softmax(-1).numpy()
    assert Decoder(Decoding(), LETTERS, "characters").path(values) == best_path(values[:, None])[0]
    found = Decoder(Decoding(beam=1000), LETTERS, "characters").path(values)
    likelihood = {}
    for path in np.ndindex(*[4] * 5):  # every path through five steps, summed by what it reads
        reading = tuple(k for i, k in enumerate(path) if k and (i == 0 or path[i - 1] != k))
        likelihood[reading] = likelihood.get(reading, 0.0) + np.exp(sum(values[t, k] for t, k in enumerate(path)))
    assert len(found) <= 9
    assert Decoder(Decoding(beam=1000), LETTERS, "characters").path(values[:5]) == list(
        max(likelihood, key=lambda reading: likelihood[reading])
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language_decides_what_the_scores_do_not(language):
    assert Decoder(Decoding(), LETTERS, "characters").path(UNSURE) == [1, 2]
    decoder = Decoder(Decoding(language=language), LETTERS, "characters", ["ac", "ac", "cab"])
    assert decoder.path(UNSURE) == [1, 3]
    light = Decoder(Decoding(language="symbols", weight=0.0, bonus=0.0), LETTERS, "characters", ["ac"])
    assert light.path(UNSURE) == [1, 2]


def test_words_that_cannot_be_spelled_are_left_out_and_where_there_is_a_space_words_follow_each_other():
    values = scores([0, 4, 0, 0, 0], [0, 0, 3, 2.9, 0], [0, 0, 0, 0, 4], [0, 0, 3, 2.9, 0])  # a b|c space b|c
    symbols = ["a", "b", "c", " "]
    decoder = Decoder(Decoding(language="words"), symbols, "characters", ["ac c", "ac c", "ab xyz", "b ac"])
    assert decoder.path(values) == [1, 3, 4, 3]


def test_models_of_words_know_which_word_follows():
    decoder = Decoder(Decoding(language="words"), ["one", "two", "ten"], "words", ["one ten", "one ten", "two one"])
    assert decoder.path(UNSURE) == [1, 3]


def test_nothing_fits_a_closed_list():
    decoder = Decoder(Decoding(language="words"), LETTERS, "characters", ["abcabc"])
    assert decoder.path(UNSURE[:1]) == []


def test_new_words_come_where_the_scores_are_clear():
    decoding = Decoding(language="words", new_words=True)
    decoder = Decoder(decoding, LETTERS, "characters", ["ac"] * 9)
    assert decoder.path(UNSURE) == [1, 3]
    assert decoder.path(scores([0, 0, 0, 30], [0, 30, 0, 0])) == [3, 1]
    assert Decoder(Decoding(language="words"), LETTERS, "characters", ["ac"]).path(UNSURE[::-1]) == [1, 3]


def test_a_file_is_read_by_lines(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("ac\n\n cab\n")
    assert Decoder(Decoding(language_model=str(path)), LETTERS, "characters").path(UNSURE) == [1, 3]


@pytest.mark.parametrize(
    ("options", "texts", "words"),
    [
        ({"beam": 0}, None, "beam=0 is not at least 1"),
        ({"weight": -1.0}, None, "weight=-1.0"),
        ({"language": "grammar"}, None, "language='grammar' is none of symbols, words"),
        ({"language_model": "absent.txt"}, None, "absent.txt cannot be read: No such file"),
        ({}, ["", " "], "has no text"),
        ({"language": "words"}, ["xyz"], "no word of the language model's text can be spelled"),
        ({}, ["xyz"], "knows none of the network's symbols"),
    ],
)
def test_wrong_options_are_refused(options, texts, words):
    with pytest.raises(InputError, match=words):
        Decoder(Decoding(**options), LETTERS, "characters", texts)

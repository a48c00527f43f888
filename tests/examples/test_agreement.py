"""The sentences are those of the grammar, and the probe tells what can be told from the last noun from what cannot."""

from __future__ import annotations

import re

import numpy as np
from agreement import COMMA, PREPOSITIONS, STEMS, THE, WORDS, Probe, Sentences, right, subject, table


def kind(word: int) -> str:
    bounds = (STEMS, THE, THE + 1, THE + 1 + PREPOSITIONS, COMMA, WORDS)
    return "spDPA,"[next(i for i, bound in enumerate(bounds) if word < bound)]


def test_sentences_are_of_the_grammar_and_counted_right():
    data = Sentences(300, range(5), seed=0)
    for i, words in enumerate(data.words):
        text = "".join(map(kind, words.tolist()))
        front, comma, rest = text.rpartition(",")
        assert re.fullmatch("(PDA?[sp],)?", front + comma)
        assert re.fullmatch("DA?[sp](PDA?[sp])*", rest)
        nouns = re.sub("[DPA]", "", rest)
        assert data.numbers[i] == (nouns[0] == "p")
        assert data.between[i] == len(nouns) - 1
        assert data.attractors[i] == sum(noun != nouns[0] for noun in nouns[1:])
        place = len(front + comma) + re.search("[sp]", rest).start()
        assert data.distances[i] == len(text) - 1 - place
        assert subject(words.tolist()) == place
    assert set(data.between) == {0, 1, 2, 3, 4}
    assert int(max(words.max() for words in data.words)) < WORDS


def test_padding_says_nothing():
    data, probe = Sentences(5, range(4), seed=1), Probe("lstm")
    words, lengths, _ = data.batch(np.arange(5))
    alone = [probe(*data.batch(np.array([i]))[:2]).item() for i in range(5)]
    np.testing.assert_allclose(probe(words, lengths).detach(), alone, atol=1e-6)


def test_what_is_learnt_goes_beyond_the_last_noun():
    test = Sentences(600, (0, 1, 2, 6), seed=2)
    found = right("gru", 0, count=2000, epochs=5, test=test)
    rows = table({"gru": found[None]}, test)
    assert rows["last noun"][0] == 1
    assert rows["last noun"][1:].between(0.3, 0.7).all()
    assert rows["gru"][:3].min() > 0.9

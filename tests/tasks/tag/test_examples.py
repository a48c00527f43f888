from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate.tasks.tag.examples import (
    FIRST,
    LONGEST,
    UNKNOWN,
    FrameExamples,
    SentenceExamples,
    VectorWords,
    Vocabulary,
)

SENTENCES = [["The", "cat", "saw", "the", "dog"], ["dog"], ["a", "cat"]]


def test_words_are_counted_in_lower_case_and_the_commonest_comes_first():
    vocabulary = Vocabulary.of(SENTENCES, 2)
    assert vocabulary.words == ["the", "cat", "dog"]
    assert vocabulary.characters == sorted(set("TheThecatsawthedoga"))
    assert vocabulary.sizes == (FIRST + 3, FIRST + len(vocabulary.characters))
    assert [vocabulary.number(word) for word in ("THE", "cat", "dog", "saw", "")] == [2, 3, 4, UNKNOWN, UNKNOWN]


def test_words_are_spelled_and_long_ones_by_their_ends():
    vocabulary = Vocabulary([], list("ab"))
    assert vocabulary.spell("abc") == [FIRST, FIRST + 1, UNKNOWN]
    assert vocabulary.spell("") == []
    long = "a" * 50 + "c" * 100 + "b" * 50
    assert vocabulary.spell(long) == [FIRST] * 32 + [FIRST + 1] * 32
    assert len(vocabulary.spell("a" * LONGEST)) == LONGEST


def test_a_batch_spells_each_of_its_words_once_and_puts_all_back():
    vocabulary = Vocabulary.of(SENTENCES, 1)
    examples = SentenceExamples(SENTENCES, vocabulary, [np.arange(len(s)) for s in SENTENCES])
    tokens, lengths, targets = examples.batch([0, 2])
    assert lengths.tolist() == [5, 2]
    assert targets.tolist() == [[0, 1, 2, 3, 4], [0, 1, -1, -1, -1]]
    assert len(tokens["forms"]) == 6  # The, cat, saw, the, dog, a
    for row, sentence in enumerate([SENTENCES[0], SENTENCES[2]]):
        for place, word in enumerate(sentence):
            form = int(tokens["places"][row, place])
            assert tokens["forms"][form, : tokens["form_lengths"][form]].tolist() == vocabulary.spell(word)
            assert int(tokens["words"][row, place]) == vocabulary.number(word)
    assert not tokens["words"][1, 2:].any()


def test_a_word_has_the_vector_of_its_own_form_or_else_of_its_small_letters():
    vectors = VectorWords(["the", "The", "cat"])
    assert [vectors.number(word) for word in ("the", "The", "THE", "Cat", "dog")] == [2, 3, 2, 4, UNKNOWN]
    assert vectors.size == FIRST + 3
    tokens, _, _ = SentenceExamples(SENTENCES, Vocabulary([], []), vectors=vectors).batch([0, 2])
    assert tokens["vectors"].tolist() == [[3, 4, UNKNOWN, 2, UNKNOWN], [UNKNOWN, 4, 0, 0, 0]]


def test_one_word_alone():
    tokens, lengths, targets = SentenceExamples([["x"]], Vocabulary([], [])).batch([0])
    assert (tokens["words"].tolist(), tokens["forms"].tolist(), lengths.tolist(), targets.tolist()) == (
        [[1]],
        [[1]],
        [1],
        [[0]],
    )


@pytest.mark.parametrize("kind", ["sentences", "frames"])
def test_a_batch_weighs_as_many_as_it_has_tokens(kind):
    if kind == "sentences":
        examples = SentenceExamples(SENTENCES, Vocabulary([], []))
    else:
        examples = FrameExamples([np.ones((len(s), 2)) for s in SENTENCES])
    assert [examples.length(i) for i in range(len(examples))] == [5, 1, 2]
    assert examples.weight(examples.batch([0, 2]), 2) == 7.0
    assert examples.weight(examples.batch([0]), 0) == 0.0


def test_frames_are_padded_with_zeros_and_tags_with_none():
    x, lengths, targets = FrameExamples([np.ones((1, 2)), np.ones((3, 2))], [np.array([4]), np.array([1, 2, 3])]).batch(
        [0, 1]
    )
    assert x.dtype == torch.float64
    assert x[..., 0].tolist() == [[1, 0, 0], [1, 1, 1]]
    assert lengths.tolist() == [1, 3]
    assert targets.tolist() == [[4, -1, -1], [1, 2, 3]]

"""Translations and replies: what a beam finds, as texts."""

from __future__ import annotations

import torch

from keepgate import Translator
from keepgate.data.text.pairs import Pairs
from keepgate.tasks import face
from tasks.translate.data import ANSWERS, SMALL, dialogues


def test_replies_are_three_that_begin_differently():
    options = {"hidden_size": 32, "embedding_size": 32, "vocabulary": 400, "dropout": 0.0, "length_penalty": 0.0}
    model = Translator(task="reply", **options, epochs=40, batch_size=16, learning_rate=0.01).fit(*dialogues())
    for message, replies in ANSWERS.items():
        assert [one.text for one in model.translate([message])[0]] == replies  # the commonest first
    assert model.predict(["thanks!"]) == ["you are welcome"]
    assert model.tokens_[0] is model.tokens_[1]
    own, baseline = face(model).evaluate(Pairs(list(ANSWERS), ["maybe later", "at home", "ANY TIME"]))
    assert own == {"model": "lstm", "first is right": 1 / 3, "one is right": 1.0}
    assert baseline["one is right"] == 1 / 3  # the commonest are the first three in the alphabet


def test_a_beam_of_one_is_greedy(data):
    model = Translator(**SMALL, beam=1).fit(*data)
    network, end = model.network_, model.tokens_[1].end
    for text in data[0][:5]:
        source, lengths, _, _ = model._examples(Pairs([text], None)).batch([0])
        symbols, last = [], end
        with torch.no_grad():
            at = network.encode(source, lengths)
            while len(symbols) < 2 * int(lengths) + 9:
                told, _, at = network.decode(torch.tensor([[last]]), at)
                last = int(network.scores(told[0, 0]).argmax())
                if last == end:
                    break
                symbols.append(last)
        assert model.predict([text]) == [model.tokens_[1].decode(symbols).strip()]

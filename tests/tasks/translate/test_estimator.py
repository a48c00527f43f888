"""Translator: its network beside torch's, what it learns, how it scores, what it keeps and refuses."""

import gzip

import numpy as np
import pytest
import torch

from keepgate import Translator, cells
from keepgate.data.text.pairs import Pairs
from keepgate.errors import InputError
from keepgate.networks import FLOAT, INT64, Attention, Dropout, Input, Network, Recurrent, Step, Value
from keepgate.nn.blocks import dropout
from keepgate.nn.network import NetworkModule
from keepgate.tasks import face
from keepgate.tasks.translate.examples import PairExamples
from keepgate.tasks.translate.figures import attention_figure
from keepgate.tasks.translate.network import TranslatorNetwork, translator
from keepgate.tasks.translate.scores import reply_scores, signatures, translation_scores

SMALL = {"hidden_size": 8, "embedding_size": 6, "vocabulary": 280, "epochs": 2, "batch_size": 8}
WORDS = {"eins": "one", "zwei": "two", "drei": "three", "vier": "four", "fünf": "five"}


def numbers(count, seed=0):
    """Number words of one language, and those of another in the opposite order."""
    rng = np.random.default_rng(seed)
    X = [list(rng.choice(list(WORDS), rng.integers(1, 5))) for _ in range(count)]
    return [" ".join(words) for words in X], [" ".join(WORDS[word] for word in reversed(words)) for words in X]


ANSWERS = {
    "are you coming?": ["yes, at six", "no, sorry", "maybe later"],
    "where are you?": ["at home", "on my way", "still at work"],
    "thanks!": ["you are welcome", "no problem", "any time"],
}


def dialogues():
    """Messages with three replies each, the first the commonest and the last the rarest."""
    rows = [(m, reply) for m, replies in ANSWERS.items() for k, reply in enumerate(replies) for _ in range(15 - 4 * k)]
    return [m for m, _ in rows], [reply for _, reply in rows]


@pytest.fixture(scope="module")
def data():
    return numbers(40)


@pytest.fixture(scope="module")
def fitted(data):
    return Translator(**SMALL).fit(*data)


def network(smoothing=0.0, shared=False, dropout=0.0, layers=3):
    torch.manual_seed(0)
    lstm = cells.get("lstm").equations
    encoder, decoder = [Recurrent(lstm, 5, 4, bidirectional=True)], [Recurrent(lstm, 5, 8)]
    for _ in range(layers - 1):
        encoder.append(Recurrent(lstm, 8, 8))
        decoder.append(Recurrent(lstm, 16, 8))
    description = translator(encoder, decoder, (12, 12), shared=shared, dropout=dropout)
    made = TranslatorNetwork(description, "auto", smoothing=smoothing).eval()
    torch.nn.init.normal_(made.bias)
    return made


PAIRS = [([3, 1, 4], [1, 5, 9, 2]), ([6], [5]), ([3, 5, 8, 9, 7], [])]
EXAMPLES = PairExamples([tuple(np.array(side, dtype=np.int64) for side in pair) for pair in PAIRS], (11, 10))


def test_attention_by_hand():
    given = [Input(name, Value(FLOAT, ("batch", axis, 2))) for name, axis in (("query", "time"), ("memory", "places"))]
    steps = (Step("attend", Attention(2), ("query", "memory", "lengths")),)
    attention = NetworkModule(Network((*given, Input("lengths", Value(INT64, ("batch",)))), steps, ("attend",)))
    with torch.no_grad():
        attention.get_parameter("attend.query.weight").copy_(torch.tensor([[1.0, 0.0], [1.0, 2.0]]))
    memory = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]])
    values = {"query": torch.tensor([[[0.5, 1.0]]]), "memory": memory, "lengths": torch.tensor([2])}
    found, weights = attention.run(values, "attend", "attend.weights")
    e = np.exp([0.5, 0.5 + 2.0])  # W q = (0.5, 2.5), times (1, 0) and (0, 1); the third place is outside
    np.testing.assert_allclose(weights.detach()[0, 0].numpy(), [*(e / e.sum()), 0.0], rtol=1e-6)
    np.testing.assert_allclose(found.detach()[0, 0].numpy(), e / e.sum(), rtol=1e-6)


def by_torch(made, source, target):
    """Logits of one pair, from torch's LSTMs and the formulas, a step at a time from the second decoder layer on."""

    def lstm(layer, x, state=None):
        same = torch.nn.LSTM(layer.input_size, layer.hidden_size, bidirectional=layer.bidirectional)
        return torch.func.functional_call(same, dict(layer.named_parameters()), (x, state))

    def attended(attention, query):
        weights = torch.stack([m @ attention.query.weight @ query for m in memory]).softmax(0)
        return sum(w * m for w, m in zip(weights, memory, strict=True))

    x, _ = lstm(made.encoder[0], made.source(torch.tensor([*source, 11])) * 5**0.5)
    for layer in made.encoder[1:]:
        x = x + lstm(layer, x)[0]
    memory = list(x)
    first = torch.tanh(made.begin(torch.stack(memory).mean(0)))[None]
    states = [(first, torch.zeros_like(first)), *[(torch.zeros(1, 8), torch.zeros(1, 8))] * (len(made.decoder) - 1)]
    logits = []
    for symbol in [10, *target]:
        x, states[0] = lstm(made.decoder[0], made.target(torch.tensor([symbol])) * 5**0.5, states[0])
        context = attended(made.attend[0], x[0])
        for k, layer in enumerate(made.decoder[1:], start=1):
            above, states[k] = lstm(layer, torch.cat([x[0], context])[None], states[k])
            x = x + above
        if len(made.decoder) > 1:
            context = attended(made.attend[1], x[0])
        told = torch.tanh(made.combine(torch.cat([x[0], context])))
        logits.append(made.target.weight @ told + made.bias)
    return torch.stack(logits)


@pytest.mark.parametrize("layers", [1, 3])
def test_loss_and_gradients_are_those_of_torchs_lstms(layers):
    """Each pair alone and without padding there, all together and padded here: so padding changes nothing."""
    made = network(smoothing=0.2, layers=layers)
    wanted = torch.cat([by_torch(made, *pair) for pair in PAIRS]).log_softmax(-1)
    targets = torch.tensor([symbol for _, target in PAIRS for symbol in [*target, 10]])
    right = -wanted[torch.arange(len(targets)), targets].mean()
    batch = EXAMPLES.batch([0, 1, 2])
    torch.testing.assert_close(made.loss(batch), right)
    smooth = 0.8 * right + 0.2 * -wanted.mean()
    parameters = dict(made.named_parameters())
    gradients = torch.autograd.grad(smooth, list(parameters.values()))
    made.train()
    loss = made.loss(batch)
    torch.testing.assert_close(loss, smooth)
    loss.backward()
    for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-5, msg=name)


def test_a_step_at_a_time_is_the_whole_sentence_at_once():
    made = network()
    source, lengths, target, _ = EXAMPLES.batch([0, 2])
    with torch.no_grad():
        whole, weights, _ = made.decode(target, made.encode(source, lengths))
        at = made.encode(source, lengths)
        for t in range(target.shape[1]):
            told, row, at = made.decode(target[:, t : t + 1], at)
            torch.testing.assert_close(told[:, 0], whole[:, t])
            torch.testing.assert_close(row[:, 0], weights[:, t])
    assert (weights[0, :, int(lengths[0]) :] == 0).all()


def test_dropout_is_one_mask_a_sentence():
    made = network(dropout=0.5).description
    masks = {step.block for step in made.steps if isinstance(step.block, Dropout)}
    assert {(mask.rate, mask.axis) for mask in masks} == {(0.5, 1)}
    torch.manual_seed(1)
    x = dropout(torch.ones(2, 7, 400), 0.5, True, 1)
    assert torch.equal(x, x[:, :1].expand_as(x))
    assert not torch.equal(x[0], x[1])
    assert set(x.unique().tolist()) == {0.0, 2.0}


def test_shared_vectors_are_one_parameter():
    made = network(shared=True)
    assert made.source is made.target
    assert sum(p.numel() for p in network().parameters()) - sum(p.numel() for p in made.parameters()) == 12 * 5


@pytest.mark.slow
def test_words_and_their_order_are_learned():
    options = {"vocabulary": 300, "hidden_size": 64, "embedding_size": 32, "dropout": 0.0, "label_smoothing": 0.0}
    model = Translator(**options, epochs=20, batch_size=16, learning_rate=0.005).fit(*numbers(500))
    X, y = numbers(60, seed=1)
    assert np.mean([a == b for a, b in zip(model.predict(X), y, strict=True)]) > 0.9
    found = model.translate(["eins zwei drei vier"], 3)[0]
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert found[0].text == "four three two one"
    assert "".join(found[0].pieces).strip() == found[0].text
    assert found[0].weights.shape == (len(found[0].pieces) + 1, len(found[0].source_pieces))
    np.testing.assert_allclose(found[0].weights.sum(1), 1.0, rtol=1e-5)


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


def test_reply_scores():
    found = reply_scores([["Yes", "no"], ["a", "b"], ["c", "d"]], ["yes", "B", "x"])
    assert found == {"first is right": pytest.approx(1 / 3), "one is right": pytest.approx(2 / 3)}


def test_bleu_by_hand():
    """Papineni et al. 2002: four of five words, two of four pairs and so on, and a brevity penalty of exp(1 - 6/5)."""
    found = translation_scores(["the cat sat on mats"], ["The cat sat on the mats"], lowercase=True)
    precisions = [5 / 5, 3 / 4, 2 / 3, 1 / 2]
    assert found["BLEU"] == pytest.approx(100 * np.exp(1 - 6 / 5) * np.prod(precisions) ** 0.25)
    assert translation_scores(["A dog"], ["a dog"], lowercase=True)["chrF"] == pytest.approx(100)
    assert translation_scores(["A dog"], ["a dog"], lowercase=False)["chrF"] < 90


def test_evaluation_is_beside_what_needs_no_training(fitted):
    rows = {
        row["model"]: row
        for row in face(fitted).evaluate(Pairs(["one two three four", "zwei"], ["one two three four", "two"]))
    }
    assert set(rows) == {"lstm", "source itself", "commonest target"}
    assert rows["source itself"]["BLEU"] > rows["commonest target"]["BLEU"]
    assert signatures(False)["BLEU"].startswith("nrefs:1|case:mixed")
    assert signatures(True)["BLEU"].startswith("nrefs:1|case:lc")


def test_alone_and_beside_longer_ones_it_translates_alike(data, fitted):
    assert fitted.predict(data[0][:8]) == [fitted.predict([text])[0] for text in data[0][:8]]


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


def test_the_same_seed_gives_the_same_bits_and_a_run_goes_on(data, fitted, tmp_path):
    again = Translator(**SMALL).fit(*data, run=tmp_path)
    resumed = Translator(**SMALL).fit(*data, run=tmp_path)
    for name, value in fitted.network_.state_dict().items():
        assert torch.equal(value, again.network_.state_dict()[name])
        assert torch.equal(value, resumed.network_.state_dict()[name])
    other = Translator(**{**SMALL, "seed": 1}).fit(*data)
    assert not torch.equal(other.network_.bias, fitted.network_.bias)


class Killed(Exception):
    pass


def test_a_training_that_was_killed_ends_at_the_same_bits(data, fitted, tmp_path, monkeypatch):
    whole, calls = TranslatorNetwork.loss, 0

    def loss(self, batch):
        nonlocal calls
        calls += 1
        if calls == 8:  # in the second epoch
            raise Killed
        return whole(self, batch)

    monkeypatch.setattr(TranslatorNetwork, "loss", loss)
    with pytest.raises(Killed):
        Translator(**SMALL).fit(*data, run=tmp_path)
    again = Translator(**SMALL).fit(*data, run=tmp_path)
    assert all(
        torch.equal(value, again.network_.state_dict()[name]) for name, value in fitted.network_.state_dict().items()
    )


@pytest.mark.parametrize("options", [{}, {"shared": True, "cell": "gru", "bidirectional": False, "num_layers": 1}])
def test_a_model_file_translates_the_same(data, options, tmp_path):
    model = Translator(**{**SMALL, **options}).fit(*data)
    model.save(tmp_path)
    again = Translator.load(tmp_path)
    pairs = Pairs(*data)
    assert face(again).table(pairs).equals(face(model).table(pairs))
    assert face(again).evaluate(pairs) == face(model).evaluate(pairs)


def test_the_report_draws_attention(data, fitted):
    found = fitted.translate(data[0][:1])[0][0]
    axes = attention_figure(found).axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), found.weights)
    assert len(axes.get_xticklabels()) == len(found.source_pieces)
    assert len(axes.get_yticklabels()) == len(found.pieces) + 1
    sections = face(fitted).report(Pairs(*data), None)
    assert "nrefs:1" in sections[0].text
    assert "= " + data[1][0] in sections[1].listing
    assert len([section for section in sections if section.figure is not None]) == 4


def test_texts_unlike_any_are_translated(fitted):
    assert len(fitted.predict(["世界 🙂", "x" * 300, " a "])) == 3


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ([], [], "X is .*: give a list of texts"),
        ("ein Hund", ["a dog"], "X is .*: give a list of texts"),
        (["a"], None, "there are no targets"),
        (["a", "b"], ["a"], "2 texts in X, 1 in y"),
        (["a", " "], ["a", "b"], r"X\[1\] is no text, or an empty one"),
        (["a"], [3], r"y\[0\] is no text"),
        (["a\ud800"], ["b"], "half a surrogate pair"),
    ],
)
def test_wrong_data_are_refused_in_one_sentence(X, y, words):
    with pytest.raises(InputError, match=words):
        Translator(**SMALL).fit(X, y)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hidden_size": 7}, "hidden_size=7 is odd"),
        ({"task": "sing"}, "task='sing' is none of translate, reply"),
        ({"cell": "projected(lstm, 3)"}, "gives no output of hidden_size=8"),
    ],
)
def test_wrong_parameters_are_refused_in_one_sentence(data, options, words):
    with pytest.raises(InputError, match=words):
        Translator(**{**SMALL, **options}).fit(*data)


@pytest.mark.slow
def test_german_captions(shared_data):
    """A small network on a tenth of the captions is far above the baselines."""
    folder = shared_data("multi30k")

    def part(name, count):
        return tuple(
            gzip.open(folder / f"{name}.{side}.gz", "rt", encoding="utf-8").read().splitlines()[:count]
            for side in ("de", "en")
        )

    model = Translator(lowercase=True, vocabulary=1500, hidden_size=128, embedding_size=96, dropout=0.1, epochs=6)
    model.set_params(batch_size=32, learning_rate=4e-3).fit(*part("train", 3000))
    rows = {row["model"]: row["BLEU"] for row in face(model).evaluate(Pairs(*part("test_2016_flickr", 200)))}
    assert rows["lstm"] > 6 > 2 > max(rows["source itself"], rows["commonest target"])

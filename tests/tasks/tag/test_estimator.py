"""Tagger: what it learns, what it computes, how it scores, what it keeps and refuses."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from keepgate import Tagger
from keepgate.data.text.sentences import Sentences
from keepgate.errors import InputError
from keepgate.tasks import face, face_class
from keepgate.tasks.tag.examples import SentenceExamples
from keepgate.tasks.tag.network import TaggerNetwork
from keepgate.tasks.tag.scores import breaks_span

SMALL = {"hidden_size": 8, "word_size": 8, "character_size": 8, "epochs": 3}


def after_a_switch(count, seed=0):
    """Made-up words; those that end in -ed are verbs, and a word is marked `late` once "switch" has been read."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(count):
        stems = [
            "".join(rng.choice(list("bdfklmnprst")) + rng.choice(list("aeiou")) for _ in range(3)) for _ in range(7)
        ]
        words = [stem + rng.choice(["ed", "on"]) for stem in stems]
        words[rng.integers(0, 7)] = "switch"
        late = np.cumsum([word == "switch" for word in words]) > 0
        X.append(words)
        y.append([("late-" if now else "") + word[-2:] for word, now in zip(words, late, strict=True)])
    return X, y


def frames_that_count(count, seed=0):
    """Pulses in noise; the label of a step is whether an even or an odd number of pulses has been seen."""
    rng = np.random.default_rng(seed)
    pulses = [rng.random(rng.integers(5, 15)) < 0.3 for _ in range(count)]
    X = [np.stack([pulse * 4.0, rng.normal(size=len(pulse))], axis=1) for pulse in pulses]
    return X, [["odd" if n % 2 else "even" for n in np.cumsum(pulse)] for pulse in pulses]


@pytest.fixture(scope="module")
def data():
    return after_a_switch(40)


@pytest.fixture(scope="module")
def fitted(data):
    return Tagger(**SMALL).fit(*data)


def test_unseen_words_are_told_by_their_characters_and_their_context():
    tagger = Tagger(hidden_size=32, character_size=16, word_size=8, epochs=12, dropout=0.1).fit(*after_a_switch(300))
    X, y = after_a_switch(50, seed=1)
    right = [
        a == b for guess, truth in zip(tagger.predict(X), y, strict=True) for a, b in zip(guess, truth, strict=True)
    ]
    assert np.mean(right) > 0.97


def test_frames_are_tagged_by_what_came_before():
    tagger = Tagger(hidden_size=16, epochs=30, dropout=0.0, bidirectional=False, learning_rate=0.02)
    tagger.fit(*frames_that_count(300))
    X, y = frames_that_count(50, seed=1)
    right = [
        a == b for guess, truth in zip(tagger.predict(X), y, strict=True) for a, b in zip(guess, truth, strict=True)
    ]
    assert np.mean(right) > 0.97


def test_the_network_is_torch_lstms_over_characters_and_words(data, fitted):
    X, _ = data
    network, vocabulary = fitted.network_, fitted.vocabulary_
    characters = torch.nn.LSTM(8, 8, bidirectional=True)
    characters.load_state_dict(network.encoder.recurrent.state_dict())
    words = torch.nn.LSTM(24, 8, bidirectional=True)
    words.load_state_dict(network.recurrent.state_dict())
    known = {word: 2 + i for i, word in enumerate(vocabulary.words)}
    letters = {letter: 2 + i for i, letter in enumerate(vocabulary.characters)}
    with torch.no_grad():
        for sentence, probabilities in zip(X, fitted.predict_proba(X), strict=True):
            vectors = []
            for word in sentence:
                spelled = network.encoder.characters(torch.tensor([letters[c] for c in word]))
                _, (h, _) = characters(spelled)
                vectors.append(torch.cat([network.encoder.words.weight[known.get(word, 1)], h[0], h[1]]))
            output, _ = words(torch.stack(vectors))
            np.testing.assert_allclose(probabilities, network.output(output).softmax(-1).numpy(), atol=1e-5)


def test_a_model_file_gives_the_same_probabilities(data, fitted, tmp_path):
    fitted.save(tmp_path)
    again = Tagger.load(tmp_path)
    for a, b in zip(again.predict_proba(data[0]), fitted.predict_proba(data[0]), strict=True):
        np.testing.assert_array_equal(a, b)
    assert face(again).evaluate(Sentences(*data)) == face(fitted).evaluate(Sentences(*data))


def test_unknown_words_characters_and_very_long_ones_get_tags(fitted):
    assert [len(tags) for tags in fitted.predict([["ß€", "x" * 10_000], ["a"]])] == [2, 1]


def test_the_table_has_a_row_for_each_token(data, fitted):
    table = face(fitted).table(Sentences(data[0][:2], None)).to_pylist()
    assert [row["token"] for row in table] == data[0][0] + data[0][1]
    assert [(row["sentence"], row["position"]) for row in table] == [(s, p) for s in (1, 2) for p in range(1, 8)]
    assert [row["tag_hat"] for row in table] == [tag for tags in fitted.predict(data[0][:2]) for tag in tags]
    assert all(1 / len(fitted.tags_) <= row["probability"] <= 1 for row in table)


def test_baselines_are_counted_from_the_training_data(fitted):
    rows = {
        row["model"]: row for row in face(fitted).evaluate(Sentences([["switch", "unseen"]], [["late-ch", "late-on"]]))
    }
    counts = fitted.tag_counts_
    most = max(sorted(counts), key=lambda tag: counts[tag])
    assert rows["commonest tag"]["accuracy"] == np.mean([most == "late-ch", most == "late-on"])
    assert rows["commonest tag of the word"]["accuracy"] == np.mean([True, most == "late-on"])


def test_the_report_shows_the_mistakes(data, fitted):
    sections = face(fitted).report(Sentences(*data), None)
    listing = sections[-1].listing
    guess = fitted.predict(data[0])
    i, k = next((i, k) for i, row in enumerate(guess) for k in range(len(row)) if row[k] != data[1][i][k])
    assert f"[{data[0][i][k]}: {data[1][i][k]}, {guess[i][k]}]" in listing


def every_path(crf, scores):
    """All paths of tags over scores [T, K] as rows, and the probability of each by the definition."""
    paths = np.array(list(product(range(scores.shape[1]), repeat=len(scores))))
    start, end, moves = (value.detach().double().numpy() for value in (crf.start, crf.end, crf.transitions))
    total = start[paths[:, 0]] + end[paths[:, -1]] + scores[np.arange(len(scores)), paths].sum(1)
    total += moves[paths[:, :-1], paths[:, 1:]].sum(1)
    return paths, np.exp(total) / np.exp(total).sum()


@pytest.fixture(scope="module")
def spans_of_words():
    """Names of one, two or three words, told from the first word; the tags mark them."""
    rng = np.random.default_rng(0)
    names = [["north"], ["great", "wall"], ["old", "red", "fox"]]
    X, y = [], []
    for _ in range(60):
        parts = [names[k] if k < 3 else ["walks"] for k in rng.integers(0, 5, 3)]
        X.append([word for part in parts for word in part])
        y.append(
            [
                "O" if word == "walks" else ("I" if i else "B") + f"-{len(part)}"
                for part in parts
                for i, word in enumerate(part)
            ]
        )
    return X, y


@pytest.fixture(scope="module")
def chained(spans_of_words):
    return Tagger(**{**SMALL, "epochs": 4}, crf=True).fit(*spans_of_words)


def test_with_crf_tags_and_probabilities_are_those_of_all_paths(chained, spans_of_words):
    X = [words[:5] for words in spans_of_words[0][:3]]
    network = chained.network_
    tokens, lengths, _ = SentenceExamples(X, chained.vocabulary_).batch(np.arange(3))
    with torch.no_grad():
        scores = network(tokens, lengths).double().numpy()
    for words, row, probabilities, tags in zip(X, scores, chained.predict_proba(X), chained.predict(X), strict=True):
        paths, chance = every_path(network.crf, row[: len(words)])
        expected = np.array([[chance[paths[:, t] == k].sum() for k in range(row.shape[1])] for t in range(len(words))])
        np.testing.assert_allclose(probabilities, expected, atol=1e-5)
        assert tags == [chained.tags_[k] for k in paths[chance.argmax()]]


def test_with_crf_the_loss_is_that_of_the_tags_path(spans_of_words):
    X, y = (part[:4] for part in spans_of_words)
    tagger = Tagger(**{**SMALL, "epochs": 1}, crf=True).fit(*spans_of_words)
    examples = tagger._examples(X, [[*y[0][:-1], "never seen"], *y[1:]])
    batch = examples.batch(np.arange(4))
    with torch.no_grad():
        scores = tagger.network_(*batch[:2]).double().numpy()
        loss = TaggerNetwork.loss(tagger.network_, batch)
    logs = []
    for row, tags in list(zip(scores, y, strict=True))[1:]:
        paths, chance = every_path(tagger.network_.crf, row[: len(tags)])
        logs.append(np.log(chance[(paths == [tagger.tags_.index(tag) for tag in tags]).all(1)].item()))
    assert float(loss) == pytest.approx(-sum(logs) / sum(map(len, y[1:])), rel=1e-4)


def test_with_crf_no_span_is_broken_unless_the_training_data_have_it(spans_of_words):
    X, y = spans_of_words
    untrained = Tagger(**{**SMALL, "epochs": 1}, learning_rate=1e-9, crf=True)
    legal = untrained.fit(X, y)
    broken = [breaks_span(before, tag) for row in legal.predict(X) for before, tag in pairwise([None, *row])]
    assert not any(broken)
    assert np.isneginf(legal.network_.crf.start.detach().numpy()).tolist() == [tag[0] == "I" for tag in legal.tags_]
    odd = untrained.fit(X, [["I-2", *row[1:]] for row in y])
    barred = np.isneginf(odd.network_.crf.start.detach().numpy())
    assert [tag for tag, no in zip(odd.tags_, barred, strict=True) if no] == ["I-3"]


def test_crf_is_the_default_where_tags_mark_spans(fitted, spans_of_words):
    assert fitted.network_.crf is None
    tiny = {**SMALL, "epochs": 1}
    assert Tagger(**tiny).fit(*spans_of_words).network_.crf is not None
    assert Tagger(**tiny, crf=False).fit(*spans_of_words).network_.crf is None


def test_with_crf_a_model_file_gives_the_same_tags(chained, spans_of_words, tmp_path):
    chained.save(tmp_path)
    again = Tagger.load(tmp_path)
    data = Sentences(*spans_of_words)
    assert again.predict(data) == chained.predict(data)
    assert face(again).table(data).equals(face(chained).table(data))
    assert face(again).evaluate(data) == face(chained).evaluate(data)


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ([], [], "X is .*: give a list of sentences"),
        ("a b c", ["X"], "X is .*: give a list of sentences"),
        ([["a"]], None, "there are no tags"),
        ([["a"], ["b"]], [["X"]], "2 sequences in X, 1 in y"),
        ([["a", "b"]], [["X"]], r"X\[0\] has 2 tokens or frames, y\[0\] 1 tags"),
        ([["a", "b"]], [["X", "X"]], "all tokens have the tag 'X'"),
        ([["a", ""]], [["X", "Y"]], r"X\[0\] is no list of tokens"),
        ([["a"], "b"], [["X"], ["Y"]], r"X\[1\] is no list of tokens"),
        ([np.array([[1.0], [np.nan]])], [["X", "Y"]], r"X\[0\] has NaN"),
    ],
)
def test_wrong_data_are_refused_in_one_sentence(X, y, words):
    with pytest.raises(InputError, match=words):
        Tagger(**SMALL).fit(X, y)


def test_frames_are_refused_where_words_were_learned_and_the_other_way_round(fitted):
    with pytest.raises(InputError, match="fitted to sentences of tokens"):
        fitted.predict([np.zeros((3, 2))])
    by_frames = Tagger(hidden_size=4, epochs=1).fit(*frames_that_count(4))
    with pytest.raises(InputError, match="no array"):
        by_frames.predict([["a", "b"]])


@pytest.mark.slow
def test_parts_of_speech_of_web_texts(shared_data):
    """Two epochs of a small network are enough to be far above the baselines."""
    folder = shared_data("ewt")
    train, test = (face_class("tag").read(folder / f"en_ewt-ud-{part}.conllu.gz") for part in ("train", "test"))
    tagger = Tagger(epochs=2, hidden_size=100).fit(train)
    rows = {row["model"]: row["accuracy"] for row in face(tagger).evaluate(test)}
    assert rows["lstm"] > 0.925 > rows["commonest tag of the word"] > 0.8

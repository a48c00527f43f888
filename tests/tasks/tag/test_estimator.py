"""Tagger: what it learns, what it computes, how it scores, what it keeps and refuses."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_val_score
from sklearn.utils.class_weight import compute_class_weight

from keepgate import Tagger
from keepgate.data.text.sentences import Sentences
from keepgate.errors import InputError
from keepgate.tasks import face, face_class
from keepgate.tasks.tag.scores import marks_spans, span_scores, token_scores
from tasks.tag.data import SMALL, after_a_switch, frames_that_count


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


def test_a_model_file_gives_the_same_probabilities(data, fitted, tmp_path):
    fitted.save(tmp_path)
    again = Tagger.load(tmp_path)
    for a, b in zip(again.predict_proba(data[0]), fitted.predict_proba(data[0]), strict=True):
        np.testing.assert_array_equal(a, b)
    assert face(again).evaluate(Sentences(*data)) == face(fitted).evaluate(Sentences(*data))


def test_unknown_words_characters_and_very_long_ones_get_tags(fitted):
    assert [len(tags) for tags in fitted.predict([["ß€", "x" * 10_000], ["a"]])] == [2, 1]


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


def test_whole_documents_are_held_out(monkeypatch):
    seen = []
    monkeypatch.setattr(Tagger, "calibrate", lambda self, held_out: seen.extend(held_out.indices.tolist()))
    X, y = after_a_switch(120)
    sources = [f"{i // 10}" for i in range(120)]
    Tagger(**{**SMALL, "epochs": 1}, hold_out=0.2).fit(Sentences(X, y, None, sources))
    assert 10 < len(seen) < 40
    chosen = {sources[i] for i in seen}
    assert sorted(seen) == [i for i in range(120) if sources[i] in chosen]


def rare_words(count, seed):
    """Words of four letters; of those that begin with x, a twelfth, a quarter have the tag RARE, by chance."""
    rng = np.random.default_rng(seed)
    X = [[rng.choice(list("xabcd"), p=[0.08, 0.23, 0.23, 0.23, 0.23]) + "one" for _ in range(5)] for _ in range(count)]
    return X, [["RARE" if word[0] == "x" and rng.random() < 0.25 else "O" for word in row] for row in X]


@pytest.mark.parametrize("crf", [False, True])
def test_balanced_weights_find_rare_tags(crf):
    X, y = rare_words(200, 0)
    small = {**SMALL, "epochs": 12, "learning_rate": 0.02, "dropout": 0.0, "word_dropout": 0.0, "hold_out": 0.0}
    truth = [[tag for word, tag in zip(*pair, strict=True) if word[0] == "x"] for pair in zip(X, y, strict=True)]
    found = {}
    for weight in (None, "balanced", {"RARE": 100}):
        tags = Tagger(**small, crf=crf, class_weight=weight).fit(X, y).predict(X)
        given = [[tag for word, tag in zip(*pair, strict=True) if word[0] == "x"] for pair in zip(X, tags, strict=True)]
        found[str(weight)] = token_scores(truth, given)["RARE"]["recall"]
    assert found["None"] < 0.1
    assert min(found["balanced"], found["{'RARE': 100}"]) > 0.9


def test_weights_of_tags_are_those_of_scikit_learn_and_are_kept(data, tmp_path):
    tagger = Tagger(**SMALL, class_weight="balanced").fit(*data)
    given = [tag for row in data[1] for tag in row]
    expected = compute_class_weight("balanced", classes=np.array(tagger.tags_), y=given)
    np.testing.assert_allclose(tagger.network_.log_weights[0].exp().numpy(), expected, rtol=1e-5)
    tagger.save(tmp_path)
    again = Tagger.load(tmp_path)
    assert again.class_weight == "balanced"
    assert again.predict(data[0]) == tagger.predict(data[0])


@pytest.mark.parametrize(
    ("given", "words"),
    [({"X": 2}, "class_weight names the class 'X'; the tags are"), ({"late-ed": 0}, "gives 'late-ed' the weight 0")],
)
def test_weights_that_do_not_fit_the_tags_are_told(data, given, words):
    with pytest.raises(InputError, match=words):
        Tagger(**SMALL, class_weight=given).fit(*data)


def coloured(count, seed):
    """Words that occur once each, the tag of which stands in nothing but the sign of their vector's first number."""
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("abcdefgh"), 8)) for _ in range(3 * count)]
    vectors = rng.normal(size=(3 * count, 4))
    vectors[:, 0] = np.sign(vectors[:, 0])
    return [words[i : i + 3] for i in range(0, len(words), 3)], dict(zip(words, vectors, strict=True))


def test_words_that_were_never_seen_are_told_by_their_vectors(tmp_path):
    (X, known), (unseen, further) = coloured(60, 0), coloured(30, 1)
    vectors = {**known, **further}
    path = tmp_path / "words.vec"
    rows = [" ".join([word, *map(str, vector.tolist())]) for word, vector in vectors.items()]
    path.write_text("\n".join([f"{len(rows)} 4", *rows]) + "\n")
    tagger = Tagger(**{**SMALL, "epochs": 30}, dropout=0.1, learning_rate=0.02, vectors=str(path))
    tags = [[["minus", "plus"][int(vectors[word][0] > 0)] for word in row] for row in (*X, *unseen)]
    tagger.fit(X, tags[:60])
    assert tagger.score([[word.upper() for word in row] for row in unseen], tags[60:]) > 0.9
    tagger.save(tmp_path / "run")
    path.unlink()  # the folder has all that is needed
    again = Tagger.load(tmp_path / "run")
    for a, b in zip(again.predict_proba(unseen), tagger.predict_proba(unseen), strict=True):
        np.testing.assert_array_equal(a, b)
    table = tagger.network_.get_parameter("encoder.vectors.weight").numpy()
    given = np.array([vectors[word] for word in tagger.vectors_.words])
    np.testing.assert_allclose(
        table[2:] / table[2, 0], given / given[0, 0], rtol=1e-4
    )  # training left them as they were


def test_vectors_are_refused_in_one_sentence(tmp_path):
    (tmp_path / "a.vec").write_text("Katze 1 2\n")
    with pytest.raises(InputError, match="none of the 2 words of the data"):
        Tagger(**SMALL, vectors=str(tmp_path / "a.vec")).fit([["a", "cat"]], [["DET", "NOUN"]])
    with pytest.raises(InputError, match=r"vectors='.*a\.vec' is for sentences of words, but X holds frames"):
        Tagger(**SMALL, vectors=str(tmp_path / "a.vec")).fit(*frames_that_count(4))
    with pytest.raises(InputError, match=r"none\.txt"):
        Tagger(**SMALL, vectors=str(tmp_path / "none.txt")).fit([["a", "cat"]], [["DET", "NOUN"]])


@pytest.mark.slow
def test_parts_of_speech_of_web_texts(shared_data):
    """Two epochs of a small network are enough to be far above the baselines."""
    folder = shared_data("ewt")
    train, test = (face_class("tag").read(folder / f"en_ewt-ud-{part}.conllu.gz") for part in ("train", "test"))
    tagger = Tagger(epochs=2, hidden_size=100).fit(train)
    rows = {row["model"]: row["accuracy"] for row in face(tagger).evaluate(test)}
    assert rows["lstm"] > 0.925 > rows["commonest tag of the word"] > 0.8


def test_the_score_is_the_share_of_right_tags_and_f1_where_tags_mark_spans(data, fitted):
    X, y = data
    guess = fitted.predict(X)
    flat = [[tag for row in rows for tag in row] for rows in (y, guess)]
    assert fitted.score(X, y) == fitted.score(Sentences(X, y)) == pytest.approx(accuracy_score(*flat))
    sentences = [["in", "deep", "learning"], ["works"]] * 10
    tagger = Tagger(**SMALL).fit(sentences, [["O", "B-x", "I-x"], ["O"]] * 10)
    truth = [["O", "B-x", "O"], ["B-x"]] * 10
    assert marks_spans(truth)
    assert tagger.score(sentences, truth) == span_scores(truth, tagger.predict(sentences))[""]["F1"]
    assert len(cross_val_score(Tagger(**SMALL), X, y, cv=2)) == 2

"""Class labels of any kind: as numbers, in a model file, and what is no label."""

from __future__ import annotations

import json

import numpy as np
import pytest

from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from keepgate.tasks.classify.estimator import SequenceClassifier
from keepgate.tasks.classify.labels import (
    CLASSES,
    as_labels,
    classes_from_json,
    classes_to_json,
    codes_of,
    encode,
    labels_of,
)
from tasks.classify.data import SMALL


@pytest.mark.parametrize(
    "names",
    [
        np.array([3, -5]),
        np.array([True, False]),
        np.array([0.5, 1.5]).astype(int).astype(float),
        np.array(["é", "日本"]),
        np.array(["a", "bb"], dtype=object),
        np.array(["2024-01-01", "2024-02-01"], dtype="datetime64[D]"),
    ],
    ids=lambda names: str(names.dtype),
)
def test_labels_of_any_kind_come_back_also_from_the_file(data, names, tmp_path):
    X, y = data
    labels = names[(y == "plus").astype(int)]
    classifier = SequenceClassifier(**SMALL).fit(X, labels)
    np.testing.assert_array_equal(classifier.classes_, np.unique(labels))
    classifier.save(tmp_path)
    back = SequenceClassifier.load(tmp_path)
    np.testing.assert_array_equal(back.classes_, classifier.classes_)
    assert back.classes_.dtype == classifier.classes_.dtype
    np.testing.assert_array_equal(back.predict(X), classifier.predict(X))
    assert set(back.predict(X).tolist()) <= set(labels.tolist())


def test_labels_that_no_file_can_hold_are_told(data, tmp_path):
    X, y = data
    pairs = np.empty(len(y), dtype=object)
    pairs[:] = [(0, 1) if label == "plus" else (1, 0) for label in y]
    classifier = SequenceClassifier(**SMALL).fit(X, y)
    classifier.classes_ = np.array([b"plus", b"minus"])
    with pytest.raises(InputError, match="bytes cannot be kept"):
        classifier.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("labels", "classes", "codes"),
    [
        (["b", "a", "b"], ["a", "b"], [1, 0, 1]),
        ([3, -5, 3], [-5, 3], [1, 0, 1]),
        ([True, False], [False, True], [1, 0]),
    ],
)
def test_numbers_of_classes_by_hand(labels, classes, codes):
    found, numbers = encode(np.array(labels))
    assert (found.tolist(), numbers.tolist()) == (classes, codes)
    assert numbers.dtype == np.int64
    assert codes_of(labels, found).tolist() == codes
    assert codes_of([], found).tolist() == []


@pytest.mark.parametrize(
    ("y", "count", "words"),
    [
        (None, 2, "^fitting requires y to be passed"),
        (["a"], 2, "^inconsistent numbers of samples: 2 sequences in X, 1 labels in y$"),
        ([["a", "b"], ["c", "d"]], 2, "y should be a 1d array"),
        ([1.0, np.nan], 2, "y contains NaN"),
        ([0.5, 0.7], 2, "Unknown label type: continuous"),
    ],
)
def test_what_is_no_label(y, count, words):
    with pytest.raises(InputError, match=words):
        as_labels(y, count)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array(["a", "a"]), r"^y has only 1 class \('a'\); a classifier needs at least two$"),
        (np.array([1, "a"], dtype=object), "^y mixes labels that have no common order"),
    ],
)
def test_classes_that_cannot_be_told_apart(labels, words):
    with pytest.raises(InputError, match=words):
        encode(labels)


@pytest.mark.parametrize("label", ["c", ["a"], {"a": 1}, np.nan])
def test_a_label_that_is_no_class(label):
    given = np.empty(1, dtype=object)
    given[0] = label
    with pytest.raises(InputError, match=r"was not in the training data, whose classes are 'a', 'b'$"):
        codes_of(given, np.array(["a", "b"]))


@pytest.mark.parametrize(
    "classes",
    [
        np.array(["2024-01-01", "2024-02-01"], dtype="datetime64[D]"),
        np.array([-(2**63), 2**63 - 1]),
        np.array([2**64 - 1, 0], dtype=np.uint64),
        np.array([0.1, 1e300]),
        np.array([False, True]),
        np.array(["", "日本"]),
        np.array(["a", "bb"], dtype=object),
    ],
    ids=lambda classes: str(classes.dtype),
)
def test_classes_go_to_json_and_back(classes):
    written = json.loads(json.dumps(classes_to_json(classes)))
    CLASSES("classes", written)
    back = classes_from_json(written)
    np.testing.assert_array_equal(back, classes)
    assert back.dtype == classes.dtype


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"dtype": "<i8", "values": [1, 1]}, "^the classes have a value twice$"),
        ({"dtype": "<U1", "values": ["a", "ab"]}, "^the classes have a value twice$"),  # cut to their type
        ({"dtype": "<i8", "values": ["a", "b"]}, "^the classes are not of type int64: invalid literal"),
        ({"dtype": "|i1", "values": [1, 1000]}, "^the classes are not of type int8: "),
        ({"dtype": "<M8[D]", "values": ["today?", "1"]}, r"^the classes are not of type datetime64\[D\]: "),
        ({"dtype": "<U9999", "values": ["a"] * 4000}, "^4000 classes of type <U9999 are more than memory is given to$"),
    ],
)
def test_damaged_classes_are_refused(written, words):
    with pytest.raises(InputError, match=words):
        classes_from_json(written)


@pytest.mark.parametrize("dtype", ["<V8", "O", "complex128", "<U12345", 7])
def test_a_type_that_is_none_of_labels_is_refused(dtype):
    with pytest.raises(InputError, match="dtype"):
        CLASSES("classes", {"dtype": dtype, "values": ["a", "b"]})


def test_the_labels_that_sequences_carry_stand_in_for_y():
    X = Sequences(["s"], [np.zeros((1, 1))], np.array(["a"]), None)
    assert labels_of(X, None).tolist() == ["a"]
    assert labels_of(X, ["b"]) == ["b"]
    assert labels_of([np.zeros((1, 1))], None) is None

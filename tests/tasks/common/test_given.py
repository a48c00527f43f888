from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from keepgate.tasks.common.given import as_list, as_pair, of_kind


@pytest.mark.parametrize("given", [["a", "b"], ("a", "b"), np.array(["a", "b"]), pd.Series(["a", "b"], index=[7, 3])])
def test_anything_with_a_length_and_an_order_is_a_list(given):
    assert as_list("X", given, "texts") == ["a", "b"]


class Odd:
    def __len__(self):
        raise RuntimeError("out of order")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("text", r"^X is 'text': give a list of texts, at least one$"),
        (b"text", r"^X is b'text': give a list of texts"),
        ({"a": 1}, r"^X is .*: give a list of texts"),
        ({"a"}, r"^X is \{'a'\}: give a list of texts"),
        ([], r"^X is \[\]: give a list of texts"),
        (np.array([]), r"^X is array\(\[\].*: give a list of texts"),
        (7, r"^X is no list of texts: object of type 'int' has no len\(\)$"),
        (None, r"^X is no list of texts: "),
        (np.array(1.0), r"^X is no list of texts: "),
        (Odd(), r"^X is no list of texts: out of order$"),
    ],
)
def test_what_is_no_list(given, words):
    with pytest.raises(InputError, match=words):
        as_list("X", given, "texts")


def test_examples_and_targets_are_as_many():
    assert as_pair(["a"], None, "texts", "labels") == (["a"], None)
    assert as_pair(("a",), np.array([1]), "texts", "labels") == (["a"], [1])
    with pytest.raises(InputError, match=r"^inconsistent numbers of samples: 1 texts in X, 2 labels in y$"):
        as_pair(["a"], [1, 2], "texts", "labels")
    with pytest.raises(InputError, match=r"^y is \[\]: give a list of labels, at least one$"):
        as_pair(["a"], [], "texts", "labels")


def test_what_a_file_became_is_told_from_a_list():
    data = Sequences(["s"], [np.zeros((1, 1))], None, None)
    assert of_kind(data, Sequences) is data
    with pytest.raises(InputError, match=r"^the data are a list: give the Sequences that `read` makes of a file$"):
        of_kind([np.zeros((1, 1))], Sequences)

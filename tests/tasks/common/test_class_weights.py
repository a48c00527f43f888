"""Weights of classes and of examples: scikit-learn's, by name, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from keepgate.errors import InputError
from keepgate.tasks.common.class_weights import check_class_weight, class_weights, example_weights, from_text, to_text

CLASSES = np.array(["often", "quite rare", "rare"])
COUNTS = np.array([16, 3, 1])


@pytest.mark.parametrize("weights", ["balanced", None, {"often": 0.5, "rare": 7, "quite rare": 2}])
def test_they_are_scikit_learns(weights):
    y = np.repeat(CLASSES, COUNTS)
    expected = compute_class_weight(weights, classes=CLASSES, y=y)
    np.testing.assert_allclose(class_weights(weights, CLASSES, COUNTS), expected)


def test_a_text_names_them_too():
    weights = {"rare": 7.0, "quite rare": 0.25}
    assert from_text("", to_text(weights)) == weights
    assert from_text("", "rare=7 'quite rare'=0.25") == weights
    np.testing.assert_array_equal(class_weights("rare=7", CLASSES, COUNTS), [1, 1, 7])
    numbers = class_weights({0: 1.5, 3: 2}, np.array([0, 3]), np.array([1, 1]))
    np.testing.assert_array_equal(numbers, [1.5, 2])
    assert from_text("", "a=b=3") == {"a=b": 3.0}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "even",
            "class_weight='even' is neither balanced nor weights of classes, as in \"rare=5 often=1\": a class has",
        ),
        ("rare=much", "could not convert string to float: 'much'"),
        ("'rare=1", "No closing quotation"),
        ("", "names no class"),
        ({}, "names no class"),
        ({"rare": -1}, r"class_weight\['rare'\]=-1 is not at least 0"),
        ({"rare": float("nan")}, r"class_weight\['rare'\]=nan is no finite number"),
        ({"rare": "2"}, "is not of type float"),
        (3, "class_weight=3 is not of type str"),
    ],
)
def test_what_is_no_weight_is_told(value, message):
    with pytest.raises(InputError, match=message):
        check_class_weight("class_weight", value)


def test_a_class_that_there_is_not_is_told():
    with pytest.raises(InputError, match="class_weight names the class 'rar'; the classes of y are 'often', 'qui"):
        class_weights({"rar": 2}, CLASSES, COUNTS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, 2], r"shape \(2,\) where one weight for each of 3 is expected"),
        ([1, -2, 0], r"sample_weight\[1\] is -2.0: give a number from 0"),
        ([1, np.nan, 0], r"sample_weight\[1\] is nan"),
        ([0, 0, 0], "sample_weight is zero for all sequences"),
        (["a", "b", "c"], "sample_weight holds what is no number"),
    ],
)
def test_weights_that_do_not_fit_the_examples_are_told(given, message):
    with pytest.raises(InputError, match=message):
        example_weights(given, 3)

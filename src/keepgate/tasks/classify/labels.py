"""Class labels of any kind, the numbers 0 to K-1 that networks use for them, and their form in a model file."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from keepgate import limits, schema
from keepgate.data.sequences import Sequences
from keepgate.data.text.labelled import LabelledTexts
from keepgate.errors import InputError, listed, quoted, reason

DTYPE = re.compile(r"object|[<|=]?(?:b1|[iu][1248]|f[248]|U(\d{1,4})|M8\[[a-zA-Z]{1,2}\])")
MOST_BYTES = 2**27  # of all classes together


def _dtype(name: str, value: Any) -> None:
    schema.text(100)(name, value)
    if not DTYPE.fullmatch(value):
        raise InputError(f"{name}={quoted(value)} is no type of class labels")


def _label(name: str, value: Any) -> None:
    """Check a text, number or truth value, as JSON has them."""
    check = {str: schema.text(), float: schema.number(), bool: schema.boolean, int: schema.whole(-(2**63), 2**64 - 1)}
    if type(value) not in check:
        raise InputError(f"{name}={quoted(value)} is no class label")
    check[type(value)](name, value)


CLASSES = schema.record(dtype=_dtype, values=schema.several(_label, 2))  # what `classes_to_json` writes


def as_labels(y: Any, count: int) -> np.ndarray:
    """Return labels as an array [N].

    Raises:
        InputError: there is not one class label for each of `count` sequences.
    """
    if y is None:
        raise InputError("fitting requires y to be passed, but the target y is None")
    try:
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
    except ValueError as error:
        raise InputError(reason(error)) from error
    if len(labels) != count:
        raise InputError(f"inconsistent numbers of samples: {count} sequences in X, {len(labels)} labels in y")
    return labels


def encode(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes [K], sorted, and the number of each label's class [N] int64; InputError below two classes."""
    try:
        classes, codes = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise InputError(f"y mixes labels that have no common order: {reason(error)}") from error
    limits.check("classes", len(classes), "y")
    if len(classes) < 2:
        raise InputError(f"y has only 1 class ({quoted(classes[0])}); a classifier needs at least two")
    return classes, codes.astype(np.int64)


def codes_of(labels: Any, classes: np.ndarray) -> np.ndarray:
    """Return the number of each label's class.

    Raises:
        InputError: a label is no class.
    """
    numbers = {name: k for k, name in enumerate(classes.tolist())}
    codes = np.empty(len(labels), dtype=np.int64)
    for i, label in enumerate(np.asarray(labels).tolist()):
        try:
            codes[i] = numbers[label]
        except (KeyError, TypeError) as error:  # no class, or nothing that could be one
            known = listed(classes.tolist())
            raise InputError(
                f"class {quoted(label)} was not in the training data, whose classes are {known}"
            ) from error
    return codes


def classes_to_json(classes: np.ndarray) -> dict[str, Any]:
    """Return classes as JSON values with their dtype.

    Raises:
        InputError: a class is an object that JSON cannot represent.
    """
    values = classes.astype(str).tolist() if classes.dtype.kind == "M" else classes.tolist()
    for value in values:
        if not isinstance(value, str | int | float | bool):
            raise InputError(
                f"a class label of type {type(value).__name__} cannot be kept in a model file: {quoted(value)}"
            )
    return {"dtype": "object" if classes.dtype.kind == "O" else classes.dtype.str, "values": values}


def classes_from_json(data: dict[str, Any]) -> np.ndarray:
    """Return the classes that `classes_to_json` wrote.

    Raises:
        InputError: they are not of their type.
    """
    values, dtype = data["values"], np.dtype(data["dtype"])
    if dtype.itemsize * len(values) > MOST_BYTES:
        raise InputError(f"{len(values)} classes of type {dtype} are more than memory is given to")
    try:
        classes = np.array(values, dtype=dtype)
        known = len(set(classes.tolist()))
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"the classes are not of type {dtype}: {reason(error)}") from error
    if known < len(values):
        raise InputError("the classes have a value twice")
    return classes


def labels_of(X: Any, y: Any) -> Any:
    """Return y, or where it is None the labels that X carries."""
    return X.labels if y is None and isinstance(X, Sequences | LabelledTexts) else y

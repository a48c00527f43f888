"""Tasks on data that come with scikit-learn, and on a table of the user's."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
from numpy.random import Generator

from keepgate.errors import InputError
from keepgate.search.tasks import Batch

__all__ = ["TASKS", "Digits", "Table", "Text"]

ALPHABET = " abcdefghijklmnopqrstuvwxyz0123456789.,-:()=\n"
TEST = 0.2  # share that is held out
WINDOW = 40  # steps of a sequence
LEAST_ROWS = 10 * WINDOW


class Text:
    """The next character of English text: the descriptions of its data sets that scikit-learn brings.

    Letters are lower case, and what is not in `ALPHABET` is a blank. The last fifth is held out.
    """

    name = "text"
    inputs = outputs = len(ALPHABET)
    classes = True

    def __init__(self) -> None:
        folder = resources.files("sklearn.datasets.descr")
        files = sorted((f for f in folder.iterdir() if f.name.endswith(".rst")), key=lambda file: file.name)
        text = " ".join(" ".join(file.read_text(encoding="utf-8") for file in files).lower().split())
        symbols = np.array([max(ALPHABET.find(letter), 0) for letter in text])
        cut = int(len(symbols) * (1 - TEST))
        self.parts = {False: symbols[:cut], True: symbols[cut:]}

    def draw(self, count: int, random: Generator, held_out: bool) -> Batch:
        """Return so many stretches of the text."""
        symbols = _stretches(self.parts[held_out], count, random)
        x = np.eye(len(ALPHABET), dtype=np.float32)[symbols[:-1]]
        return Batch(x, symbols[1:], np.ones(symbols[1:].shape, bool))


class Digits:
    """Handwritten digits of 8 x 8 pixels, a row a step; the class is wanted at the end. Every fifth is held out."""

    name = "digits"
    inputs, outputs = 8, 10
    classes = True

    def __init__(self) -> None:
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)
        self.images, self.labels = (images.reshape(-1, 8, 8) / 16).astype(np.float32), labels.astype(np.int64)
        self.is_test = np.arange(len(labels)) % 5 == 0

    def draw(self, count: int, random: Generator, held_out: bool) -> Batch:
        """Return so many digits."""
        rows = random.choice(np.flatnonzero(self.is_test == held_out), count)
        mask = np.zeros((8, count), bool)
        mask[-1] = True
        target = np.broadcast_to(self.labels[rows], (8, count))
        return Batch(self.images[rows].transpose(1, 0, 2), target, mask)


class Table:
    """How the numbers of a table change from each row to the next; the last fifth of the rows is held out.

    Args:
        path: of a CSV file with a line of names; columns that are no numbers are left out.

    Raises:
        InputError: it cannot be read, is too short, or has no column of numbers that change.
    """

    classes = False

    def __init__(self, path: str):
        import pandas as pd

        self.name = Path(path).stem
        try:
            table = pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read the task {path}: {getattr(error, 'strerror', None) or error}") from error
        values = table.select_dtypes("number").to_numpy(np.float64)
        if len(values) < LEAST_ROWS:
            raise InputError(f"the task {path} has {len(values):,} rows; it needs at least {LEAST_ROWS}")
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise InputError(
                f"the task {path} has no number in row {row + 2}, column {column + 1} of its numbers; fill it"
            )
        cut = int(len(values) * (1 - TEST))
        steps = np.diff(values, axis=0)
        values = values[:, steps[: cut - 1].std(0) > 0]
        if not values.shape[1]:
            raise InputError(f"the task {path} has no column of numbers that change")
        values = (values - values[:cut].mean(0)) / values[:cut].std(0)
        self.scale = np.diff(values[:cut], axis=0).std(0)
        self.inputs = self.outputs = values.shape[1]
        self.parts = {False: values[:cut], True: values[cut:]}

    def draw(self, count: int, random: Generator, held_out: bool) -> Batch:
        """Return so many stretches of the rows."""
        values = _stretches(self.parts[held_out], count, random)
        change = np.diff(values, axis=0) / self.scale
        return Batch(values[:-1].astype(np.float32), change.astype(np.float32), np.ones(change.shape[:2], bool))


def _stretches(values: np.ndarray, count: int, random: Generator) -> np.ndarray:
    """Return [WINDOW + 1, B, ...], stretches that begin anywhere."""
    starts = random.integers(0, len(values) - WINDOW, count)
    return values[starts[None] + np.arange(WINDOW + 1)[:, None]]


TASKS = {"text": Text, "digits": Digits}

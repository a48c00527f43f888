"""The sizes that are measured."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "COMPRESSION",
    "CRF",
    "CTC",
    "DEEP",
    "LANGUAGE",
    "LARGE",
    "LONG",
    "LOOPS",
    "MEMORY",
    "MIXED",
    "RAGGED",
    "SHORT",
    "SINGLE",
    "STEPS",
    "STREAMING",
    "TRAINING",
    "WIDE",
    "WIDE_STEP",
    "Shape",
]


class Shape(NamedTuple):
    """T steps, B rows, I inputs, H hidden units."""

    steps: int
    batch: int
    inputs: int
    hidden: int

    def __str__(self) -> str:
        return f"({self.steps}, {self.batch}, {self.inputs}, {self.hidden})"


# Whole training steps: speech, words, rows of a digit, text, characters, small ones, pixels, days of a year.
STEPS = (
    Shape(120, 24, 40, 160),
    Shape(30, 100, 50, 200),
    Shape(28, 128, 28, 100),
    Shape(40, 32, 300, 300),
    Shape(64, 32, 64, 512),
    Shape(64, 8, 24, 96),
    Shape(500, 1, 12, 48),
    Shape(784, 64, 1, 128),
    Shape(365, 256, 32, 64),
)
# Wide enough for products in fewer bits to pay.
MIXED = (
    Shape(100, 32, 128, 256),
    Shape(40, 32, 300, 300),
    Shape(64, 32, 64, 512),
    Shape(100, 64, 256, 512),
    Shape(35, 20, 650, 650),
)
# From one long stream to a language model: streams, small and medium batches, wide layers, pixels, days of a year,
# forecasts, words.
TRAINING = (
    Shape(100, 1, 64, 64),
    Shape(50, 32, 16, 64),
    Shape(100, 32, 64, 128),
    Shape(100, 32, 128, 256),
    Shape(100, 64, 256, 512),
    Shape(784, 64, 1, 128),
    Shape(365, 256, 32, 64),
    Shape(200, 16, 40, 250),
    Shape(35, 20, 650, 650),
)
STREAMING = (Shape(1, 1, 64, 64), Shape(100, 1, 256, 256), Shape(100, 1, 512, 512))
SINGLE = (Shape(1, 1, 64, 64), Shape(1, 1, 256, 256), Shape(1, 1, 512, 512))
WIDE_STEP = Shape(1, 1, 1024, 1024)
# Whole sequences whose weights fill the caches, of one row.
WIDE = (Shape(100, 1, 256, 256), Shape(100, 1, 512, 512), Shape(100, 1, 1024, 1024))
LOOPS = (Shape(50, 32, 16, 64), Shape(100, 32, 64, 128))
DEEP = Shape(1000, 32, 64, 128)
RAGGED = (*LOOPS, Shape(200, 16, 40, 250))
# Large enough for the products to decide.
LARGE = tuple(shape for shape in TRAINING if shape.hidden >= 128 and shape.batch >= 32)
LANGUAGE = Shape(64, 32, 64, 512)
# Long enough for memory to be what is short.
LONG = (Shape(10_000, 8, 32, 64), Shape(10_000, 1, 16, 128))
# Large enough for one step's memory to stand out from the interpreter's own.
MEMORY = tuple(shape for shape in TRAINING if shape.steps * shape.batch * shape.hidden >= 800_000)
# Speech: steps, utterances, symbols with the blank, symbols of a target.
CTC = Shape(500, 32, 80, 60)
# Sentences: steps, rows, tags.
CRF = Shape(50, 32, 20, 0)
COMPRESSION = Shape(100_000, 0, 0, 0)  # bytes
# Enough to see at a glance whether a change costs something: a small, a medium and a wide one, and what has one shape.
SHORT = (
    Shape(28, 128, 28, 100),
    Shape(64, 32, 64, 512),
    Shape(500, 1, 12, 48),
    Shape(50, 32, 16, 64),
    Shape(100, 32, 128, 256),
    Shape(1, 1, 64, 64),
    CTC,
    CRF,
    COMPRESSION,
)

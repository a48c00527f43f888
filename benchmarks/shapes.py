"""The sizes that are measured."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "CTC",
    "DEEP",
    "LANGUAGE",
    "LARGE",
    "LONG",
    "LOOPS",
    "MEMORY",
    "RAGGED",
    "STEPS",
    "STREAMING",
    "TRAINING",
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
STEPS = (Shape(1, 1, 64, 64), Shape(1, 1, 256, 256), Shape(1, 1, 512, 512))
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

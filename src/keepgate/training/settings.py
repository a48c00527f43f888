"""The settings of a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Integral, Real

from keepgate.errors import InputError

__all__ = ["OPTIMIZERS", "RULES", "SCHEDULES", "Settings"]

OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "cosine", "plateau")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How `train` trains.

    Attributes:
        epochs: largest number of passes through the training part.
        batch_size: examples in a batch, of all processes together.
        optimizer: "adam", "adamw" (decoupled weight decay, Loshchilov & Hutter 2019) or "sgd".
        learning_rate: the highest rate, reached after the warm-up.
        weight_decay: strength of the decay; for "adam" and "sgd" an L2 penalty.
        momentum: of "sgd" only.
        clip_norm: bound of the gradient's global L2 norm (Pascanu et al. 2013); None: no bound.
        schedule: the rate after the warm-up: "constant", "cosine" (half a period, to zero at the end; Loshchilov &
            Hutter 2017) or "plateau" (times `plateau_factor` whenever the held-out loss has not improved for
            `plateau_epochs`).
        plateau_epochs: see `schedule`.
        plateau_factor: see `schedule`.
        warmup: the part of the whole training, 0 to 1, over which the rate rises linearly from zero.
        patience: stop after that many epochs in a row without a better held-out loss; None: never.
        window: steps in a window of truncated back-propagation through time (Williams & Peng 1990): one update a
            window; the state is carried on and the gradient is not. None: back through the whole sequence.
        minutes: end after so long, even if `epochs` are not over; the rate follows the greater of the two parts that
            are done. What is learned then depends on the speed of the machine. None: `epochs` alone count.
        average: decay of an average of the weights over the updates, such as 0.999, which is judged and kept in the
            place of the last weights; None: no average.
        seed: of the order of the examples and of dropout.
        checkpoint_seconds: least time between two checkpoints inside an epoch; at an epoch's end there always is one.
            This setting alone may differ when a run is resumed: the weights do not depend on it.

    Raises:
        InputError: a value is not possible; the message says what is.
    """

    epochs: int = 20
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.9
    clip_norm: float | None = 1.0
    schedule: str = "constant"
    plateau_epochs: int = 3
    plateau_factor: float = 0.5
    warmup: float = 0.0
    patience: int | None = None
    window: int | None = None
    minutes: float | None = None
    average: float | None = None
    seed: int = 0
    checkpoint_seconds: float = 30.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            kind, fits, wanted = RULES[field.name]
            if value is None and field.name in OPTIONAL:
                continue
            if not (_is(kind, value) and fits(value)):
                none = " or None" if field.name in OPTIONAL else ""
                raise InputError(f"{field.name}={value!r} is not possible: it has to be {wanted}{none}")
            object.__setattr__(self, field.name, kind(value))  # NumPy's numbers become Python's, as JSON needs them


def _is(kind: type, value: object) -> bool:
    abstract = {int: Integral, float: Real}.get(kind, kind)
    return isinstance(value, abstract) and not isinstance(value, bool)


OPTIONAL = ("clip_norm", "patience", "window", "minutes", "average")
COUNT = (int, lambda value: value >= 1, "a whole number from 1 on")
POSITIVE = (float, lambda value: 0 < value < math.inf, "a number above 0")
NOT_NEGATIVE = (float, lambda value: 0 <= value < math.inf, "a number from 0 on")
RULES = {
    "epochs": COUNT,
    "batch_size": COUNT,
    "optimizer": (str, OPTIMIZERS.__contains__, "one of " + ", ".join(OPTIMIZERS)),
    "learning_rate": POSITIVE,
    "weight_decay": NOT_NEGATIVE,
    "momentum": (float, lambda value: 0 <= value < 1, "a number from 0 on and below 1"),
    "clip_norm": POSITIVE,
    "schedule": (str, SCHEDULES.__contains__, "one of " + ", ".join(SCHEDULES)),
    "plateau_epochs": COUNT,
    "plateau_factor": (float, lambda value: 0 < value < 1, "a number between 0 and 1"),
    "warmup": (float, lambda value: 0 <= value <= 1, "a number from 0 to 1"),
    "patience": COUNT,
    "window": COUNT,
    "minutes": POSITIVE,
    "average": (float, lambda value: 0 < value < 1, "a number between 0 and 1"),
    "seed": (int, lambda value: value >= 0, "a whole number from 0 on"),
    "checkpoint_seconds": (float, lambda value: value >= 0, "a number from 0 on"),
}

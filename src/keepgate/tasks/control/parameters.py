"""What a user can say of control: its parameters, with examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from keepgate.errors import InputError, quoted
from keepgate.tasks.common.parameters import (
    EPOCHS,
    EXAMPLES,
    MINUTES,
    SHARE,
    STEPS,
    STRENGTH,
    Bounds,
    Parameters,
    estimator,
    param,
)

METHODS = ("ppo", "reinforce")
HIDE = ("velocity",)
MOST_SEEN = 10_000
COUNT: Bounds = {"minimum": 1, "maximum": 2**40}
RETURN: Bounds = {"minimum": -1e29, "maximum": 1e29}


def places(name: str, value: Any) -> tuple[int, ...]:
    """Return numbers of values, given as "0,2" or as a tuple.

    Raises:
        InputError: it is none of these.
    """
    parts = value.split(",") if isinstance(value, str) else value
    try:
        found = tuple(int(part) for part in parts)
    except (TypeError, ValueError):
        raise InputError(f"{name}={quoted(value)} is no list of numbers such as 0,2") from None
    if not 0 < len(found) <= MOST_SEEN or not 0 <= min(found) <= max(found) <= MOST_SEEN:
        raise InputError(f"{name}={quoted(value)} is no list of numbers from 0 on, such as 0,2")
    return found


def _check_places(name: str, value: Any) -> None:
    if value is not None:
        places(name, value)


@estimator
class ControllerParameters(Parameters):
    """Parameters of `Controller`."""

    TASK: ClassVar[str] = "control"
    formats: ClassVar[tuple[str, ...]] = (".py",)
    data_help: ClassVar[str | None] = (
        "an environment to act in: an id of gymnasium such as CartPole-v1, or file.py:function that makes one"
    )
    examples: ClassVar[str] = """\
  keepgate fit control CartPole-v1 --hide velocity --out runs/pole
  keepgate fit control Pendulum-v1 --observe 0,1 --minutes 3 --out runs/pendulum
  keepgate fit control popgym-RepeatPreviousEasy-v0 --previous --minutes 1 --out runs/repeat
  keepgate fit control room.py:make --steps 500000 --out runs/room"""
    unused: ClassVar[tuple[str, ...]] = (
        "optimizer",
        "weight_decay",
        "schedule",
        "warmup",
        "patience",
        "dropout",
        "device",
    )
    later: ClassVar[Mapping[str, Any]] = {}

    method: str = param("ppo", "how the policy learns", choices=METHODS)
    steps: int = param(200_000, "steps of the environment to learn from, of all rows together", **COUNT)
    environments: int = param(16, "rows of the environment that are stepped together", minimum=1, maximum=65_536)
    window: int = param(64, "steps of each row between two updates", **STEPS)
    discount: float = param(0.98, "worth of a reward one step later", **SHARE)
    trace: float = param(0.9, "how far later errors of values count for an action: 0 the next one, 1 all", **SHARE)
    clip: float = param(0.2, "how far an update may move the probability of an action, as a share", **STRENGTH)
    value_weight: float = param(0.5, "weight of the errors of values in the loss", **STRENGTH)
    entropy_weight: float = param(0.0, "weight of the policy's entropy in the loss", minimum=0, maximum=1e6)
    shared: bool = param(False, "let values come from the states of the policy, in place of layers of their own")
    observe: str | tuple[int, ...] | None = param(
        None,
        "numbers of the values of an observation that are seen, such as 0,2 (none: all)",
        minimum=0,
        maximum=MOST_SEEN,
        check=_check_places,
    )
    hide: str | None = param(None, "do not show the policy: velocity", choices=HIDE)
    previous: bool = param(False, "let the policy read its previous action and reward too")
    episodes: int = param(100, "episodes of an evaluation", **EXAMPLES)
    longest: int = param(10_000, "steps after which an evaluated episode is left", **STEPS)
    sampled: bool = param(False, "draw evaluated actions, in place of the likeliest")
    target: float | None = param(
        None,
        "end once every evaluated episode returns so much, and ten times as many do so again (none: never)",
        **RETURN,
    )

    hidden_size: int = param(64, "units of each layer", minimum=1, maximum=65_536)
    epochs: int | None = param(10, "passes over the steps between two updates (none: 10)", **EPOCHS)
    minutes: float | None = param(None, "end after so many minutes, even if the steps are not over", **MINUTES)
    batch_size: int = param(8, "rows in one step of the optimizer", **EXAMPLES)
    learning_rate: float = param(1.5e-3, "step size of the optimizer at first; it falls to a twentieth", **STRENGTH)
    clip_norm: float | None = param(
        0.5, "largest norm of the gradient; longer ones are scaled down", minimum=0, maximum=1e30
    )
    average: float | None = param(
        None,
        "decay of an average of the weights over the updates, which then acts (none: no average)",
        minimum=0.5,
        maximum=0.99999,
    )

"""Episodes of one-shot classification, drawn from labelled data."""

from __future__ import annotations

from typing import Any

import numpy as np

from keepgate.data.arrays import numbers_of
from keepgate.errors import InputError, reason
from keepgate.meta.families import Family

__all__ = ["episodes", "instances"]


def episodes(X: Any, labels: Any, *, ways: int = 5, name: str = "episodes") -> Family:
    """Return a family of episodes of one-shot classification (Santoro et al. 2016).

    An episode has `ways` of the classes of the data, numbered anew by chance; each step shows an example of one of
    them, drawn with the same probability. An example comes again only when all of its class have been shown.

    >>> import numpy as np
    >>> family = episodes(np.eye(6), list("aabbcc"), ways=2)
    >>> x, y = family(examples=10, batch=3, random=np.random.default_rng(0))
    >>> x.shape, y.shape, sorted(set(y.ravel().tolist()))
    ((10, 3, 6), (10, 3), [0, 1])

    Args:
        X: inputs, [N, ...]; the axes after the first become one.
        labels: of each input, of any kind.
        ways: classes of an episode.
        name: of the family.

    Raises:
        InputError: X holds no finite numbers, labels are more or fewer, or there are fewer classes than `ways`.
    """
    try:
        values = numbers_of(X)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"X is no array of numbers: {reason(error)}") from error
    if values.ndim < 2 or not np.isfinite(values).all():
        raise InputError(f"X of shape {list(values.shape)} has to be [N, ...] of finite numbers")
    values = values.reshape(len(values), -1)
    classes, numbers = np.unique(np.asarray(labels), return_inverse=True)
    if len(numbers) != len(values):
        raise InputError(f"{len(values)} inputs X have {len(numbers)} labels")
    if not 2 <= ways <= len(classes):
        raise InputError(f"ways={ways} is not possible: the data have {len(classes)} classes, an episode at least 2")
    members = [np.flatnonzero(numbers == k) for k in range(len(classes))]

    def draw(examples: int, batch: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        y, rows = random.integers(0, ways, (examples, batch)), np.empty((examples, batch), np.int64)
        for b in range(batch):
            for way, k in enumerate(random.permutation(len(classes))[:ways]):
                at = np.flatnonzero(y[:, b] == way)
                rounds = -(-len(at) // len(members[k]))
                rows[at, b] = np.concatenate([random.permutation(members[k]) for _ in range(max(rounds, 1))])[: len(at)]
        return values[rows], y

    return Family(name, draw, classes=ways)


def instances(y: np.ndarray) -> np.ndarray:
    """Return for each step of episodes [T, B] how often its class has been shown by then, itself counted: from 1 on."""
    return np.stack([(y[: t + 1] == y[t]).sum(0) for t in range(len(y))])

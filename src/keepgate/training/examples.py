"""What is trained on: examples that come in batches."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from torch.utils.data import default_collate

from keepgate.errors import InputError
from keepgate.training.tree import digest


class Examples:
    """Base of the data sets that `train` takes; a subclass says how many examples there are and makes batches.

    Needed are `__len__` and either `__getitem__` (with `collate`, where the examples cannot just be
    stacked) or, faster, `batch`. A batch is any tuple, list or dict of tensors (or of what has
    `to(device)`); `loss(model, batch)` gets it on the model's device. Examples are the same whenever they
    are asked for; what is to be random belongs into the loss.
    """

    def __len__(self) -> int:
        """The number of examples."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> Any:
        """Example `index`."""
        raise NotImplementedError

    def collate(self, examples: list[Any]) -> Any:
        """One batch of these examples; here they are stacked along a new first axis."""
        return default_collate(examples)

    def batch(self, indices: np.ndarray) -> Any:
        """The batch of the examples `indices`, an int64 array [B]."""
        return self.collate([self[index] for index in indices])

    def length(self, index: int) -> int:
        """Time steps of example `index`: like goes with like, and truncated back-propagation counts by it."""
        return 1

    def window(self, batch: Any, start: int, stop: int) -> Any:
        """The time steps start to stop of a batch (which may end before `stop`), for truncated back-propagation.

        Lengths are cut as well: those of a window run from 0 to `stop - start`. Only the data set knows
        which axis is time, so one without this method raises InputError.
        """
        raise InputError(f"{type(self).__name__} cannot be cut into windows: give it the method window, or window=None")

    def weight(self, batch: Any, count: int) -> float:
        """How much the mean loss of `batch`, of `count` examples, counts: the number of things it is the mean of."""
        return count

    def fingerprint(self) -> str:
        """Hexadecimal digits that other data would not have; a run is only taken up again with the same data.

        Here every batch is made once and hashed; a subclass that knows its arrays can be quicker.
        """
        sums = hashlib.sha256()
        for start in range(0, len(self), 1024):
            digest(sums, self.batch(np.arange(start, min(start + 1024, len(self)))))
        return sums.hexdigest()


class Streams(Examples):
    """Long series cut into `count` streams that run side by side; each batch row is one stream, a window a piece of it.

    series: tensors [T, ...] over the same T steps, such as a text's characters and the ones that follow.
    The steps that do not fill the last row of streams are left out. A batch is the tuple of [T // count,
    count, ...]. With `batch_size=count` and `window` set, the state goes through all of a stream, as
    language models are trained.
    """

    def __init__(self, *series: torch.Tensor, count: int):
        steps = len(series[0]) // count if series else 0
        if steps < 1 or any(len(one) != len(series[0]) for one in series):
            raise InputError(f"streams: the series need one common length of at least {count} steps (count={count})")
        self.streams = [one[: steps * count].unflatten(0, (count, steps)).transpose(0, 1) for one in series]

    def __len__(self) -> int:
        """The number of streams."""
        return self.streams[0].shape[1]

    def batch(self, indices: np.ndarray) -> tuple[torch.Tensor, ...]:
        """The streams `indices` side by side, [T, B, ...] each."""
        chosen = torch.from_numpy(indices)
        return tuple(one[:, chosen] for one in self.streams)

    def length(self, index: int) -> int:
        """The steps of a stream."""
        return self.streams[0].shape[0]

    def window(self, batch: tuple[torch.Tensor, ...], start: int, stop: int) -> tuple[torch.Tensor, ...]:
        """Steps start to stop."""
        return tuple(one[start:stop] for one in batch)

    def weight(self, batch: tuple[torch.Tensor, ...], count: int) -> float:
        """Steps times streams."""
        return batch[0].shape[0] * batch[0].shape[1]

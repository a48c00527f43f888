"""The data sets that `train` takes: examples that come in batches."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from torch.utils.data import default_collate

from keepgate.errors import InputError
from keepgate.training.tree import digest

__all__ = ["Examples", "Streams"]


class Examples:
    """Base of the data sets that `train` takes; a subclass says how many examples there are and makes batches.

    Needed are `__len__` and either `__getitem__` (with `collate`, if the examples cannot just be stacked) or, faster,
    `batch`. A batch is any tuple, list or dict of tensors (or of objects with `to(device)`); `loss(model, batch)` gets
    it on the model's device. Examples are the same whenever they are asked for; random augmentation belongs in the
    loss.
    """

    def __len__(self) -> int:
        """Return the number of examples."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> Any:
        """Return example `index`."""
        raise NotImplementedError

    def collate(self, examples: list[Any]) -> Any:
        """Return one batch of these examples; here they are stacked along a new first axis."""
        return default_collate(examples)

    def batch(self, indices: np.ndarray) -> Any:
        """Return the batch of the examples `indices`, an int64 array [B]."""
        return self.collate([self[index] for index in indices])

    def length(self, index: int) -> int:
        """Return the time steps of an example, by which batches are grouped and windows are counted."""
        return 1

    def window(self, batch: Any, start: int, stop: int) -> Any:
        """Return the time steps start to stop of a batch (which may end before `stop`), for truncated back-propagation.

        Lengths are cut as well: those of a window run from 0 to `stop - start`.

        Raises:
            InputError: the data set does not know which axis is time: it has not overridden this method.
        """
        raise InputError(f"{type(self).__name__} cannot be cut into windows: give it the method window, or window=None")

    def weight(self, batch: Any, count: int) -> float:
        """Return the weight of the mean loss of `batch`, of `count` examples: the number of terms in the mean."""
        return count

    def fingerprint(self) -> str:
        """Return hexadecimal digits that other data would not have; a run is only resumed with the same data.

        Here every batch is made once and hashed; a subclass that knows its arrays can be faster.
        """
        sums = hashlib.sha256()
        for start in range(0, len(self), 1024):
            digest(sums, self.batch(np.arange(start, min(start + 1024, len(self)))))
        return sums.hexdigest()


class Streams(Examples):
    """Long series cut into parallel streams; each batch row is one stream, and a window is a piece of it.

    With `batch_size=count` and `window` set, the state is carried through all of a stream, as language models are
    trained.

    Args:
        *series: tensors [T, ...] over the same T steps, such as a text's characters and the ones that follow. A batch
            is the tuple of [T // count, count, ...]; the steps that do not fill the last row of streams are left out.
        count: number of streams.

    Raises:
        InputError: the series differ in length, or have fewer than `count` steps.
    """

    def __init__(self, *series: torch.Tensor, count: int):
        steps = len(series[0]) // count if series else 0
        if steps < 1 or any(len(values) != len(series[0]) for values in series):
            raise InputError(f"streams: the series need one common length of at least {count} steps (count={count})")
        self.streams = [values[: steps * count].unflatten(0, (count, steps)).transpose(0, 1) for values in series]

    def __len__(self) -> int:
        """Return the number of streams."""
        return self.streams[0].shape[1]

    def batch(self, indices: np.ndarray) -> tuple[torch.Tensor, ...]:
        """Return the streams `indices` side by side, [T, B, ...] each."""
        chosen = torch.from_numpy(indices)
        return tuple(stream[:, chosen] for stream in self.streams)

    def length(self, index: int) -> int:
        """Return the steps of a stream."""
        return self.streams[0].shape[0]

    def window(self, batch: tuple[torch.Tensor, ...], start: int, stop: int) -> tuple[torch.Tensor, ...]:
        """Return the steps start to stop."""
        return tuple(stream[start:stop] for stream in batch)

    def weight(self, batch: tuple[torch.Tensor, ...], count: int) -> float:
        """Return steps times streams."""
        return batch[0].shape[0] * batch[0].shape[1]

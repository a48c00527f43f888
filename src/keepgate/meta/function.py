"""`LearnedFunction`: what a meta-learner has learned of one function, in the states of its cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from keepgate.errors import InputError
from keepgate.meta.network import MetaLearnerNetwork

__all__ = ["LearnedFunction"]


class LearnedFunction:
    """A function that is learned from examples; `MetaLearner.learn` makes it.

    The examples change the states of the cells and nothing else. Learned one by one or together, they leave the same
    states, to the bit. The weights are those that the meta-learner has now; do not train it on meanwhile.

    Attributes:
        count: examples so far.
    """

    def __init__(self, network: MetaLearnerNetwork, classes: int) -> None:
        self.network, self.classes, self.count = network, classes, 0
        self._state: tuple[Tensor, ...] | None = None
        self._last = network.targets.mean[None]  # the target of the last example, which the next step will read

    def learn(self, X: Any, y: Any) -> LearnedFunction:
        """Learn from further examples and return self.

        Args:
            X: [N, I], or [I] for one example.
            y: [N, O] or, for one output, [N]; classes as numbers [N]; of one example [O] or a number.

        Raises:
            InputError: a shape is wrong, a value is not finite or no class.
        """
        x, targets = self._inputs(X), self._targets(y)
        if len(x) != len(targets):
            raise InputError(f"{len(x)} inputs X have {len(targets)} targets y")
        if len(x):
            last = torch.cat([self._last, targets[:-1]])
            with torch.no_grad():
                _, self._state = self.network.run_on({"x": x[None], "last": last[None]}, self._state, "recurrent")
            self._last, self.count = targets[-1:], self.count + len(x)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return what the function is at inputs [N, I], each by itself after the examples so far.

        Returns:
            Numbers [N], [N, O] for several outputs; the most probable classes [N].

        Raises:
            InputError: a shape is wrong, or a value is not finite.
        """
        said = self._said(X)
        if self.classes:
            return said.argmax(1)
        return said[:, 0] if said.shape[1] == 1 else said

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities [N, classes] at inputs [N, I]; see `predict`.

        Raises:
            InputError: the function is not of classes, a shape is wrong, or a value is not finite.
        """
        if not self.classes:
            raise InputError("predict_proba is for functions of classes; these are numbers: call predict")
        return self._said(X)

    def _said(self, X: Any) -> np.ndarray:
        x = self._inputs(X)
        rows = len(x)
        state = self._state and tuple(s.expand(rows, -1, -1).contiguous() for s in self._state)
        last = self._last.expand(rows, -1)
        with torch.no_grad():
            (said,), _ = self.network.run_on({"x": x[:, None], "last": last[:, None]}, state, "said")
        return said[:, 0].double().cpu().numpy()

    def _inputs(self, X: Any) -> Tensor:
        return self._tensor("X", X, len(self.network.inputs.mean))

    def _targets(self, y: Any) -> Tensor:
        width = len(self.network.targets.mean)
        if not self.classes:
            return self._tensor("y", y, width)
        values = _array("y", y).ravel()
        wrong = (values != np.floor(values)) | (values < 0) | (values >= self.classes)
        if wrong.any():
            row = int(wrong.argmax())
            raise InputError(f"y: {values[row]:g} at {row} is no class from 0 to {self.classes - 1}")
        return self.network.as_targets(torch.from_numpy(values.astype(np.int64)).to(self._last.device))

    def _tensor(self, name: str, value: Any, width: int) -> Tensor:
        array = _array(name, value)
        if array.ndim < 2 and (width == 1 or array.size == width):
            array = array.reshape(-1, width)
        if array.ndim != 2 or array.shape[1] != width:
            raise InputError(f"{name} has the shape {list(array.shape)}, expected [examples, {width}]")
        return torch.from_numpy(array).to(self._last.device)


def _array(name: str, value: Any) -> np.ndarray:
    try:
        array = np.array(value, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is no array of numbers: {error}") from error
    if not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0].tolist()
        raise InputError(f"{name} at {place} is {array[tuple(place)]}, no finite number")
    return array

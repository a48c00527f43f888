"""The one training loop."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from keepgate.errors import InputError
from keepgate.training.examples import Examples, order, sorted_order
from keepgate.training.history import History
from keepgate.training.progress import Bar
from keepgate.training.schedule import plateau_scale, rate
from keepgate.training.settings import Settings
from keepgate.training.tree import detach, to_device


def train(
    model: nn.Module,
    loss: Callable[..., Any],
    data: Examples,
    valid: Examples | None = None,
    settings: Settings | None = None,
    run: str | Path | None = None,
    progress: bool | None = None,
) -> History:
    """Train `model` in place and leave it with its best weights, in evaluation mode.

    loss: `loss(model, batch)` gives the mean loss of a batch, a scalar tensor. With `settings.window` it is
    called for
        each window, `loss(model, window, state)`, and gives the window's mean loss and the state for the
        next; the first `state` of a batch is None.
    data, valid: what to train on, and the held-out part (or None) whose loss chooses the weights that are
    kept; without
        it the last weights are.
    run: a folder for `metrics.jsonl` and checkpoints. A run killed there goes on, when called again with
    the same
        model, data and settings, to the same bits; a finished one gives its result at once.
    progress: a bar on stderr; None: where that is a terminal.

    The caller's random numbers are left as they were. Raises InputError where the data are empty, the
    gradient or the held-out loss is not finite, or `run` holds a run with other settings, data or model.
    """
    settings = settings or Settings()
    _check(data, valid, settings)
    device = next(model.parameters()).device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(settings.seed)
        trainer = Trainer(model, loss, data, valid, settings, device)
        with Bar(settings.epochs, progress) as bar:
            trainer.run(bar)
    return trainer.history


def _check(data: Examples, valid: Examples | None, settings: Settings) -> None:
    for name, part in (("training", data), ("held-out", valid)):
        if part is not None and len(part) == 0:
            raise InputError(f"the {name} part has no examples")
    if valid is None and settings.patience is not None:
        raise InputError(f"patience={settings.patience} needs a held-out part: give one, or patience=None")
    if valid is None and settings.schedule == "plateau":
        raise InputError('schedule="plateau" needs a held-out part: give one, or take another schedule')


@dataclass
class Position:
    """Where in the training the loop is, between two updates."""

    epoch: int = 0
    batch: int = 0
    window: int = 0
    update: int = 0
    loss: float = (
        0.0  # sums over the epoch so far: weight times mean loss, weight, gradient norm, updates, seconds
    )
    weight: float = 0.0
    norm: float = 0.0
    updates: int = 0
    seconds: float = 0.0
    state: Any = None


class Trainer:
    """The loop and all that changes in it."""

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Any],
        data: Examples,
        valid: Examples | None,
        settings: Settings,
        device: torch.device,
    ):
        self.model, self.loss, self.data, self.valid = model, loss, data, valid
        self.settings, self.device = settings, device
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = make_optimizer(self.parameters, settings)
        self.lengths = lengths(data)
        self.history = History()
        self.position = Position()
        self.best: dict[str, torch.Tensor] = {}

    def run(self, bar: Bar) -> None:
        """Train from the current position to the end."""
        while not self.history.finished:
            self.epoch(bar)
            self.close_epoch(bar)
        if self.best:
            self.model.load_state_dict(self.best)
        self.model.eval()

    def epoch(self, bar: Bar) -> None:
        """The rest of the current epoch's updates."""
        self.model.train()
        position, settings = self.position, self.settings
        batches = order(self.lengths, settings.batch_size, settings.seed, position.epoch)
        while position.batch < len(batches):
            indices = batches[position.batch]
            windows = window_starts(self.lengths[indices], settings.window)
            batch = self.data.batch(indices)
            while position.window < len(windows):
                started = time.perf_counter()
                done = (position.batch + (position.window + 0.5) / len(windows)) / len(batches)
                self.update(batch, len(indices), windows[position.window], done)
                position.window += 1
                position.seconds += time.perf_counter() - started
                bar.show(position.epoch, done, position.loss / position.weight)
            position.batch, position.window, position.state = position.batch + 1, 0, None

    def update(self, batch: Any, count: int, start: int, done: float) -> None:
        """One step of the optimiser on one window of a batch of `count` examples; `done` is the part of the epoch."""
        position, settings = self.position, self.settings
        part = batch if settings.window is None else self.data.window(batch, start, start + settings.window)
        weight = self.data.weight(part, count)
        loss, position.state = self.forward(part, position.state)
        self.optimizer.zero_grad()
        loss.backward()
        norm = self.clip()
        learning_rate = rate(settings, (position.epoch + done) / settings.epochs)
        learning_rate *= plateau_scale(settings, self.history.valid_losses)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        position.loss += weight * float(loss.detach())
        position.weight += weight
        position.norm += norm
        position.update += 1
        position.updates += 1

    def forward(self, part: Any, state: Any) -> tuple[torch.Tensor, Any]:
        """The mean loss of a batch or window and the state to carry on."""
        part = to_device(part, self.device)
        if self.settings.window is None:
            return self.loss(self.model, part), None
        loss, state = self.loss(self.model, part, state)
        return loss, detach(state)

    def clip(self) -> float:
        """Cut the gradient to `clip_norm`; its norm before that, which has to be finite."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if not bool(torch.isfinite(norm)):
            raise InputError(
                f"the gradient is not finite in epoch {self.position.epoch + 1}, update {self.position.update + 1}: "
                "look for values in the data that are not finite, or lower learning_rate or clip_norm"
            )
        if self.settings.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(self.parameters, self.settings.clip_norm, norm)
        return float(norm)

    def evaluate(self, data: Examples) -> float:
        """The mean loss over all of `data`."""
        self.model.eval()
        total, weights = 0.0, 0.0
        sizes, settings = lengths(data), self.settings
        with torch.no_grad():
            for indices in sorted_order(sizes, settings.batch_size):
                batch, state = data.batch(indices), None
                for start in window_starts(sizes[indices], settings.window):
                    part = (
                        batch
                        if settings.window is None
                        else data.window(batch, start, start + settings.window)
                    )
                    weight = data.weight(part, len(indices))
                    loss, state = self.forward(part, state)
                    total, weights = total + weight * float(loss), weights + weight
        return total / weights

    def close_epoch(self, bar: Bar) -> None:
        """After an epoch's last update: the held-out loss, the row, the best weights, and whether to go on."""
        started = time.perf_counter()
        position, history, settings = self.position, self.history, self.settings
        valid = None if self.valid is None else self.evaluate(self.valid)
        if valid is not None and not np.isfinite(valid):
            raise InputError(
                f"the held-out loss is {valid} after epoch {position.epoch + 1}: look for values in the held-out part "
                "that are not finite, or lower learning_rate"
            )
        history.rows.append(
            {
                "epoch": position.epoch + 1,
                "updates": position.update,
                "train_loss": position.loss / position.weight,
                "valid_loss": valid,
                "learning_rate": self.optimizer.param_groups[0]["lr"],
                "gradient_norm": position.norm / position.updates,
                "seconds": round(position.seconds + time.perf_counter() - started, 3),
            }
        )
        if valid is not None and history.best_epoch == len(history.rows):
            self.best = copy.deepcopy(self.model.state_dict())
        waited = len(history.rows) - history.best_epoch
        history.finished = len(history.rows) == settings.epochs or waited == settings.patience
        self.position = Position(epoch=position.epoch + 1, update=position.update)
        bar.close_epoch(history)


def make_optimizer(parameters: list[nn.Parameter], settings: Settings) -> torch.optim.Optimizer:
    """The optimiser that `settings` name; its rate is set before each update."""
    common = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    match settings.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, **common, fused=True)
        case "adamw":
            return torch.optim.AdamW(parameters, **common, fused=True)
        case _:
            return torch.optim.SGD(parameters, **common, momentum=settings.momentum)


def lengths(data: Examples) -> np.ndarray:
    """The time steps of every example."""
    return np.array([data.length(index) for index in range(len(data))], dtype=np.int64)


def window_starts(sizes: np.ndarray, window: int | None) -> range:
    """Where the windows of a batch of examples of these lengths begin; one window, at 0, where all is one."""
    return range(1) if window is None else range(0, max(int(sizes.max()), 1), window)

"""The one training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from keepgate.errors import InputError
from keepgate.training.checkpoint import Checkpoints, signature
from keepgate.training.distributed import Processes, join
from keepgate.training.examples import Examples, order, sorted_order
from keepgate.training.history import History
from keepgate.training.optimizer import clip, make_optimizer
from keepgate.training.progress import Bar
from keepgate.training.schedule import plateau_scale, rate
from keepgate.training.settings import Settings
from keepgate.training.state import Position, TrainingState
from keepgate.training.tree import detach, to_device


def train(
    model: nn.Module,
    loss: Callable[..., Any],
    data: Examples,
    valid: Examples | None = None,
    settings: Settings | None = None,
    run: str | Path | None = None,
    progress: bool = True,
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
    progress: show a progress bar on standard error, where that is a terminal.

    The caller's random numbers are left as they were. Raises InputError where the data are empty, the
    gradient or the held-out loss is not finite, or `run` holds a run with other settings, data or model.
    """
    settings = settings or Settings()
    _check(data, valid, settings)
    device = next(model.parameters()).device
    processes = join(device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(settings.seed + processes.rank)
        trainer = Trainer(model, loss, data, valid, settings, processes, device)
        checkpoints = None
        if run is not None:
            about = processes.from_first(lambda: signature(model, data, valid, settings, processes.size))
            checkpoints = Checkpoints(Path(run), trainer.state, about, processes)
            checkpoints.load()
        with Bar(settings.epochs, progress and processes.first) as bar:
            trainer.run(bar, checkpoints)
    model.eval()
    return trainer.state.history


def _check(data: Examples, valid: Examples | None, settings: Settings) -> None:
    for name, part in (("training", data), ("held-out", valid)):
        if part is not None and len(part) == 0:
            raise InputError(f"the {name} part has no examples")
    if valid is None and settings.patience is not None:
        raise InputError(f"patience={settings.patience} needs a held-out part: give one, or patience=None")
    if valid is None and settings.schedule == "plateau":
        raise InputError('schedule="plateau" needs a held-out part: give one, or take another schedule')


class Objective(nn.Module):
    """The loss of a model as a module, so that the loss function sees the model itself and not a parallel wrapper."""

    def __init__(self, model: nn.Module, loss: Callable[..., Any], windows: bool):
        super().__init__()
        self.model, self.loss, self.windows = model, loss, windows

    def forward(self, batch: Any, carried: Any) -> tuple[torch.Tensor, Any]:
        """The mean loss of a batch or window, and the state to carry on."""
        return self.loss(self.model, batch, carried) if self.windows else (self.loss(self.model, batch), None)


class Trainer:
    """The loop over epochs, batches and windows."""

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Any],
        data: Examples,
        valid: Examples | None,
        settings: Settings,
        processes: Processes,
        device: torch.device,
    ):
        self.data, self.valid, self.settings, self.processes = data, valid, settings, processes
        self.lengths, self.valid_lengths = lengths(data), lengths(valid)
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.state = TrainingState(model, make_optimizer(self.parameters, settings), device)
        self.objective = Objective(model, loss, settings.window is not None)
        self.parallel = processes.parallel(self.objective)

    def run(self, bar: Bar, checkpoints: Checkpoints | None) -> None:
        """Train from the present position to the end."""
        while not self.state.history.finished:
            self.epoch(bar, checkpoints)
            self.close_epoch()
            bar.close_epoch(self.state.history)
            if checkpoints is not None:
                checkpoints.save()

    def epoch(self, bar: Bar, checkpoints: Checkpoints | None) -> None:
        """The rest of the present epoch's updates."""
        self.state.model.train()
        position, settings = self.state.position, self.settings
        sizes = self.lengths
        batches = order(sizes, settings.batch_size, settings.seed, position.epoch)
        while position.batch < len(batches):
            indices = batches[position.batch]
            mine, count = self.processes.part(indices)
            batch, starts = self.data.batch(mine), window_starts(sizes[mine], settings.window)
            windows = len(window_starts(sizes[indices], settings.window))
            while position.window < windows:
                done = (position.batch + (position.window + 0.5) / windows) / len(batches)
                here = position.window < len(starts)
                start = starts[position.window if here else -1]
                late = checkpoints is not None and checkpoints.age() >= settings.checkpoint_seconds
                late = self.update(batch, count if here else 0, start, done, late)
                position.window += 1
                bar.show(position.epoch, done, position.loss / position.weight)
                if checkpoints is not None and late:
                    checkpoints.save()
            position.batch, position.window, self.state.carried = position.batch + 1, 0, None

    def update(self, batch: Any, count: int, start: int, done: float, late: bool) -> bool:
        """One step of the optimiser, on one window of this process' part of a batch.

        count: the examples of it that count. done: the part of the epoch at this update. late: whether this
        process wants a checkpoint; given back is whether the first does.
        """
        started = time.perf_counter()
        state, position, settings = self.state, self.state.position, self.settings
        loss, weight = self.forward(self.parallel, self.data, batch, count, start)
        total, weights, saves = self.processes.sum(weight * float(loss.detach()), weight, late and self.processes.first)
        if weights <= 0:
            raise InputError(
                f"a batch of {type(self.data).__name__} weighs {weights}: nothing in it can be learnt from"
            )
        state.optimizer.zero_grad()
        (loss * (weight * self.processes.size / weights)).backward()
        norm = clip(self.parameters, settings.clip_norm)
        if not math.isfinite(norm) or not math.isfinite(total):
            raise InputError(
                f"epoch {position.epoch + 1}, update {position.update + 1}: the loss ({total / weights:.4g}) or its "
                f"gradient ({norm:.4g}) is not finite; look for such values in the data, or lower learning_rate"
            )
        learning_rate = rate(settings, (position.epoch + done) / settings.epochs)
        learning_rate *= plateau_scale(settings, state.history.valid_losses)
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate
        state.optimizer.step()
        position.learning_rate = learning_rate
        position.loss, position.weight = position.loss + total, position.weight + weights
        position.norm += norm
        position.update, position.updates = position.update + 1, position.updates + 1
        position.seconds += time.perf_counter() - started
        return bool(saves)

    def forward(
        self, objective: nn.Module, data: Examples, batch: Any, count: int, start: int
    ) -> tuple[torch.Tensor, float]:
        """The mean loss of one window of a batch and its weight, 0 where no example counts; the state is carried on."""
        window = self.settings.window
        part = batch if window is None else data.window(batch, start, start + window)
        weight = data.weight(part, count) if count else 0.0
        loss, carried = objective(to_device(part, self.state.device), self.state.carried)
        self.state.carried = detach(carried)
        return loss, weight

    def evaluate(self, data: Examples) -> float:
        """The mean loss over all of `data`."""
        self.state.model.eval()
        sizes, total, weights = self.valid_lengths, 0.0, 0.0
        with torch.no_grad():
            for indices in sorted_order(sizes, self.settings.batch_size):
                mine, count = self.processes.part(indices)
                batch, self.state.carried = data.batch(mine), None
                for start in window_starts(sizes[mine], self.settings.window):
                    loss, weight = self.forward(self.objective, data, batch, count, start)
                    total, weights = total + weight * float(loss), weights + weight
        self.state.carried = None
        total, weights = self.processes.sum(total, weights)
        return total / weights

    def close_epoch(self) -> None:
        """After an epoch's last update: the held-out loss, the row, the best weights, and whether to go on."""
        started = time.perf_counter()
        state, position, history = self.state, self.state.position, self.state.history
        valid = None if self.valid is None else self.evaluate(self.valid)
        if valid is not None and not math.isfinite(valid):
            raise InputError(
                f"the held-out loss after epoch {position.epoch + 1} is {valid}: look for values that are not finite "
                "in the held-out part, or lower learning_rate"
            )
        history.rows.append(
            {
                "epoch": position.epoch + 1,
                "updates": position.update,
                "train_loss": position.loss / position.weight,
                "valid_loss": valid,
                "learning_rate": position.learning_rate,
                "gradient_norm": position.norm / position.updates,
                "seconds": round(position.seconds + time.perf_counter() - started, 3),
            }
        )
        if valid is not None and history.best_epoch == len(history.rows):
            state.best = {name: value.clone() for name, value in state.model.state_dict().items()}
        waited = len(history.rows) - history.best_epoch
        history.finished = len(history.rows) == self.settings.epochs or waited == self.settings.patience
        if history.finished and state.best:
            state.model.load_state_dict(state.best)
        state.position = Position(epoch=position.epoch + 1, update=position.update)


def lengths(data: Examples | None) -> np.ndarray:
    """The time steps of every example."""
    sizes = [] if data is None else [data.length(index) for index in range(len(data))]
    return np.array(sizes, dtype=np.int64)


def window_starts(sizes: np.ndarray, window: int | None) -> range:
    """Where the windows of a batch of examples of these lengths begin; one window, at 0, where all is one."""
    return range(1) if window is None else range(0, max(int(sizes.max()), 1), window)

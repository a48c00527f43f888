"""The training loop, the only one."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from keepgate.errors import InputError
from keepgate.training.average import add, averaged
from keepgate.training.batches import Batches, Window
from keepgate.training.callbacks import Callback
from keepgate.training.checkpoint import Checkpoints, signature
from keepgate.training.distributed import join
from keepgate.training.examples import Examples
from keepgate.training.history import History
from keepgate.training.lock import alone
from keepgate.training.optimizer import clip, make_optimizer
from keepgate.training.progress import Lines, progress_of
from keepgate.training.schedule import plateau_scale, rate
from keepgate.training.score import Score
from keepgate.training.settings import Settings
from keepgate.training.state import Position, TrainingState
from keepgate.training.tree import detach, to_device

__all__ = ["Trainer", "train"]

LOG = logging.getLogger("keepgate.training")


def train(
    model: nn.Module,
    loss: Callable[..., Any],
    data: Examples,
    valid: Examples | None = None,
    settings: Settings | None = None,
    run: str | Path | None = None,
    progress: bool | str = True,
    callbacks: Sequence[Callback] = (),
    score: Score | None = None,
) -> History:
    """Train a model in place and leave it with its best weights, in evaluation mode.

    The caller's random numbers are left as they were.

    Args:
        model: to train; its parameters must be on one device.
        loss: `loss(model, batch)` returns the mean loss of a batch, a scalar tensor. With `settings.window` it is
            called for each window, `loss(model, window, state)`, and returns the window's mean loss and the state for
            the next; the first `state` of a batch is None.
        data: to train on.
        valid: the held-out part, whose loss chooses the weights that are kept; without it the last weights are kept.
        settings: by default `Settings()`.
        run: a folder for `metrics.jsonl` and checkpoints. A run killed there resumes, when called again with the same
            model, data and settings, to the same bits; a finished one returns its result at once.
        progress: show a progress bar in a terminal or a notebook; elsewhere a line every minute. A text names the
            training there.
        callbacks: functions of an epoch's row and the model, called after each epoch in the first process; see
            `keepgate.training.callbacks`.
        score: of the held-out part, which chooses the weights that are kept and the end that `patience` waits for; of
            two epochs with one score that of the lower loss is better. None: the loss does.

    Returns:
        The history of all epochs.

    Raises:
        InputError: the data are empty, the loss or its gradient is not finite, `run` holds a run with other settings,
            data or model, or another training writes to it.
    """
    settings = settings or Settings()
    _check(data, valid, settings)
    device = next(model.parameters()).device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        trainer = Trainer(model, loss, data, valid, settings, device, score)
        torch.manual_seed(settings.seed + trainer.processes.rank)
        first = trainer.processes.first
        name = progress if isinstance(progress, str) else ""
        with alone(run, trainer.processes), progress_of(settings.epochs, bool(progress) and first, name) as shown:
            if run is not None:
                trainer.keep(Path(run))
            trainer.run(shown, callbacks if first else ())
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


def _check_weight(weight: float, batches: Batches) -> None:
    if not weight > 0:
        raise InputError(f"examples of {type(batches.data).__name__} weigh {weight} together: they say nothing")


class Objective(nn.Module):
    """The loss of a model as a module, so that the loss function sees the model itself and not a parallel wrapper."""

    def __init__(self, model: nn.Module, loss: Callable[..., Any], windows: bool):
        super().__init__()
        self.model, self.loss, self.windows = model, loss, windows

    def forward(self, content: Any, carried: Any) -> tuple[torch.Tensor, Any, Any]:
        """Return the mean loss of a batch or window, no counts, and the state to carry on."""
        if not self.windows:
            return self.loss(self.model, content), 0.0, None
        loss, carried = self.loss(self.model, content, carried)
        return loss, 0.0, carried


class Trainer:
    """The loop over epochs, batches and windows."""

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Any],
        data: Examples,
        valid: Examples | None,
        settings: Settings,
        device: torch.device,
        score: Score | None,
    ):
        self.settings, self.processes = settings, join(device)
        cutting = (settings.batch_size, settings.window, self.processes)
        self.data = Batches(data, *cutting)
        self.valid = None if valid is None else Batches(valid, *cutting)
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.state = TrainingState(model, make_optimizer(self.parameters, settings), device)
        self.objective = Objective(model, loss, settings.window is not None)
        self.parallel = self.processes.parallel(self.objective)
        self.score = score
        self.checkpoints: Checkpoints | None = None

    def keep(self, run: Path) -> None:
        """Keep the run in a folder from now on; first resume the run in it, if there is one."""
        settings, processes, state = self.settings, self.processes, self.state
        parts = (self.data.data, self.valid and self.valid.data)
        about = processes.from_first(lambda: signature(state.model, *parts, settings, processes.size, self.score))
        self.checkpoints = Checkpoints(run, about, state, settings.checkpoint_seconds, processes)
        self.checkpoints.load()

    def run(self, shown: Lines, callbacks: Sequence[Callback]) -> None:
        """Train from the present position to the end."""
        history = self.state.history
        while not history.finished:
            self.epoch(shown)
            self.close_epoch()
            shown.close_epoch(history)
            if self.checkpoints:
                self.checkpoints.save()
            if self.processes.first:
                LOG.info("epoch %d of %d: %s", len(history.rows), self.settings.epochs, history.rows[-1])
            for callback in callbacks:
                callback(history.rows[-1], self.state.model)

    def epoch(self, shown: Lines) -> None:
        """Run the remaining updates of the present epoch."""
        self.state.model.train()
        position = self.state.position
        batches = self.data.shuffled(self.settings.seed, position.epoch)
        while position.batch < len(batches) and self.progress() < 1:
            for window in self.data.windows(batches[position.batch], first=position.window):
                done = (position.batch + window.done) / len(batches)
                save = self.update(window, done)
                position.window += 1
                shown.show(position.epoch, done, position.loss / position.weight)
                if self.checkpoints and save:
                    self.checkpoints.save()
                if self.progress() >= 1:
                    break
            position.batch, position.window, self.state.carried = position.batch + 1, 0, None

    def update(self, window: Window, done: float) -> bool:
        """Take one optimization step.

        Args:
            window: to learn from.
            done: the part of the epoch that is done, 0 to 1.

        Returns:
            Whether a checkpoint is due after it.

        Raises:
            InputError: the loss or its gradient is not finite.
        """
        started = time.perf_counter()
        position = self.state.position
        loss, _ = self.forward(self.parallel, window)
        due = self.checkpoints is not None and self.checkpoints.due()
        total, weight, save = self.processes.sum(window.weight * float(loss.detach()), window.weight, due)
        _check_weight(weight, self.data)
        self.state.optimizer.zero_grad()
        (loss * (window.weight * self.processes.size / weight)).backward()
        norm = clip(self.parameters, self.settings.clip_norm)
        if not (math.isfinite(norm) and math.isfinite(total)):
            raise InputError(
                f"epoch {position.epoch + 1}, update {position.update + 1}: the loss ({total / weight:.4g}) or its "
                f"gradient ({norm:.4g}) is not finite; look for such values in the data, or lower learning_rate"
            )
        self.step(done)
        position.add(total, weight, norm, self.seconds_since(started))
        return bool(save)

    def forward(self, objective: Callable[..., Any], window: Window) -> tuple[torch.Tensor, Any]:
        """Return the mean loss of a window and its counts; its state is carried on, its history is not."""
        with self.taken_up():
            loss, counts, carried = objective(to_device(window.content, self.state.device), self.state.carried)
        self.state.carried = detach(carried)
        return loss, counts

    def taken_up(self) -> contextlib.AbstractContextManager[None]:
        """Blame the checkpoint for errors of a state that came from it, which may not fit the model."""
        is_read = self.checkpoints is not None and self.checkpoints.carried is self.state.carried is not None
        return self.checkpoints.blamed() if self.checkpoints and is_read else contextlib.nullcontext()

    def step(self, done: float) -> None:
        """Let the optimizer take one step, at the rate of this position."""
        position, settings = self.state.position, self.settings
        position.learning_rate = rate(settings, self.progress(done))
        position.learning_rate *= plateau_scale(settings, self.state.history.valid_losses)
        for group in self.state.optimizer.param_groups:
            group["lr"] = position.learning_rate
        self.state.optimizer.step()
        if settings.average is not None:
            add(self.state.average, self.state.model, settings.average, position.update + 1)

    def progress(self, done: float = 0.0) -> float:
        """Return the part of the training that is done, 0 to 1, by epochs or by minutes, whichever is greater.

        Args:
            done: the part of the present epoch.
        """
        position, settings = self.state.position, self.settings
        of_epochs = (position.epoch + done) / settings.epochs
        if settings.minutes is None:
            return of_epochs
        seconds = sum(row["seconds"] for row in self.state.history.rows) + position.seconds
        return min(max(of_epochs, seconds / (60 * settings.minutes)), 1.0)

    def seconds_since(self, started: float) -> float:
        """Return the seconds since then; where minutes decide, their mean over the processes, which have to agree."""
        seconds = time.perf_counter() - started
        if self.settings.minutes is not None:
            (seconds,) = self.processes.sum(seconds / self.processes.size)
        return seconds

    def evaluate(self, batches: Batches) -> tuple[float, float | None]:
        """Return the mean loss over all of a data set, and its score if there is one."""
        self.state.model.eval()
        measure = functools.partial(self.score.measure, self.state.model) if self.score else self.objective
        total, weights, sums = 0.0, 0.0, np.zeros(())
        with torch.no_grad():
            for indices in batches.from_short_to_long():
                self.state.carried = None
                for window in batches.windows(indices):
                    loss, counts = self.forward(measure, window)
                    total += window.weight * float(loss)
                    weights += window.weight
                    if window.weight:
                        sums = sums + np.asarray(counts, dtype=np.float64)
        self.state.carried = None
        total, weights = self.processes.sum(total, weights)
        _check_weight(weights, batches)
        return total / weights, self.score and self.score.value(self._over_processes(sums))

    def _over_processes(self, sums: np.ndarray) -> np.ndarray:
        """Return counts added over the processes, of which some may have none."""
        first, *others = self.processes.all(sums)
        return functools.reduce(np.add, others, first)

    def close_epoch(self) -> None:
        """Compute the held-out loss and score of an epoch, add its row, keep the best weights, decide whether to go on.

        Raises:
            InputError: the held-out loss is not finite.
        """
        started = time.perf_counter()
        state, position, history = self.state, self.state.position, self.state.history
        with averaged(state.model, state.average):
            valid, score = (None, None) if self.valid is None else self.evaluate(self.valid)
            kept = state.model.state_dict() if self.valid is not None or state.average else {}
            weights = {name: value.clone() for name, value in kept.items()}
        if valid is not None and not math.isfinite(valid):
            raise InputError(
                f"the held-out loss after epoch {position.epoch + 1} is {valid}: look for values that are not finite "
                "in the held-out part, or lower learning_rate"
            )
        position.seconds += self.seconds_since(started)
        history.rows.append(position.row(valid, score))
        if history.best_epoch == len(history.rows):
            state.best = weights
        waited = len(history.rows) - history.best_epoch
        state.position = Position(epoch=position.epoch + 1, update=position.update)
        history.finished = self.progress() >= 1 or waited == self.settings.patience
        if history.finished and state.best:
            state.model.load_state_dict(state.best)

"""The training of a policy: windows of experience, updates, evaluations, and what is kept.

A training is cut into parts. Each begins its episodes anew, with random numbers of its own, and a checkpoint is written
between them: so a training that was killed goes on to the same bits, although an environment cannot be saved. What is
kept are the weights that did best in evaluations, and of the best few the one that did so again, from other starts.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keepgate.actions import Inputs
from keepgate.training import average
from keepgate.training.callbacks import Callback
from keepgate.training.lock import locked
from keepgate.training.policy.advantages import advantages
from keepgate.training.policy.episodes import Episodes, run_episodes
from keepgate.training.policy.moments import Moments
from keepgate.training.policy.record import Record
from keepgate.training.policy.rollout import Collector
from keepgate.training.policy.update import METHODS, Weights, update
from keepgate.training.progress import Lines

__all__ = ["FRESH", "Learner", "Plan", "seeds_for"]

PARTS = 10  # of a training; each begins episodes anew
LOOKS = 40  # evaluations of a training
FINALISTS = 3
RECENT = 100  # episodes that the display is about
LEAST_RATE = 0.05  # of the first step size, at the end
TRAINED, CHOSEN, CONFIRMED, COMPARED, FRESH = range(5)  # what starts are for: no two have one in common


def seeds_for(seed: int, purpose: int, number: int, count: int) -> np.ndarray:
    """Return seeds of episodes, [count], which depend on what they are for."""
    return np.random.SeedSequence([seed, purpose, number]).generate_state(count)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a policy is trained.

    Attributes:
        method: one of `METHODS`.
        steps: of all rows together.
        minutes: end after so long, even if the steps are not over; None: steps alone count.
        rows: of environments that are stepped together.
        window: steps of each row between two updates.
        passes: over a window.
        batch: rows of a minibatch.
        discount: of a reward a step later.
        trace: lambda of the advantages.
        weights: of the terms of the loss.
        learning_rate: at first; it falls linearly to a twentieth.
        clip_norm: largest norm of the gradient; None: no bound.
        average: decay of an average of the weights over the updates, which then acts; None: none.
        episodes: of an evaluation.
        longest: steps after which an evaluated episode is left.
        sampled: whether evaluated actions are drawn, or the likeliest.
        target: end once every evaluated episode returns at least so much; None: never.
        seed: of all that is random.
    """

    method: str
    steps: int
    minutes: float | None
    rows: int
    window: int
    passes: int
    batch: int
    discount: float
    trace: float
    weights: Weights
    learning_rate: float
    clip_norm: float | None
    average: float | None
    episodes: int
    longest: int
    sampled: bool
    target: float | None
    seed: int

    @property
    def updates(self) -> int:
        """How many windows the steps are."""
        return max(1, -(-self.steps // (self.rows * self.window)))


@dataclass
class State:
    """Where a training is: all that changes but the network, its optimizer and the environments."""

    moments: Moments
    update: int = 0
    part: int = 0
    look: int = 0
    steps: int = 0
    seconds: float = 0.0
    finished: bool = False
    rows: list[dict[str, Any]] = field(default_factory=list)
    average: dict[str, Tensor] = field(default_factory=dict)
    finalists: list[tuple[float, dict[str, Tensor]]] = field(default_factory=list)  # mean returns, weights; best first


class Learner:
    """Trains a policy.

    Args:
        network: the policy; it has the best weights afterwards.
        make: makes environments of so many rows.
        inputs: how the network's inputs are put together.
        measured: which inputs are standardised, [I].
        plan: how to train.
        about: further things that have to be the same for a training to be resumed.
        run: folder of the run, or None.
        callbacks: functions of an evaluation's row and the network.
        shown: the display of progress.
    """

    def __init__(
        self,
        network: Any,
        make: Callable[[int], Any],
        inputs: Inputs,
        measured: np.ndarray,
        plan: Plan,
        about: dict[str, Any],
        run: str | Path | None,
        callbacks: Sequence[Callback],
        shown: Lines,
    ) -> None:
        self.network, self.make, self.inputs, self.plan = network, make, inputs, plan
        self.callbacks, self.shown = callbacks, shown
        self.optimizer = torch.optim.Adam(network.parameters(), plan.learning_rate, eps=1e-5, fused=True)
        self.state = State(Moments(measured))
        self.record = Record(run, plan, about, network, self.optimizer, self.state)
        self._clear()
        self.recent: deque[tuple[float, int]] = deque(maxlen=RECENT)  # returns and lengths, for the display

    def learn(self) -> list[dict[str, Any]]:
        """Train to the end and return the rows of the evaluations.

        Raises:
            InputError: the folder holds another training; or the environment failed. What was learned before the part
                of the training in which it did is in the folder.
        """
        with self._alone():
            self.record.load()
            if not self.state.finished:
                made = (contextlib.closing(self.make(count)) for count in (self.plan.rows, self.plan.episodes))
                with next(made) as rows, next(made) as starts:
                    while not self.state.finished:
                        self._part(rows, starts)
            return self.state.rows

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with contextlib.nullcontext() if self.record.run is None else locked(self.record.run):
            yield

    def _share(self) -> float:
        """Return the share of the training that is done."""
        plan, state = self.plan, self.state
        late = 0.0 if plan.minutes is None else (state.seconds + time.monotonic() - self.began) / (60 * plan.minutes)
        return min(1.0, max(state.update / plan.updates, late))

    def _part(self, rows: Any, starts: Any) -> None:
        """Train for a part of the whole, from new episodes on."""
        state, self.began = self.state, time.monotonic()
        random = np.random.default_rng([self.plan.seed, TRAINED, state.part])
        torch.manual_seed(int(random.integers(2**31)))
        collector = Collector(rows, self.network, self.inputs, random)
        collector.begin(seeds_for(self.plan.seed, TRAINED, state.part, self.plan.rows))
        self._clear()
        share = self._share()
        while share < (state.part + 1) / PARTS and not state.finished:
            before = share
            self._window(collector, random, share)
            share = self._share()
            if int(share * LOOKS) > int(before * LOOKS):
                self._look(starts)
        state.part = max(state.part + 1, int(share * PARTS))
        state.seconds += time.monotonic() - self.began
        if share >= 1.0 or state.finished:
            self._end(starts)
        self.record.save()

    def _window(self, collector: Collector, random: np.random.Generator, share: float) -> None:
        """Collect a window, and learn from it."""
        plan, state = self.plan, self.state
        for group in self.optimizer.param_groups:
            group["lr"] = plan.learning_rate * max(LEAST_RATE, 1 - share)
        rollout = collector.collect(plan.window)
        advantage = advantages(rollout, plan.discount, plan.trace)
        state.moments.add(rollout.raw[rollout.valid])
        self.network.scale_values((advantage + rollout.value)[rollout.valid], state.update)
        how = (METHODS[plan.method], plan.weights, plan.passes, plan.batch, plan.clip_norm, random)
        seen = update(self.network, self.inputs.actions, self.optimizer, rollout, advantage, *how)
        self.network.scale_inputs(*state.moments.scales())
        state.update += 1
        state.steps += int(rollout.valid.sum())
        if plan.average is not None:
            average.add(state.average, self.network, plan.average, state.update)
        self.lately.append(seen)
        self.returns += rollout.returns
        self.lengths += rollout.lengths
        self.recent.extend(zip(rollout.returns, rollout.lengths, strict=True))
        speed = state.steps / max(state.seconds + time.monotonic() - self.began, 1e-9)
        said = [f"{name} {value:.4g}" for name, value in zip(("return", "length"), self._recently(), strict=False)]
        self.shown.tell(self._share(), ", ".join([*said, f"{speed:,.0f} steps/s"]))

    def _recently(self) -> list[float]:
        """Return the mean return and length of the last episodes; nothing before one has ended."""
        return np.mean(self.recent, 0).tolist() if self.recent else []

    def _clear(self) -> None:
        """Forget what updates and episodes told since the last evaluation."""
        self.lately: list[dict[str, float]] = []
        self.returns: list[float] = []
        self.lengths: list[int] = []

    def _look(self, starts: Any) -> None:
        """Evaluate the policy and write a row; once the target is reached, the training is finished."""
        state = self.state
        with average.averaged(self.network, state.average):
            found = self._episodes(starts, CHOSEN, state.look)
            score = float(found.returns.mean())
            weights = {name: value.clone() for name, value in self.network.state_dict().items()}
            place = next((k for k, (other, _) in enumerate(state.finalists) if score >= other), len(state.finalists))
            state.finalists.insert(place, (score, weights))
            del state.finalists[FINALISTS:]
            reached = self._confirmed(starts, found)
        state.look += 1
        state.rows.append(self._row(found))
        for callback in self.callbacks:
            callback(state.rows[-1], self.network)
        self._clear()
        if reached:
            state.finalists, state.finished = [(score, weights)], True

    def _confirmed(self, starts: Any, found: Episodes) -> bool:
        """Return whether all episodes, and ten times as many from other starts, return at least the target."""
        target = self.plan.target
        if target is None or found.returns.min() < target:
            return False
        further = (self._episodes(starts, CONFIRMED, 10 * self.state.look + k) for k in range(10))
        return all(one.returns.min() >= target for one in further)

    def _row(self, found: Episodes) -> dict[str, Any]:
        state = self.state
        spent = state.seconds + time.monotonic() - self.began
        ended = self.returns
        told = {name: float(np.mean([one[name] for one in self.lately])) for name in (self.lately or [{}])[0]}
        return {
            "epoch": state.look,
            "updates": state.update,
            "steps": state.steps,
            "return": float(np.mean(ended)) if ended else None,
            "length": float(np.mean(self.lengths)) if ended else None,
            "evaluated": float(found.returns.mean()),
            "evaluated_least": float(found.returns.min()),
            "evaluated_length": float(found.lengths.mean()),
            **told,
            "seconds": round(spent - sum(row["seconds"] for row in state.rows), 4),
        }

    def _end(self, starts: Any) -> None:
        """Take the weights that do best, of the few that did so, from starts that did not choose them."""
        state = self.state
        if len(state.finalists) > 1:
            scores = []
            for score, weights in state.finalists:
                self.network.load_state_dict(weights)
                again = [self._episodes(starts, COMPARED, k).returns.mean() for k in range(3)]
                scores.append((score + float(np.sum(again))) / 4)
            state.finalists = [state.finalists[int(np.argmax(scores))]]
        self.network.load_state_dict(state.finalists[0][1])
        state.finished = True

    def _episodes(self, starts: Any, purpose: int, number: int) -> Episodes:
        plan = self.plan
        seeds = seeds_for(plan.seed, purpose, number, plan.episodes)
        random = np.random.default_rng([plan.seed, purpose, number]) if plan.sampled else None
        return run_episodes(self.network, starts, self.inputs, seeds, plan.longest, random)

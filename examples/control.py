"""Recurrent policies that learn by acting, each on a task that needs memory; judged on starts that chose nothing.

    python examples/control.py pole --seeds 5
    python examples/control.py speed
    python examples/control.py repeat --cell gru

pole: CartPole whose velocities are hidden. speed: the same, 64 rows of 128 steps, timed. pendulum: Pendulum without its
velocity. maze: a T-maze (Bakker 2002): a sign at the start says where to turn at the end of a corridor of 100 steps.
repeat, medium, count, first, noisy, bandit, position: POPGym (pip install popgym). double: MuJoCo's inverted double
pendulum without velocities (pip install mujoco).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from keepgate import Controller

CORRIDOR = 100


class Maze(gymnasium.Env):
    """A T-maze, as Bakker 2002 has it.

    The agent sees 011 or 110 at the start, 101 in the corridor and 010 at the junction; it can go north, east, south
    and west. The right turn at the junction gives 4, the wrong one -0.1, and a step against a wall -0.1. An episode
    ends with a turn, or is cut off after 1.5 times the steps that the way takes, and 10.
    """

    observation_space, action_space = spaces.MultiBinary(3), spaces.Discrete(4)

    def __init__(self, corridor: int = CORRIDOR):
        self.corridor = corridor

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.north, self.at, self.t = bool(self.np_random.integers(2)), 0, 0
        return self.seen(), {}

    def seen(self) -> np.ndarray:
        if self.at == 0:
            return np.array([0, 1, 1] if self.north else [1, 1, 0], np.int8)
        return np.array([0, 1, 0] if self.at == self.corridor else [1, 0, 1], np.int8)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.t += 1
        late = self.t >= 1.5 * self.corridor + 10
        junction = self.at == self.corridor
        if junction and action in (0, 2):
            return self.seen(), 4.0 if (action == 0) == self.north else -0.1, True, False, {}
        moved = {1: 1, 3: -1}.get(int(action), 0)
        blocked = moved == 0 or not 0 <= self.at + moved <= self.corridor
        self.at += 0 if blocked else moved
        return self.seen(), -0.1 if blocked else 0.0, False, late, {}


@dataclass(frozen=True)
class Task:
    """An environment, how a policy learns in it, and in how many fresh episodes it is judged."""

    environment: str | Callable[[], gymnasium.Env]
    options: dict[str, Any] = field(default_factory=dict)
    fresh: int = 100


POLE = {"hide": "velocity", "steps": 60_000, "target": 500.0}
FAST = {**POLE, "environments": 64, "window": 128, "epochs": 4, "batch_size": 64, "shared": True}
MEMORY = {"environments": 64, "window": 64, "batch_size": 32, "steps": 2_000_000, "entropy_weight": 0.01}
TASKS = {
    "pole": Task("CartPole-v1", POLE, 1000),
    "speed": Task("CartPole-v1", {**FAST, "steps": 819_200, "target": None, "episodes": 10}, 1000),
    "pendulum": Task("Pendulum-v1", {"hide": "velocity", "steps": 1_000_000, "minutes": 3.0, "entropy_weight": 0.0}),
    "maze": Task(Maze, {"environments": 32, "window": 160, "steps": 600_000, "discount": 0.99, "target": 4.0}, 1000),
    "repeat": Task("popgym-RepeatPreviousEasy-v0", {**MEMORY, "steps": 500_000, "minutes": 0.5}),
    "medium": Task("popgym-RepeatPreviousMedium-v0", {**MEMORY, "hidden_size": 128, "discount": 0.0, "minutes": 5.0}),
    "count": Task("popgym-CountRecallEasy-v0", {**MEMORY, "minutes": 5.0}),
    "first": Task("popgym-RepeatFirstHard-v0", {**MEMORY, "window": 128, "minutes": 5.0}),
    "noisy": Task("popgym-NoisyPositionOnlyCartPoleHard-v0", {**MEMORY, "discount": 0.99, "minutes": 5.0}),
    "bandit": Task("popgym-MultiarmedBanditHard-v0", {**MEMORY, "previous": True, "minutes": 5.0}),
    "position": Task("popgym-PositionOnlyCartPoleHard-v0", {**MEMORY, "discount": 0.99, "minutes": 1.0}),
    "double": Task(
        "InvertedDoublePendulum-v5", {"hide": "velocity", "steps": 2_000_000, "discount": 0.99, "minutes": 5.0}
    ),
}


def learned(task: Task, seed: int, **options: Any) -> tuple[dict[str, float], Controller]:
    """Return what a seed came to, and its policy."""
    began, used = time.perf_counter(), time.process_time()
    agent = Controller(**{**task.options, "seed": seed, "progress": False, **options}).fit(task.environment)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    found = agent.evaluate(task.environment, episodes=task.fresh)
    steps = agent.history_[-1]["steps"]
    return {
        "seconds": seconds,
        "CPU seconds": cpu,
        "steps": steps,
        "steps a second": steps / cpu,
        "return": found.returns.mean(),
        "worst": found.returns.min(),
    }, agent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--cell", default="lstm")
    parser.add_argument("--steps", type=int, default=None, help="other steps than the task's")
    options = parser.parse_args()
    given = {"cell": options.cell} | ({} if options.steps is None else {"steps": options.steps})
    rows = []
    for seed in range(options.seeds):
        row, _ = learned(TASKS[options.task], seed, **given)
        rows.append(row)
        print(f"seed {seed}: " + ", ".join(f"{name} {value:,.4g}" for name, value in row.items()), flush=True)
    print("median: " + ", ".join(f"{name} {np.median([row[name] for row in rows]):,.4g}" for name in rows[0]))


if __name__ == "__main__":
    main()

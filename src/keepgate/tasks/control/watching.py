"""One episode of a policy, step by step: what it saw, did and gained, its states, and pictures of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from keepgate.errors import InputError, reason

if TYPE_CHECKING:
    from keepgate.tasks.control.estimator import Controller

__all__ = ["Watched", "watched"]

RENDER = "rgb_array"


@dataclass
class Watched:
    """An episode of T steps.

    Attributes:
        seen: inputs of the policy as they came, [T, I].
        action: as the environment took it, [T, A].
        reward: [T].
        value: that the policy gave each state, [T].
        states: of the last layer after each step, by name, [T, W].
        gates: values that the cell's step names, of the last layer, by name, [T, W].
        hidden: values of the observation that the policy did not see, [T, V].
        frames: pictures, if they were asked for.
        rate: of the pictures, in frames a second.
    """

    seen: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    value: np.ndarray
    states: dict[str, np.ndarray]
    gates: dict[str, np.ndarray]
    hidden: np.ndarray
    frames: list[np.ndarray] = field(default_factory=list)
    rate: float = 30.0


def watched(
    model: Controller, environment: Any, seed: int, *, pictures: bool = False, longest: int | None = None
) -> Watched:
    """Return an episode of a policy.

    Args:
        model: fitted.
        environment: as in `Controller.evaluate`.
        seed: of the episode.
        pictures: whether to draw each step.
        longest: steps after which the episode is left; None: the parameter.

    Raises:
        InputError: pictures are asked for and the environment cannot draw.
    """
    from keepgate.data.environments import Observations, given_to

    source = model.source(environment)
    env = source.single(**({"render_mode": RENDER} if pictures else {}))
    try:
        if pictures and RENDER not in env.metadata.get("render_modes", []):
            raise InputError(f"{source} draws no pictures: it has no render mode {RENDER}")
        flat, give = Observations(env.observation_space, "observation").flat, given_to(env.action_space)
        policy, inputs = model.policy(), model.inputs()
        chosen = np.arange(model.values_) if model.seen_ is None else np.array(model.seen_)
        rows, whole, actions, rewards, frames = [], [], [], [], []
        raw, _ = env.reset(seed=int(seed))
        numbers, reward, over = None, 0.0, False
        most = int(model.longest if longest is None else longest)
        while not over and len(rewards) < most:
            observation = flat(_one(raw))
            whole.append(observation[0])
            rows.append(inputs.rows(observation[:, chosen], numbers, np.array([reward]))[0])
            if pictures:
                frames.append(_drawn(env, source))
            policy.act(observation[0], reward)
            numbers = np.asarray(policy.chosen)
            values = model.actions_.values(numbers)
            raw, reward, terminated, truncated, _ = env.step(_only(give(values)))
            actions.append(values[0])
            rewards.append(float(reward))
            over = bool(terminated or truncated)
        if pictures:
            frames.append(_drawn(env, source))
        seen = np.array(rows)
        left_out = np.setdiff1d(np.arange(model.values_), chosen)
        rate = float(env.metadata.get("render_fps", 30) or 30)
        inner = _inside(model, seen)
        return Watched(seen, np.array(actions), np.array(rewards), *inner, np.array(whole)[:, left_out], frames, rate)
    finally:
        env.close()


def _inside(model: Controller, seen: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return values, states and gates over an episode, by one pass over its inputs."""
    network = model.network_
    with torch.no_grad():
        x = torch.from_numpy(network.standardiser()(seen))[None]
        told = [layers(x)[0] for layers in network.layers]
        _, _, states, gates = network.recurrent(x, return_states=True, return_gates=True)
        value = network.values(told)[0].numpy()
    last = {name: getattr(states, name)[-1, 0].numpy() for name in states._fields}
    return value, last, {name: one[-1, 0].numpy() for name, one in gates.items() if name not in last}


def _drawn(env: Any, source: Any) -> np.ndarray:
    try:
        return np.asarray(env.render())
    except Exception as error:
        raise InputError(
            f"{source} cannot be drawn: {type(error).__name__}: {reason(error)}; MuJoCo draws without a display where "
            "MUJOCO_GL=egl is set"
        ) from error


def _one(value: Any) -> Any:
    """Return an observation as a batch of one."""
    if isinstance(value, dict):
        return {key: _one(one) for key, one in value.items()}
    return tuple(map(_one, value)) if isinstance(value, tuple) else np.asarray(value)[None]


def _only(batch: Any) -> Any:
    """Return the one action of a batch."""
    if isinstance(batch, dict):
        return {key: _only(one) for key, one in batch.items()}
    return tuple(map(_only, batch)) if isinstance(batch, tuple) else batch[0]

"""Rows of environments: the three ways to be reset look alike."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from control_rooms import MODES, Cliff, Forever, rows_of
from keepgate.data.environments import Environments, named

NOTHING = np.zeros((2, 1))


@pytest.mark.parametrize("mode", MODES)
def test_the_last_observation_is_the_true_one_and_the_next_that_of_a_reset(mode):
    rows = rows_of(Cliff, 2, mode)
    assert rows.reset(np.arange(2)).tolist() == [[0.0], [0.0]]
    one, two = rows.step(NOTHING), rows.step(NOTHING)
    assert not one.truncated.any()
    assert two.truncated.all()
    assert not two.terminated.any()
    assert two.last.tolist() == [[1.0], [1.0]]
    if mode.name == "NEXT_STEP":
        assert two.valid.all()
        assert not two.first.any()
        two = rows.step(NOTHING)
        assert not two.valid.any()
    assert two.first.all()
    assert two.observation.tolist() == [[0.0], [0.0]]
    assert rows.steps == 4


@pytest.mark.parametrize("mode", MODES)
def test_last_observations_of_nested_spaces(mode):
    class Nested(Cliff):
        observation_space = spaces.Dict({"a": spaces.Tuple([spaces.Box(0, 1, (1,)), spaces.Discrete(2)])})

        def reset(self, **options):
            return {"a": (super().reset(**options)[0], 0)}, {}

        def step(self, action):
            seen, *rest = super().step(action)
            return {"a": (seen, int(seen[0]))}, *rest

    rows = rows_of(Nested, 2, mode)
    rows.reset(np.arange(2))
    rows.step(NOTHING)
    assert rows.step(NOTHING).last.tolist() == [[1.0, 0.0, 1.0]] * 2


def test_a_vector_entry_point_is_used_and_its_dead_rows_are_told():
    rows = Environments(named("CartPole-v1"), 3)
    assert type(rows.env).__name__ == "CartPoleVectorEnv"
    rows.reset(np.arange(3))
    ended = dead = 0
    for _ in range(60):
        moved = rows.step(np.ones((3, 1)))
        ended, dead = ended + int(moved.terminated.sum()), dead + int((~moved.valid).sum())
        assert (np.abs(moved.observation[moved.first]) <= 0.05).all()
    assert ended - dead in range(4)
    assert dead > 9
    assert rows.steps == 180 - dead


def test_seeds_say_the_episodes():
    rows = Environments(named("Pendulum-v1"), 2)
    one, two = rows.reset(np.array([3, 4])), rows.reset(np.array([4, 3]))
    assert (one == two[::-1]).all()
    env = gymnasium.make("Pendulum-v1")
    assert env.reset(seed=3)[0].tolist() == one[0].tolist()


def test_a_part_of_an_observation_is_seen():
    rows = rows_of(Forever, 2, observe=(0,))
    assert rows.picked == [0]
    pole = Environments(named("CartPole-v1").seeing(None, "velocity"), 2)
    whole = Environments(named("CartPole-v1"), 2)
    assert (pole.reset(np.arange(2)) == whole.reset(np.arange(2))[:, [0, 2]]).all()
    assert pole.width == 2

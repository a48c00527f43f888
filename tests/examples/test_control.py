"""The example of control: its maze is Bakker's, and a short run of it comes to an end."""

import numpy as np
import pytest
from control import TASKS, Maze, learned
from gymnasium.utils.env_checker import check_env

from keepgate import Controller


def test_the_maze_keeps_to_gymnasiums_rules():
    check_env(Maze(5), skip_render_check=True)


@pytest.mark.parametrize("seed", range(4))
def test_who_remembers_the_sign_gets_4(seed):
    maze = Maze(5)
    sign = maze.reset(seed=seed)[0].tolist()
    seen = [maze.step(1)[0].tolist() for _ in range(5)]
    assert seen == [[1, 0, 1]] * 4 + [[0, 1, 0]]
    north = sign == [0, 1, 1]
    assert maze.step(0 if north else 2)[1:4] == (4.0, True, False)
    maze.reset(seed=seed)
    assert maze.step(3)[1] == -0.1  # a wall
    for _ in range(5):
        maze.step(1)
    assert maze.step(2 if north else 0)[1:4] == (-0.1, True, False)


def test_an_episode_that_leads_nowhere_is_cut_off():
    maze = Maze(4)
    maze.reset(seed=0)
    ended = [maze.step(0)[3] for _ in range(16)]
    assert ended == [False] * 15 + [True]


@pytest.mark.parametrize("name", TASKS)
def test_the_parameters_of_every_task_are_legal(name):
    Controller(**TASKS[name].options).check_parameters()


def test_a_short_run():
    row, agent = learned(TASKS["pole"], 0, steps=2048, episodes=5)
    assert row["steps"] <= 2048
    assert np.isfinite(list(row.values())).all()
    assert agent.seen_ == [0, 2]

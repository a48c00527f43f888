"""Episodes of a policy: one a row, from seeds of their own, with memory."""

import numpy as np
import pytest
import torch

from control_rooms import MODES, Bit, Forever, rows_of
from keepgate.training.policy.episodes import chance_episodes, run_episodes
from training.policy.policies import policy


@pytest.mark.parametrize("mode", MODES)
def test_each_row_counts_one_episode(mode):
    rows = rows_of(lambda: Forever(steps=7), 4, mode)
    found = run_episodes(*policy(rows)[:1], rows, policy(rows)[1], np.arange(4), 100)
    assert found.returns.tolist() == [7.0] * 4
    assert found.lengths.tolist() == [7] * 4
    left = run_episodes(*policy(rows)[:1], rows, policy(rows)[1], np.arange(4), 3)
    assert left.lengths.tolist() == [3] * 4


def test_the_same_seeds_give_the_same_episodes_and_others_others():
    rows = rows_of(Bit, 30)
    network, inputs = policy(rows, seed=3)
    one, two, other = (run_episodes(network, rows, inputs, np.arange(30) + k, 10) for k in (0, 0, 100))
    assert one.returns.tolist() == two.returns.tolist()
    assert one.lengths.tolist() != other.lengths.tolist()


def test_chance_is_right_half_the_time():
    rows = rows_of(Bit, 400)
    found = chance_episodes(rows, rows.actions, np.arange(400), 10, 0)
    assert found.returns.mean() == pytest.approx(0.5, abs=0.1)
    assert set(found.lengths) == {1, 2, 3}


def test_a_forgetful_policy_begins_each_step_anew():
    rows = rows_of(Bit, 50)
    network, inputs = policy(rows, seed=1)
    seen = []
    stream = network.recurrent.stream

    class Watching:
        def __init__(self, count):
            self.inner = stream(count)

        def reset(self, *given):
            self.inner.reset(*given)

        def step(self, x, output):
            seen.append(torch.stack(list(self.inner.state)).abs().max())
            return self.inner.step(x, output)

    network.recurrent.stream = Watching
    run_episodes(network, rows, inputs, np.arange(50), 10, forgetful=True)
    assert not any(seen)
    seen.clear()
    run_episodes(network, rows, inputs, np.arange(50), 10)
    assert any(seen)

"""What a window of experience says of episodes: where they begin and end, cuts, rows that are no step."""

import numpy as np
import pytest
import torch

from control_rooms import MODES, Bit, Cliff, Faulty, Forever, rows_of
from keepgate.errors import InputError
from training.policy.policies import collected, policy


@pytest.mark.parametrize("mode", MODES)
def test_rows_are_the_steps_of_episodes_in_every_mode(mode):
    rows = rows_of(Bit, 4, mode)
    network, inputs = policy(rows)
    window = collected(rows, network, inputs, 40)
    assert window.valid.sum() == rows.steps
    dead = ~window.valid
    assert dead.sum() == (window.over[:-1].sum() if mode.name == "NEXT_STEP" else 0)
    assert not window.reward[dead].any()
    if dead.any():
        assert (dead[1:] == window.over[:-1]).all()  # the row after the last step of an episode
    lengths, began = [], np.zeros(4, int)
    for t in range(40):
        began[window.first[t].numpy()] = 0
        began += window.valid[t]
        lengths += began[window.over[t]].tolist()
    assert sorted(lengths) == sorted(window.lengths)
    assert set(lengths) == {1, 2, 3}


def test_episodes_are_the_same_in_every_mode():
    found = []
    for mode in MODES:
        rows = rows_of(Bit, 3, mode)
        network, inputs = policy(rows)
        window = collected(rows, network, inputs, 60)
        # each row's observations of valid steps, in order: what resets it does not change them
        found.append([window.raw[window.valid[:, k], k][:30].tolist() for k in range(3)])
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("mode", MODES)
def test_the_value_after_a_cut_is_that_of_the_true_last_observation(mode):
    rows = rows_of(Cliff, 2, mode)
    network, inputs = policy(rows)
    with torch.no_grad():
        network.value.mean.fill_(50.0)
        network.value.scale.fill_(100.0)
    window = collected(rows, network, inputs, 9)
    for t, row in np.argwhere(window.over):
        begin = max(s for s in range(t + 1) if window.first[s, row])
        x = torch.cat([window.x[begin : t + 1, row], torch.ones(1, 1)])  # and then what it led to
        with torch.no_grad():
            told = [layers(x[None])[0] for layers in network.layers]
            assert window.following[t, row] == pytest.approx(float(network.values(told)[0, -1]), rel=1e-6)
    assert window.over.sum() >= 6


def test_nothing_follows_a_termination_and_the_next_step_follows_all_others():
    rows = rows_of(lambda: Forever(terminates=True), 3)
    network, inputs = policy(rows)
    window = collected(rows, network, inputs, 24)
    assert (window.following[window.over] == 0).all()
    goes_on = ~window.over[:-1]
    assert (window.following[:-1][goes_on] == window.value[1:][goes_on]).all()


@pytest.mark.parametrize("mode", MODES)
def test_the_previous_action_and_reward_are_those_of_this_episode(mode):
    rows = rows_of(Bit, 4, mode)
    network, inputs = policy(rows, previous=True)
    window = collected(rows, network, inputs, 40)
    first = window.first.numpy()
    assert not window.raw[first][:, 2:].any()
    for t, row in np.argwhere(window.valid & ~first & (np.arange(40)[:, None] > 0)):
        one = np.eye(2)[int(window.numbers[t - 1, row, 0])]
        assert window.raw[t, row, 2:].tolist() == [*one, window.reward[t - 1, row]]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("raises", "environment 'room' raised RuntimeError after 58 steps: the motor is hot"),
        ("reward", r"environment 'room' gave the reward nan at about step 59 \(row 0\)"),
        ("observation", r"gave the observation that is not all finite numbers at about step"),
    ],
)
def test_a_fault_of_the_environment_is_told_with_its_step(how, message):
    rows = rows_of(lambda: Faulty(how), 2)
    network, inputs = policy(rows)
    with pytest.raises(InputError, match=message):
        collected(rows, network, inputs, 40)

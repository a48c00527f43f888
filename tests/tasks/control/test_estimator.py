"""`Controller`: fitting, evaluation on fresh starts, the model file, the policy that acts."""

import gymnasium
import numpy as np
import pytest
import torch

from control_rooms import Bit
from keepgate import Controller, load
from keepgate.errors import InputError
from keepgate.runtime import Policy

TINY = {"hidden_size": 6, "epochs": 2, "environments": 4, "window": 16, "steps": 600, "episodes": 5, "progress": False}


@pytest.fixture(scope="module")
def pole():
    return Controller(**TINY, hide="velocity", previous=True).fit("CartPole-v1")


def test_a_saved_policy_acts_with_the_same_bits(pole, tmp_path):
    pole.save(tmp_path)
    again = load(tmp_path)
    one, two = pole.evaluate(episodes=8), again.evaluate(episodes=8)
    assert one.returns.tolist() == two.returns.tolist()
    for name, tensor in pole.network_.state_dict().items():
        assert torch.equal(tensor, again.network_.state_dict()[name])
    assert again.environment_ == "CartPole-v1"
    assert again.seen_ == [0, 2]


@pytest.mark.parametrize("from_file", [False, True])
def test_the_policy_plays_the_episodes_of_the_evaluation(pole, from_file, tmp_path):
    """One step at a time, without torch, in an environment of its own: the same returns."""
    pole.save(tmp_path)
    policy = Policy.load(tmp_path) if from_file else pole.policy()

    def make():
        return gymnasium.make("CartPole-v1")

    found = pole.evaluate(make, episodes=6)
    env = make()
    for seed, expected in zip(found.seeds, found.returns, strict=True):
        policy.reset()
        observation, _ = env.reset(seed=int(seed))
        total, reward, over = 0.0, 0.0, False
        while not over:
            observation, reward, *over, _ = env.step(policy.act(observation, reward))
            total, over = total + reward, any(over)
        assert total == expected


def test_memory_is_what_a_task_of_memory_is_solved_by():
    agent = Controller(**{**TINY, "steps": 8000, "environments": 16, "epochs": 4, "learning_rate": 0.01}, discount=0.9)
    agent.fit(Bit)
    assert agent.evaluate(Bit, episodes=100).returns.mean() >= 0.95
    assert agent.evaluate(Bit, episodes=300, forgetful=True).returns.mean() < 0.85  # episodes of one step need none
    with pytest.raises(InputError, match="the environment that was learned in has no name: give it again"):
        agent.evaluate()


def test_the_starts_of_an_evaluation_have_chosen_nothing(pole):
    from keepgate.training.policy import learner

    fresh = set(pole.evaluate(episodes=50).seeds.tolist())
    others = [learner.seeds_for(0, purpose, k, 50) for purpose in range(learner.FRESH) for k in range(50)]
    assert not fresh & {int(seed) for part in others for seed in part}
    assert not fresh & set(pole.evaluate(episodes=50, number=1).seeds.tolist())


@pytest.mark.parametrize("name", ["Pendulum-v1", "FrozenLake-v1", "Blackjack-v1"])
def test_kinds_of_environments(name):
    agent = Controller(**{**TINY, "steps": 100}).fit(name)
    assert agent.evaluate(episodes=2).returns.shape == (2,)


def test_a_vector_environment_that_is_given_is_used():
    agent = Controller(**{**TINY, "steps": 200, "episodes": 4}, batch_size=2)
    agent.fit(gymnasium.make_vec("CartPole-v1", 4))
    assert agent.environment_ is None
    assert agent.evaluate("CartPole-v1").lengths.min() >= 8


@pytest.mark.parametrize(
    ("options", "environment", "message"),
    [
        ({}, "CartPol-v1", "there is no environment 'CartPol-v1'"),
        ({"observe": "0,x"}, "CartPole-v1", "observe='0,x' is no list of numbers such as 0,2"),
        ({"observe": (0, -1)}, "CartPole-v1", "is no list of numbers from 0 on"),
        ({"observe": "7"}, "CartPole-v1", "observe=7 is no value of an observation"),
        ({"hide": "velocity"}, "FrozenLake-v1", "it is not known which values of environment 'FrozenLake-v1' are"),
        ({"method": "dqn"}, "CartPole-v1", "method='dqn' is none of ppo, reinforce"),
        ({"steps": 0}, "CartPole-v1", "steps=0 is not at least 1"),
        ({}, 3, "an environment is an id of gymnasium"),
    ],
)
def test_what_cannot_be_learned_is_told_before_anything_is_written(options, environment, message, tmp_path):
    with pytest.raises(InputError, match=message):
        Controller(**{**TINY, **options}).fit(environment, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_held_out_data_are_none():
    with pytest.raises(InputError, match="control has no held-out data"):
        Controller(**TINY).fit("CartPole-v1", valid="CartPole-v1")


def test_another_environment_is_refused(pole):
    with pytest.raises(InputError, match="environment 'Pendulum-v1' shows 2 values and takes 1 of an action; the"):
        pole.evaluate("Pendulum-v1")
    agent = Controller(**{**TINY, "steps": 64}).fit("CartPole-v1")
    with pytest.raises(InputError, match="environment 'MountainCar-v0' shows 2 values and takes 3 of an action"):
        agent.evaluate("MountainCar-v0")


def test_a_model_does_not_run_files_that_it_names(tmp_path):
    from data.environments.test_making import ROOM

    room = ROOM.replace("pass", "") + (
        "\nRoom.reset = lambda self, *, seed=None, options=None: (self.observation_space.sample(), {})\n"
        "Room.step = lambda self, action: (self.observation_space.sample(), 1.0, True, False, {})\n"
    )
    (tmp_path / "room.py").write_text(room)
    agent = Controller(**{**TINY, "steps": 64}).fit(tmp_path / "room.py")
    agent.save(tmp_path / "run")
    again = load(tmp_path / "run")
    with pytest.raises(InputError, match="a model does not run files by itself: name the environment again"):
        again.evaluate()
    assert again.evaluate(tmp_path / "room.py").returns.tolist() == [1.0] * 5


def test_the_policy_acts_in_microseconds(pole):
    import time

    policy, observation, times = pole.policy(), np.zeros(4, np.float32), []
    for _ in range(300):
        began = time.perf_counter()
        policy.act(observation, 1.0)
        times.append(time.perf_counter() - began)
    assert np.median(times) < 500e-6  # 30 on an idle machine


def test_a_run_goes_on(tmp_path):
    def stop(row, network):
        if row["updates"] >= 5:
            raise KeyboardInterrupt

    whole = Controller(**TINY).fit("CartPole-v1")
    with pytest.raises(KeyboardInterrupt):
        Controller(**TINY).fit("CartPole-v1", run=tmp_path, callbacks=[stop])
    again = Controller(**TINY).fit("CartPole-v1", run=tmp_path)
    for name, tensor in whole.network_.state_dict().items():
        assert torch.equal(tensor, again.network_.state_dict()[name])
    with pytest.raises(InputError, match=r"holds a training with .*hidden_size=6 instead of 7"):
        Controller(**{**TINY, "hidden_size": 7}).fit("CartPole-v1", run=tmp_path)
